// Send one notification that was claimed: ask for the customer's address of today, make the mail, hand it to the mail
// server, and note how that ended.
//
// Exactly once, as far as SMTP allows. The claim, with its lease, is committed before a byte of the mail leaves; after
// the server's 250 the row is `sent` and nobody sends it again. Between the two is the one place where a mail can go
// out twice: a process that dies there, or a connection that is lost behind the last byte, leaves nobody who knows
// whether the server took the mail. It is then sent again, when the lease has ended, with the SAME Message-ID, by which
// mail stores know it for the copy it is. The alternative, not to send again, would lose mails.
//
// Invariants:
//   D1. Whatever is sent for a notification has its Message-ID, which is computed from its id.
//   D2. An attempt ends by itself before half of its lease has passed; the rest is for noting how it ended.
//   D3. An attempt for which a service of ours could certainly not be asked does not count where the schedule says to wait for
//       more than a minute: one that is away for some minutes must not make its mails wait for an hour.
//   D4. The address is in the mail and nowhere else: not in the row, not in a log line, not in a reason.

import { type Log, Outage, type PortsOf, Refusal } from "@webstore/kit";
import type { Mailbox } from "./config.ts";
import type { notifications } from "./definition.ts";
import type { ProductNames } from "./letter.ts";
import { MailNotSent, type MailTransport } from "./mail-transport.ts";
import {
  attemptsMax,
  isAddress,
  masked,
  messageIdOf,
  type Notification,
  retryAfterMs,
  unaskedWaitMsMax,
} from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import type { NamesOf } from "./product-names.ts";
import { renderLetter } from "./render-letter.ts";
import { letterOf, productsIn } from "./template.ts";

export type SendParts = Pick<PortsOf<typeof notifications>, "identity"> & {
  readonly namesOf: NamesOf;
  readonly store: Pick<NotificationStore, "markSent" | "markFailed">;
  readonly transport: MailTransport;
  readonly from: Mailbox;
  readonly nowMs: () => number;
  readonly delayMs: (ms: number) => Promise<void>;
  readonly log: Pick<Log, "warn" | "error">;
};

export type SendOutcome = "sent" | "retried" | "failed" | "overtaken";

/** `leaseUntilMs`: until when nobody else touches it. Throws only when the outcome could not be noted. */
export async function sendNotification(
  notification: Notification,
  leaseUntilMs: number,
  parts: SendParts,
): Promise<SendOutcome> {
  const { notificationId } = notification;
  const { store, nowMs } = parts;
  const attempt: Attempt = { recipientMasked: notification.recipientMasked };
  try {
    await within(Math.floor((leaseUntilMs - nowMs()) / 2), (signal) =>
      sendMail(notification, attempt, signal, parts),
    );
  } catch (error) {
    return noteFailure(notification, attempt, error, parts);
  }
  const sent = { sentTimeMs: nowMs(), recipientMasked: attempt.recipientMasked };
  await noted(() => store.markSent(notificationId, sent), leaseUntilMs, parts);
  return "sent";
}

/** For a store that sends no mails: nobody is asked and nothing is made, and the row is as if it had been sent. */
export async function dropNotification(
  { notificationId }: Notification,
  { store, nowMs }: Pick<SendParts, "store" | "nowMs">,
): Promise<SendOutcome> {
  await store.markSent(notificationId, { sentTimeMs: nowMs(), recipientMasked: "" });
  return "sent";
}

/** What becomes known on the way. */
type Attempt = { recipientMasked: string };

/** Thrown for what no later attempt mends. */
class Unsendable extends Error {
  override readonly name = "Unsendable";
}

