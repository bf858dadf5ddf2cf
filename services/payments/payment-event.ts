// The events that a change of a payment makes. They are read off the change itself, so no
// path that takes or gives back money can forget to say so.

import { decimalOf } from "@webstore/kit";
import type { Payment } from "./payment.ts";
import { findRefund } from "./refund.ts";

export const paymentTopic = "payment-topic";

/** `data` of both events; amounts are decimal strings such as `19.99`. */
type Data = {
  readonly paymentId: string;
  readonly orderId: string;
  readonly customerId: string;
  /** What was taken, or what this refund gave back. */
  readonly amount: string;
  readonly currency: string;
  /** The payment's, after the change. */
  readonly status: string;
  readonly occurredAt: string;
};

export type PaymentEvent =
  | { readonly name: "PaymentDone"; readonly data: Data }
  | { readonly name: "PaymentRefunded"; readonly data: Data & { readonly refundId: string } };

export function eventsOf(before: Payment, after: Payment): readonly PaymentEvent[] {
  const events: PaymentEvent[] = [];
  if (before.capturedMinor === 0n && after.capturedMinor > 0n) {
    events.push({ name: "PaymentDone", data: dataOf(after, after.capturedMinor) });
  }
  if (after.refundedMinor === before.refundedMinor) return events;
  for (const { refundId, status, amountMinor } of after.refunds) {
    // One that was owed was told when it was given first.
    const was = findRefund(before, refundId)?.status;
    if (status !== "settled" || was === "settled" || was === "owed") continue;
    events.push({ name: "PaymentRefunded", data: { ...dataOf(after, amountMinor), refundId } });
  }
  return events;
}

function dataOf(payment: Payment, amountMinor: bigint): Data {
  const { paymentId, orderId, customerId, currency, status, updateTimeMs } = payment;
  const amount = decimalOf(amountMinor, currency);
  return {
    paymentId,
    orderId,
    customerId,
    amount,
    currency,
    status,
    occurredAt: new Date(updateTimeMs).toISOString(),
  };
}
