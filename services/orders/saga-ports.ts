// What the sagas of orders work with, and how they ask payments: what is an answer, and what is none.

import { Outage, type Outbox, type PortsOf } from "@webstore/kit";
import type { Payment, PaymentStatus } from "@webstore/proto/payments/v1";
import type { orders } from "./definition.ts";
import type { OrderStore } from "./order-store.ts";
import { inOurWords } from "./refusals.ts";

export type SagaPorts = Pick<PortsOf<typeof orders>, "cart" | "inventory" | "payments"> & {
  readonly store: OrderStore;
  readonly outbox: Outbox;
  readonly nowMs: () => number;
};

/** In none of these does a payment hold any money, and in none will it ever. */
export const holdsNothing: readonly PaymentStatus[] = [
  "PAYMENT_STATUS_VOIDED",
  "PAYMENT_STATUS_FAILED",
  "PAYMENT_STATUS_REFUNDED",
];

/** These may be about a refund that came in between; whether they are shows in how the payment stands. */
export const aboutTheRest: readonly string[] = ["payment_not_refundable", "refund_exceeds_captured"];

/** What the saga keeps of a payment. UNKNOWN is no answer: it is asked for again under the same key. */
export function settled(payment: Payment | undefined): Pick<Payment, "paymentId" | "receiptUrl" | "status"> {
  if (payment === undefined || payment.status === "PAYMENT_STATUS_UNKNOWN") throw notAnswered();
  const { paymentId, receiptUrl, status } = payment;
  return { paymentId, receiptUrl, status };
}

export function notAnswered(what = "the provider has not answered yet"): Outage {
  return new Outage("payments", what);
}

export async function inOurs<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw inOurWords(error);
  }
}

export function byOrder(orderId: string): { $case: "orderId"; value: string } {
  return { $case: "orderId", value: orderId };
}

export function timeOf(nowMs: () => number): string {
  return new Date(nowMs()).toISOString();
}
