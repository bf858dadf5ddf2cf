// What an event says that a customer is to be told: its data, checked, and cut down to what the mail needs. Pure.
//
// PaymentDone tells nobody anything: OrderCreated says that an order is paid, and says what is in it. Of two mails about
// one payment, one is too many.
//
// Invariants:
//   F1. Facts hold ids, amounts and quantities, and nothing else of what an event may carry.
//   F2. Every amount is one of its currency.

import { amountPattern, minorOf } from "@webstore/kit";
import { z } from "zod";

const itemsMax = 1_000;

const amount = z.string().regex(amountPattern);
const about = { orderId: z.uuid(), customerId: z.uuid(), currency: z.string().regex(/^[A-Z]{3}$/) };
const item = z.object({
  productId: z.uuid(),
  quantity: z.int().min(1).max(1_000_000),
  unitPrice: amount,
  totalPrice: amount,
});
const goods = { ...about, totalAmount: amount, items: z.array(item).min(1).max(itemsMax) };

/** An event's data by the kind of notification that it makes. */
const shapes = {
  order_paid: z.object({
    ...goods,
    createdAt: z.iso.datetime(),
    amounts: z.object({ subtotal: amount, shipping: amount, discount: amount }).optional(),
  }),
  order_processing: z.object(goods),
  order_shipped: z.object(goods),
  order_delivered: z.object(goods),
  order_cancelled: z.object({ ...about, refundAmount: amount, feeAmount: amount }),
  payment_refunded: z.object({ ...about, amount }),
} as const;

export type Kind = keyof typeof shapes;
export const kinds = Object.keys(shapes) as Kind[];

export type FactsOf<K extends Kind> = { readonly kind: K } & Readonly<z.output<(typeof shapes)[K]>>;
export type Facts = { [K in Kind]: FactsOf<K> }[Kind];
export type Item = z.output<typeof item>;

/** The facts, or the names of the fields at fault; never their values, which are input. */
export function readFacts(kind: Kind, data: unknown): { facts: Facts } | { problems: string } {
  const read = shapes[kind].safeParse(data);
  if (!read.success) {
    const fields = read.error.issues.map(({ path }) => path.join(".") || "data");
    return { problems: [...new Set(fields)].slice(0, 10).join(", ") };
  }
  const facts = { kind, ...read.data } as Facts;
  const wrong = amountsOf(facts).find((each) => minorOf(each, facts.currency) === undefined);
  return wrong === undefined ? { facts } : { problems: "an amount that its currency does not have" };
}

function amountsOf(facts: Facts): string[] {
  switch (facts.kind) {
    case "order_cancelled":
      return [facts.refundAmount, facts.feeAmount];
    case "payment_refunded":
      return [facts.amount];
    default: {
      const parts = facts.kind === "order_paid" ? Object.values(facts.amounts ?? {}) : [];
      const items = facts.items.flatMap(({ unitPrice, totalPrice }) => [unitPrice, totalPrice]);
      return [facts.totalAmount, ...parts, ...items];
    }
  }
}