async function sendMail(
  notification: Notification,
  attempt: Attempt,
  signal: AbortSignal,
  parts: SendParts,
): Promise<void> {
  const { notificationId, customerId, orderId, facts, subject, createTimeMs } = notification;
  // Only a process that died during the last one leaves so many behind.
  if (notification.attempts > attemptsMax) throw new Unsendable("given up: the last attempt did not end");
  const { email, username } = await customerOf(customerId, parts);
  attempt.recipientMasked = masked(email);
  if (!isAddress(email)) throw new Unsendable("the customer's address is none that mail can go to");
  const names = productsIn(facts).length === 0 ? noNames : await parts.namesOf(orderId);
  const frame = { store: parts.from.name || parts.from.address, customer: username, orderId };
  const bodies = renderLetter(letterOf(facts, names), frame);
  const mail = {
    ...bodies,
    messageId: messageIdOf(notificationId, parts.from.address),
    from: parts.from,
    to: email,
    subject,
    // Of the notification, not of the attempt: copies are alike.
    date: new Date(createTimeMs),
  };
  await parts.transport.send(mail, signal);
}

/** Not AbortSignal.timeout: that fires, and makes an error, also long after the work is done. */
async function within(limitMs: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), Math.max(1, limitMs));
  try {
    await work(late.signal);
  } finally {
    clearTimeout(timer);
  }
}

const noNames: ProductNames = new Map();

async function customerOf(customerId: string, { identity }: SendParts) {
  try {
    const { user } = await identity.getUser({ userId: customerId });
    if (user !== undefined) return user;
    throw new Outage("identity", "answered without a user");
  } catch (error) {
    if (error instanceof Refusal && error.reason === "user_not_found")
      throw new Unsendable("there is no such customer");
    throw error;
  }
}

async function noteFailure(
  { notificationId, attempts, facts }: Notification,
  { recipientMasked }: Attempt,
  error: unknown,
  { store, nowMs, log }: SendParts,
): Promise<SendOutcome> {
  const reason = reasonOf(error);
  const final = error instanceof Unsendable || (error instanceof MailNotSent && error.final);
  const scheduledMs = final ? undefined : retryAfterMs(attempts);
  const wasAsked = !(error instanceof Outage && error.notSent);
  const counts = wasAsked || (scheduledMs !== undefined && scheduledMs <= unaskedWaitMsMax);
  const waitMs = counts ? scheduledMs : unaskedWaitMsMax;
  const retryAtMs = waitMs === undefined ? undefined : nowMs() + waitMs;
  const failed = { attempt: attempts, counts, reason, recipientMasked, retryAtMs };
  const isOurs = await store.markFailed(notificationId, failed);
  const about = {
    notification_id: notificationId,
    kind: facts.kind,
    attempt: attempts,
    reason,
    ...placeOf(error),
  };
  if (!isOurs) return "overtaken";
  if (waitMs === undefined) {
    log.error(about, "a mail was given up");
    return "failed";
  }
  log.warn({ ...about, retry_after_ms: waitMs }, "a mail was not sent; it is tried again");
  return "retried";
}

const reasonLengthMax = 500;

/** What may be kept and shown: of errors that are not made for it, the kind only. */
function reasonOf(error: unknown): string {
  if (error instanceof Unsendable || error instanceof MailNotSent)
    return error.message.slice(0, reasonLengthMax);
  if (error instanceof Outage) return `${error.peer} did not answer`;
  if (error instanceof Refusal) return `${error.service} refused: ${error.reason}`;
  return `the mail could not be made (${error instanceof Error ? error.name : "unknown"})`;
}

/** Where a bug is. Not what it says: that may hold a word of the mail. */
function placeOf(error: unknown): { at?: string[] } {
  if (error instanceof Unsendable || error instanceof MailNotSent) return {};
  if (error instanceof Outage || error instanceof Refusal || !(error instanceof Error)) return {};
  const frames = error.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
  return { at: frames.slice(0, 5).map((line) => line.trim()) };
}

const noteAgainMs = 500;

/** The mail is out: as long as it is ours to say so, a database that is away for a moment must not make it go again. */
async function noted(
  note: () => Promise<void>,
  leaseUntilMs: number,
  { nowMs, delayMs, log }: SendParts,
): Promise<void> {
  for (;;) {
    try {
      return await note();
    } catch (error) {
      if (nowMs() + noteAgainMs >= leaseUntilMs) throw error;
      log.warn({ error }, "a mail was sent, which could not be noted yet");
      await delayMs(noteAgainMs);
    }
  }
}
