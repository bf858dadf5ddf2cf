// Money given back of a payment. All of it is pure.
//
// Invariants:
//   R1. What was refunded and what is asked for together never exceed what was captured: an amount counts from
//       the moment that it is asked for until the provider has refused it.
//   R2. A refund is asked for under its own key; the attempt is counted up only when the provider has refused it.

import { enter, type Payment } from "./payment.ts";

export type Refund = {
  readonly refundId: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly status: "asked" | "settled" | "refused";
  readonly providerReference: string;
  readonly attempt: number;
  readonly createTimeMs: number;
};

/** How many refunds a payment can have, so that its record stays small. */
export const refundsMax = 100;

export function findRefund({ refunds }: Payment, refundId: string): Refund | undefined {
  return refunds.find((refund) => refund.refundId === refundId);
}

/** What can still be given back. */
export function refundableMinor({ capturedMinor, refundedMinor, refunds }: Payment): bigint {
  const asked = refunds.filter(({ status }) => status === "asked");
  return asked.reduce((left, { amountMinor }) => left - amountMinor, capturedMinor - refundedMinor);
}

/** With the refund asked for: a new one, or the next attempt of one that was refused. */
export function withRefundAsked(
  payment: Payment,
  is: { refundId: string; amountMinor: bigint; reason: string },
  nowMs: number,
): Payment {
  if (is.amountMinor <= 0n || is.amountMinor > refundableMinor(payment)) {
    throw new Error(`payment ${payment.paymentId}: more than is left cannot be refunded`);
  }
  const before = findRefund(payment, is.refundId);
  const refund: Refund = {
    ...is,
    status: "asked",
    providerReference: "",
    attempt: (before?.attempt ?? 0) + 1,
    // A new attempt has a new key, whose age counts from now.
    createTimeMs: nowMs,
  };
  const refunds = before === undefined ? [...payment.refunds, refund] : replaced(payment, refund);
  return { ...payment, refunds, updateTimeMs: nowMs };
}

export function withRefundSettled(
  payment: Payment,
  refundId: string,
  reference: string,
  nowMs: number,
): Payment {
  const refund = findRefund(payment, refundId);
  if (refund?.status !== "asked") return payment;
  const refundedMinor = payment.refundedMinor + refund.amountMinor;
  const whole = refundedMinor === payment.capturedMinor;
  const status = payment.status === "disputed" ? "disputed" : whole ? "refunded" : "partially_refunded";
  const refunds = replaced(payment, { ...refund, status: "settled", providerReference: reference });
  return enter(payment, status, nowMs, { refundedMinor, refunds });
}

export function withRefundRefused(payment: Payment, refundId: string, nowMs: number): Payment {
  const refund = findRefund(payment, refundId);
  if (refund?.status !== "asked") return payment;
  return { ...payment, refunds: replaced(payment, { ...refund, status: "refused" }), updateTimeMs: nowMs };
}

function replaced({ refunds }: Payment, by: Refund): Refund[] {
  return refunds.map((refund) => (refund.refundId === by.refundId ? by : refund));
}

export function refundKey({ paymentId }: Payment, { refundId, attempt }: Refund): string {
  return `${paymentId}:refund:${refundId}:${attempt}`;
}
