// The sender: takes on notifications that are due, a few at a time, and has them sent. One that is new is taken on by the
// commit that stores it, when there is a place for it; for those that wait it claims several at a time.
//
// Invariants:
//   N1. It claims only what it begins at once, so that what it holds when it dies is what it was sending.
//   N2. A store that does not answer stops nothing for good: it is asked again at the next look.
//   N3. Those that wait go first: as long as some may, nothing new is taken on.

import { currentContext, inContext, type Log, type RequestContext, type Telemetry } from "@webstore/kit";
import { claimedAsNew, type NewNotification, type Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import type { SendOutcome } from "./send-notification.ts";

/** Also how many connections to the mail server are kept. */
export const inHandMax = 8;
/** Fewer than these are not claimed for: a claim costs about as much for one as for many. */
const claimMin = inHandMax / 2;

export type Sender = {
  /** There is something new. */
  wake(): void;
  /** Has this stored, by `store`: until `leaseUntilMs` as this sender's, which then sends it. `store` says whether it is new. */
  takeOn(
    notification: NewNotification,
    store: (leaseUntilMs: number | undefined) => Promise<boolean>,
  ): Promise<void>;
  /** Takes on nothing more, and waits for what is in hand, but no longer than this. */
  stop(graceMs: number): Promise<void>;
};

type Attempt = (notification: Notification, leaseUntilMs: number) => Promise<void>;

export type SenderParts = {
  readonly store: Pick<NotificationStore, "claim">;
  readonly send: (notification: Notification, leaseUntilMs: number) => Promise<SendOutcome>;
  readonly leaseMs: number;
  readonly lookEveryMs: number;
  readonly nowMs: () => number;
  readonly delayMs: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly telemetry: Telemetry;
  readonly log: Pick<Log, "warn" | "error">;
};

export function startSender(parts: SenderParts): Sender {
  const { store, leaseMs, nowMs, delayMs, log } = parts;
  // Whoever wakes the sender has a context of its own, with a deadline that is nothing to the mails.
  const own = currentContext();
  const attempt = observed(parts, own);
  const inHand = new Set<Promise<void>>();
  /** Places for what is being stored. */
  let kept = 0;
  let stopping = false;
  let looking = false;
  let more = false;

  async function look(): Promise<void> {
    if (looking) {
      more = true;
      return;
    }
    looking = true;
    try {
      do {
        more = false;
        const limit = inHandMax - inHand.size - kept;
        if (limit < claimMin) {
          more = true;
          break;
        }
        const now = nowMs();
        const leaseUntilMs = now + leaseMs;
        const claimed = await store.claim({ nowMs: now, leaseUntilMs, limit });
        for (const notification of claimed) begin(notification, leaseUntilMs);
        more ||= claimed.length === limit;
      } while (more && !stopping);
    } catch (error) {
      log.warn({ error }, "notifications that are due could not be looked up");
    } finally {
      looking = false;
    }
  }

  function begin(notification: Notification, leaseUntilMs: number) {
    const work = attempt(notification, leaseUntilMs).finally(() => {
      inHand.delete(work);
      lookFurther();
    });
    inHand.add(work);
  }

  const wake = () => {
    if (!stopping) void inContext(own, look);
  };
  const lookFurther = () => {
    if (more) wake();
  };
  const takeOn: Sender["takeOn"] = async (notification, store) => {
    if (stopping || looking || more || inHand.size + kept === inHandMax) {
      await store(undefined);
      return wake();
    }
    const leaseUntilMs = nowMs() + leaseMs;
    kept += 1;
    try {
      const isNew = await store(leaseUntilMs);
      if (isNew) inContext(own, () => begin(claimedAsNew(notification), leaseUntilMs));
    } finally {
      kept -= 1;
      lookFurther();
    }
  };
  const timer = setInterval(wake, parts.lookEveryMs);
  timer.unref();
  wake();
  return {
    wake,
    takeOn,
    async stop(graceMs) {
      stopping = true;
      clearInterval(timer);
      const waited = new AbortController();
      await Promise.race([Promise.all(inHand), delayMs(graceMs, waited.signal)]);
      waited.abort();
    },
  };
}

/** One attempt under its own deadline, seen in traces and counted. Never rejects. */
function observed({ send, telemetry, log }: SenderParts, own: RequestContext): Attempt {
  const outcomes = telemetry.counter("webstore.notifications.attempts", {
    description: "Attempts to send a mail, by how they ended.",
  });
  return async (notification, leaseUntilMs) => {
    const { facts, orderId, notificationId } = notification;
    const span = telemetry.span("send notification", "internal", undefined, {
      event: facts.kind,
      "order.id": orderId,
    });
    await inContext({ ...own, span, deadlineAtMs: leaseUntilMs }, async () => {
      try {
        outcomes.add(1, { event: facts.kind, outcome: await send(notification, leaseUntilMs) });
        span.end();
      } catch (error) {
        log.error({ error, notification_id: notificationId }, "how a mail ended could not be noted");
        outcomes.add(1, { event: facts.kind, outcome: "unnoted" });
        span.end(error);
      }
    });
  };
}
