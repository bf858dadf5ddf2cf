// Good values for the fields of every contract, by their names, so that a request with one bad field gets as far as that
// field can take it.

import { randomUUID } from "node:crypto";
import { address } from "./shop.ts";

/** What is in the store, and may be asked about. */
export type Known = {
  readonly productId: string;
  /** One that nobody buys, so that what it is called in the end is told to nobody. */
  readonly otherProductId: string;
  readonly orderId: string;
  readonly paymentId: string;
  readonly customerId: string;
  readonly sagaId: string;
  readonly deadLetterId: string;
  readonly notificationId: string;
};

/** `of` is the operation or the method, in either case. */
export type Sampler = (name: string, of?: string) => unknown;

/** Undefined for a name that says nothing; those of proto and of JSON are the same once they are in snake case. */
export function openSamples(known: Known): Sampler {
  const name = () => `canary-${randomUUID().slice(0, 18)}`;
  // So little that a payment can be given back many times.
  const money = { amount: "0.01", currency: "USD" };
  const samples: Readonly<Record<string, () => unknown>> = {
    product_id: () => known.productId,
    order_id: () => known.orderId,
    payment_id: () => known.paymentId,
    customer_id: () => known.customerId,
    user_id: () => known.customerId,
    actor_id: () => known.customerId,
    product_ids: () => known.productId,
    dead_letter_ids: () => known.deadLetterId,
    source_topic: () => "order-events",
    active: () => true,
    saga_id: () => known.sagaId,
    dead_letter_id: () => known.deadLetterId,
    notification_id: () => known.notificationId,
    idempotency_key: () => randomUUID(),
    refund_id: () => randomUUID(),
    resend_id: () => randomUUID(),
    audit_entry_id: () => randomUUID(),
    image_id: () => randomUUID(),
    username: name,
    email: () => `${name()}@example.com`,
    password: () => "long-enough-and-good",
    refresh_token: () => "made-up-refresh-token",
    token: () => "pm_card_visa",
    payment_method_token: () => "pm_card_visa",
    country: () => "US",
    currency: () => "USD",
    quantity: () => 1,
    amount: () => "0.01",
    amount_minor: () => "1",
    min_price: () => "1.00",
    max_price: () => "90.00",
    page_size: () => 2,
    page_token: () => "",
    wait_ms: () => 1_000,
    letters_max: () => 1,
    rate_per_second: () => 1,
    name: () => address.name,
    line1: () => address.line1,
    city: () => address.city,
    postal_code: () => address.postal_code,
    payment_status: () => "authorized",
    action: () => "Look",
    subject: () => known.orderId,
    channel: () => "phone",
    description: () => "For the table",
    reason: () => "asked by phone",
    time: () => "2026-01-02T03:04:05Z",
    created_before: () => "2099-01-02T03:04:05Z",
    before: () => "2099-01-02T03:04:05Z",
    price: () => money,
    refunded_amount: () => money,
    tags: () => ["table"],
    size: () => "small",
  };
  const special: Readonly<Record<string, () => unknown>> = {
    "importOrder.order_id": randomUUID,
    "createPayment.order_id": randomUUID,
    "createProduct.product_id": randomUUID,
    "updateProduct.product_id": () => known.otherProductId,
  };
  return (field, of = "") => {
    const operation = of.charAt(0).toLowerCase() + of.slice(1);
    return (special[`${operation}.${field}`] ?? samples[field])?.();
  };
}
