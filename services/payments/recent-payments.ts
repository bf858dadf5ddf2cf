// Payments as this process has just left them, so that a capture that follows its authorization need not read, nor the
// provider's events, which mostly tell what its answers have said already.
//
// Invariants:
//   M1. What is given may be old, never wrong: it is a version that was committed. Whoever changes it is held to that
//       version by the store (S2), and whether money moves is decided by the provider alone.
//   M2. Each is kept for `keptMs`, and at most `keptMax` are; an authorization is given to one capture.

import type { Payment } from "./payment.ts";

export type RecentPayments = {
  /** A version that was committed. */
  keep(payment: Payment): void;
  /** The order's authorization, if nothing came after it here; a second time there is none. */
  takeAuthorized(orderId: string): Payment | undefined;
  find(paymentId: string): Payment | undefined;
};

const keptMs = 5_000;
const keptMax = 1_000;

export function recentPayments(nowMs: () => number): RecentPayments {
  const byId = memory(nowMs);
  const authorized = memory(nowMs);
  return {
    keep(payment) {
      // Two commits may be told of in the other order.
      if ((byId.find(payment.paymentId)?.version ?? 0) > payment.version) return;
      byId.keep(payment.paymentId, payment);
      if (payment.status === "authorized") authorized.keep(payment.orderId, payment);
      else authorized.forget(payment.orderId);
    },
    takeAuthorized(orderId) {
      const found = authorized.find(orderId);
      authorized.forget(orderId);
      return found;
    },
    find: byId.find,
  };
}

function memory(nowMs: () => number) {
  const kept = new Map<string, { readonly payment: Payment; readonly untilMs: number }>();
  return {
    keep(key: string, payment: Payment) {
      // Behind the others, so that the first is always the oldest.
      kept.delete(key);
      kept.set(key, { payment, untilMs: nowMs() + keptMs });
      if (kept.size <= keptMax) return;
      for (const oldest of kept.keys()) {
        kept.delete(oldest);
        return;
      }
    },
    find(key: string): Payment | undefined {
      const found = kept.get(key);
      return found !== undefined && found.untilMs > nowMs() ? found.payment : undefined;
    },
    forget: (key: string) => kept.delete(key),
  };
}
