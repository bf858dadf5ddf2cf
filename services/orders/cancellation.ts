// What a cancellation gives back and what it keeps. Pure.
//
// Invariants (cancellation.test.ts):
//   K1. What went back in all and the fee are together what was taken; neither is less than nothing.
//   K2. The fee is 5 % of what was taken, half-even, or what is left where less is left.
//       What goes back after the refund takes from the fee, and from nothing else (D3 in order.ts).
//   K3. Nothing is asked for while it is not certain how much is left: another refund is on its way, or the payment is.

import { divideHalfEven } from "@webstore/kit";
import type { Order } from "./order.ts";

export const feePercent = 5n;

/** How the payment of the order stands. Amounts in minor units of its one currency. */
export type Standing = {
  readonly capturedMinor: bigint;
  /** All that went back, this cancellation's own refund included. */
  readonly refundedMinor: bigint;
  /** This cancellation's own refund, once it was asked for. */
  readonly own: { readonly amountMinor: bigint; readonly settled: boolean } | undefined;
  /** Refunds of others that have no answer yet. */
  readonly othersUnderWay: boolean;
  readonly disputed: boolean;
  /** Whether what was taken is certain: neither held, nor unknown. */
  readonly certain: boolean;
};

export type Settlement = {
  /** What this cancellation gave back. */
  readonly refundMinor: bigint;
  readonly feeMinor: bigint;
  /** What went back in all. */
  readonly refundedMinor: bigint;
};

export type Next =
  | { readonly is: "settled"; readonly settlement: Settlement }
  | { readonly is: "refund"; readonly amountMinor: bigint }
  | { readonly is: "wait" }
  | { readonly is: "disputed" };

/** What is to be done next about the money of an order that is cancelled. */
export function nextOf(standing: Standing): Next {
  const { capturedMinor, refundedMinor, own, othersUnderWay, disputed, certain } = standing;
  const leftMinor = capturedMinor - refundedMinor;
  const feeMinor = feeOf(capturedMinor, leftMinor);
  if (own?.settled === true) {
    return { is: "settled", settlement: { refundMinor: own.amountMinor, feeMinor, refundedMinor } };
  }
  if (own !== undefined) return { is: "refund", amountMinor: own.amountMinor };
  if (!certain || othersUnderWay) return { is: "wait" };
  if (leftMinor === feeMinor)
    return { is: "settled", settlement: { refundMinor: 0n, feeMinor, refundedMinor } };
  if (disputed) return { is: "disputed" };
  return { is: "refund", amountMinor: leftMinor - feeMinor };
}

export function feeOf(capturedMinor: bigint, leftMinor: bigint): bigint {
  const wholeMinor = divideHalfEven(capturedMinor * feePercent, 100n);
  return wholeMinor < leftMinor ? wholeMinor : leftMinor;
}

/** What is kept of the fee by the time that the order is cancelled: more may have gone back since the fee was reckoned. */
export function keptFee(
  { totalMinor, refundedMinor }: Pick<Order, "totalMinor" | "refundedMinor">,
  feeMinor: bigint,
): bigint {
  const leftMinor = totalMinor - refundedMinor;
  return feeMinor < leftMinor ? feeMinor : leftMinor;
}
