// The template of each kind of notification, and what is made of it.

import type { Facts, FactsOf, Kind } from "./facts.ts";
import type { Letter, ProductNames, Template } from "./letter.ts";
import { orderCancelled } from "./templates/order-cancelled.ts";
import { orderDelivered } from "./templates/order-delivered.ts";
import { orderPaid } from "./templates/order-paid.ts";
import { orderProcessing } from "./templates/order-processing.ts";
import { orderShipped } from "./templates/order-shipped.ts";
import { paymentRefunded } from "./templates/payment-refunded.ts";

const templates: { readonly [K in Kind]: Template<K> } = {
  order_paid: orderPaid,
  order_processing: orderProcessing,
  order_shipped: orderShipped,
  order_delivered: orderDelivered,
  order_cancelled: orderCancelled,
  payment_refunded: paymentRefunded,
};

const templateOf = <K extends Kind>(kind: K): Template<K> => templates[kind];

export const subjectOf = <K extends Kind>(facts: FactsOf<K>): string =>
  templateOf<K>(facts.kind).subject(facts);

export const letterOf = <K extends Kind>(facts: FactsOf<K>, names: ProductNames): Letter =>
  templateOf<K>(facts.kind).letter(facts, names);

/** The products whose names a mail needs. */
export function productsIn(facts: Facts): readonly string[] {
  return "items" in facts ? facts.items.map(({ productId }) => productId) : [];
}
