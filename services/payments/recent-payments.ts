// Payments as this process has just left them, so that a capture that follows its authorization need not read.
//
// Invariants:
//   M1. What is given may be old, never wrong: it is a version that was committed. Whoever changes it is held to that
//       version by the store (S2), and whether money moves is decided by the provider alone.
//   M2. A version is given once, within `keptMs`, and at most `keptMax` are kept.

import type { Payment } from "./payment.ts";

export type RecentPayments = {
  keep(payment: Payment): void;
  /** The version that was kept; a second time there is none. */
  take(orderId: string): Payment | undefined;
};

const keptMs = 5_000;
const keptMax = 1_000;

export function recentPayments(nowMs: () => number): RecentPayments {
  const kept = new Map<string, { readonly payment: Payment; readonly untilMs: number }>();
  return {
    keep(payment) {
      // Behind the others, so that the first is always the oldest.
      kept.delete(payment.orderId);
      kept.set(payment.orderId, { payment, untilMs: nowMs() + keptMs });
      if (kept.size <= keptMax) return;
      for (const oldest of kept.keys()) {
        kept.delete(oldest);
        return;
      }
    },
    take(orderId) {
      const found = kept.get(orderId);
      kept.delete(orderId);
      return found !== undefined && found.untilMs > nowMs() ? found.payment : undefined;
    },
  };
}
