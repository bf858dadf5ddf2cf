// The sender: takes on notifications that are due, a few at a time, and has them sent.
//
// Invariants:
//   N1. It claims only what it begins at once, so that what it holds when it dies is what it was sending.
//   N2. A store that does not answer stops nothing for good: it is asked again at the next look.

import { currentContext, inContext, type Log, type Telemetry } from "@webstore/kit";
import type { Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import type { SendOutcome } from "./send-notification.ts";

/** Also how many connections to the mail server are kept. */
export const inHandMax = 4;

export type Sender = {
  /** There is something new. */
  wake(): void;
  /** Takes on nothing more, and waits for what is in hand, but no longer than this. */
  stop(graceMs: number): Promise<void>;
};

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
  const { store, leaseMs, nowMs, delayMs, telemetry, log } = parts;
  const outcomes = telemetry.counter("webstore.notifications.attempts", {
    description: "Attempts to send a mail, by how they ended.",
  });
  // Whoever wakes the sender has a context of its own, with a deadline that is nothing to the mails.
  const own = currentContext();
  const inHand = new Set<Promise<void>>();
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
        const limit = inHandMax - inHand.size;
        if (limit === 0) {
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
      if (more && !stopping) void look();
    });
    inHand.add(work);
  }

  async function attempt(notification: Notification, leaseUntilMs: number): Promise<void> {
    const { facts, orderId, notificationId } = notification;
    const span = telemetry.span("send notification", "internal", undefined, {
      event: facts.kind,
      "order.id": orderId,
    });
    await inContext({ ...own, span, deadlineAtMs: leaseUntilMs }, async () => {
      try {
        outcomes.add(1, { event: facts.kind, outcome: await parts.send(notification, leaseUntilMs) });
        span.end();
      } catch (error) {
        log.error({ error, notification_id: notificationId }, "how a mail ended could not be noted");
        outcomes.add(1, { event: facts.kind, outcome: "unnoted" });
        span.end(error);
      }
    });
  }

  const wake = () => {
    if (!stopping) void inContext(own, look);
  };
  const timer = setInterval(wake, parts.lookEveryMs);
  timer.unref();
  wake();
  return {
    wake,
    async stop(graceMs) {
      stopping = true;
      clearInterval(timer);
      const waited = new AbortController();
      await Promise.race([Promise.all(inHand), delayMs(graceMs, waited.signal)]);
      waited.abort();
    },
  };
}
