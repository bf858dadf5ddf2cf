// What a notification about a payment means for its order. Pure.
//
// Notifications come late, twice and out of order. What they say of refunds is how much went back in all until then,
// and of all that was said the most is true: so an older one, which says less, changes nothing, whenever it comes.

import type { PaymentStatus } from "@webstore/proto/payments/v1";
import { isSold, type Order } from "./order.ts";

export type Told = {
  readonly paymentId: string;
  readonly paymentStatus: PaymentStatus;
  readonly refundedMinor: bigint;
};

export type Meaning =
  /** Its saga is told to look, for it may wait for just this. */
  | { readonly is: "wake" }
  /** Not before the saga that places the order has ended: it alone knows whether the order will have been sold. */
  | { readonly is: "too_early" }
  | { readonly is: "nothing" }
  | { readonly is: "refund"; readonly refundedMinor: bigint }
  /** It is not about this order's payment. */
  | { readonly is: "mismatch" };

export function meaningOf(order: Order, told: Told): Meaning {
  if (order.paymentId !== "" && order.paymentId !== told.paymentId) return { is: "mismatch" };
  const isAll = told.paymentStatus === "PAYMENT_STATUS_REFUNDED";
  // Systems outside the store may say `refunded` and not how much: then it is all.
  const refundedMinor = isAll && told.refundedMinor === 0n ? order.totalMinor : told.refundedMinor;
  if (refundedMinor > order.totalMinor || (isAll && refundedMinor < order.totalMinor))
    return { is: "mismatch" };
  if (order.status === "pending") return refundedMinor > 0n ? { is: "too_early" } : { is: "wake" };
  // What was never sold was never in the books either; its saga has given back what it had taken.
  if (!isSold(order) || refundedMinor <= order.refundedMinor) return { is: "nothing" };
  return { is: "refund", refundedMinor };
}
