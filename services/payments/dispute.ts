// What a shopper's bank demands back. All of it is pure.
//
// Invariants:
//   B1. While a dispute is open the payment is `disputed`. When it ends, the payment is what its money says.
//   B2. What a lost dispute took is a refund of ours, whose id is made of the dispute's: it counts once, however often
//       it is seen, and is told like every other.

import { enter, isTaken, type Payment } from "./payment.ts";
import { statusByRefunds, withRefundFound, withRefundRefused } from "./refund.ts";

export type Dispute = {
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly state: "open" | "won" | "lost";
};

export const disputeLostReason = "dispute_lost";

/** The payment once the provider has said how its disputes stand. `idOf` makes a refund's id of a dispute's. */
export function settledByDisputes(
  payment: Payment,
  disputes: readonly Dispute[],
  idOf: (reference: string) => string,
  nowMs: number,
): Payment {
  if (!isTaken(payment)) return payment;
  let current = payment;
  for (const { reference, amountMinor, state } of disputes) {
    if (state !== "lost") continue;
    const is = { refundId: idOf(reference), amountMinor, reason: disputeLostReason };
    current = refuseWhatDoesNotFit(
      withRefundFound(current, { ...is, providerReference: reference }, nowMs),
      nowMs,
    );
  }
  const isOpen =
    disputes.some(({ state }) => state === "open") && current.refundedMinor < current.capturedMinor;
  const status = isOpen ? "disputed" : statusByRefunds(current);
  return status === current.status ? current : enter(current, status, nowMs);
}

/** The provider refunds nothing of a disputed charge: what was asked for and is not there by now never will be. */
function refuseWhatDoesNotFit(payment: Payment, nowMs: number): Payment {
  let current = payment;
  let leftMinor = payment.capturedMinor - payment.refundedMinor;
  for (const { refundId, status, amountMinor } of payment.refunds) {
    if (status !== "asked") continue;
    leftMinor -= amountMinor;
    if (leftMinor < 0n) current = withRefundRefused(current, refundId, "final", nowMs);
  }
  return current;
}
