// A refund: captured money on its way back, or arrived. Pure.
//
//   pending → succeeded | failed        succeeded → failed, when the shopper's bank sends it back
//
// Invariant: what was refunded of a charge is the sum of its refunds that have not failed.

import type { Charge } from "./charge.ts";
import type { Metadata } from "./parameters.ts";

export const refundReasons = ["duplicate", "fraudulent", "requested_by_customer"] as const;
export type RefundStatus = "pending" | "succeeded" | "failed";

export type Refund = {
  readonly id: string;
  readonly object: "refund";
  readonly amount: number;
  readonly balance_transaction: string;
  readonly charge: string;
  readonly created: number;
  readonly currency: string;
  readonly failure_balance_transaction?: string;
  readonly failure_reason?: "expired_or_canceled_card";
  readonly metadata: Metadata;
  readonly payment_intent: string;
  readonly payment_method: string;
  readonly pending_reason?: "processing";
  readonly reason: (typeof refundReasons)[number] | null;
  readonly status: RefundStatus;
};

/** How a refund begins, and what becomes of it later. */
export type RefundPlan = {
  readonly starts: "pending" | "succeeded";
  readonly ends: "succeeded" | "failed";
  readonly delayMs: number;
};

export function settledRefund(refund: Refund, failureLine: string | undefined): Refund {
  const { pending_reason: _, ...settled } = refund;
  if (failureLine === undefined) return { ...settled, status: "succeeded" };
  return {
    ...settled,
    failure_balance_transaction: failureLine,
    failure_reason: "expired_or_canceled_card",
    status: "failed",
  };
}

/** `amount` went back; negative when it came back to us. */
export function refundedCharge(charge: Charge, amount: number): Charge {
  const amountRefunded = charge.amount_refunded + amount;
  return { ...charge, amount_refunded: amountRefunded, refunded: amountRefunded === charge.amount_captured };
}
