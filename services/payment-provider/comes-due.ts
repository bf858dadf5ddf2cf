// Makes happen what was to happen by itself (timers.ts), each in a transaction of its own, in the order of its time.
//
// Invariant: what follows from it waits from its own time on, not from when it was noticed. So a jump of a month
// shows a dispute opened, closed, and everything between, as a month would have.

import { ApiError } from "./api-error.ts";
import { closeDispute, disputableAmount, openDispute } from "./charge-back.ts";
import { isOpen, unanswered } from "./dispute.ts";
import { authenticate, cancel, failAuthentication } from "./pay.ts";
import { ownWork, type Provider, type Work } from "./provider.ts";
import { settleRefund } from "./refund-operations.ts";
import type { Timer, TimerKind } from "./timers.ts";

/** How many at a time, so that no request waits long. */
const turnMax = 100;
/** A timer is set again at least this often: setTimeout takes no month. */
const idleMaxMs = 60_000;

type Handler = (work: Work, timer: Timer) => void;

// Each looks whether it still applies: the object may have moved on.
const handlers: Readonly<Record<TimerKind, Handler>> = {
  answer_action(work, { subject, details }) {
    const intent = work.store.paymentIntents.find(subject);
    if (intent?.status !== "requires_action") return;
    if (details.outcome === "succeeded") authenticate(work, intent);
    else failAuthentication(work, intent);
  },
  close_dispute(work, { subject, details }) {
    const dispute = work.store.disputes.find(subject);
    if (dispute !== undefined && isOpen(dispute)) {
      closeDispute(work, dispute, details.outcome === "won" ? "won" : "lost");
    }
  },
  expire_authorization(work, { subject }) {
    const intent = work.store.paymentIntents.find(subject);
    if (intent?.status === "requires_capture") cancel(work, intent, "automatic");
  },
  open_dispute(work, { subject, details }) {
    const charge = work.store.charges.find(subject);
    if (charge === undefined || disputableAmount(charge) === 0) return;
    const outcome = details.outcome === "won" ? "won" : "lost";
    openDispute(work, charge, { closeAfterMs: details.closeAfterMs ?? unanswered.closeAfterMs, outcome });
  },
  settle_refund(work, { subject, details }) {
    const refund = work.store.refunds.find(subject);
    if (refund !== undefined)
      settleRefund(work, refund, details.outcome === "failed" ? "failed" : "succeeded");
  },
};

function carryOut(provider: Provider, timer: Timer): void {
  const { database, timers } = provider;
  const clear = () => timers.clear(timer.kind, timer.subject);
  try {
    database.transact(
      () => {
        clear();
        handlers[timer.kind](ownWork(provider, undefined, timer.dueAtMs), timer);
      },
      // A shopper who proved who they are may still be declined; that is an answer like any other.
      (thrown) => thrown instanceof ApiError,
    );
  } catch (error) {
    if (error instanceof ApiError) return;
    // It would fail for ever, and hold up everything behind it.
    console.error("payment-provider: what was due failed:", error);
    clear();
  }
}

/** Carries out what is due, at most so many; returns whether there is more. */
export function carryOutDue(provider: Provider, countMax: number): boolean {
  for (let count = 0; count < countMax; count += 1) {
    const timer = provider.timers.firstDue(provider.clock.nowMs());
    if (timer === undefined) return false;
    carryOut(provider, timer);
  }
  return provider.timers.firstDue(provider.clock.nowMs()) !== undefined;
}

export type DueWorker = { wake(): void; stop(): void };

/** Carries out what comes due, in the background, until it is stopped. */
export function startDueWorker(provider: Provider): DueWorker {
  const { clock, timers } = provider;
  let timeout: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  let wakesAtMs = Number.POSITIVE_INFINITY;

  function pump(): void {
    immediate = undefined;
    if (carryOutDue(provider, turnMax)) {
      wake();
      return;
    }
    const nextAtMs = timers.nextAtMs();
    clearTimeout(timeout);
    wakesAtMs = nextAtMs ?? Number.POSITIVE_INFINITY;
    if (nextAtMs === undefined) return;
    timeout = setTimeout(wake, Math.min(Math.max(0, nextAtMs - clock.nowMs()), idleMaxMs));
    timeout.unref();
  }

  function wake(): void {
    immediate ??= setImmediate(pump);
  }

  timers.onSet((dueAtMs) => {
    if (dueAtMs < wakesAtMs) wake();
  });
  wake();
  return {
    wake,
    stop() {
      clearTimeout(timeout);
      clearImmediate(immediate);
      timers.onSet(() => {});
    },
  };
}
