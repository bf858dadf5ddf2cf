// From an event to the entries that it makes. Pure.
//
//   OrderCreated (paid)   D customer_receivable, D discount       C revenue, C shipping
//   PaymentDone           D provider_clearing                     C customer_receivable
//   PaymentRefunded       D customer_receivable                   C provider_clearing
//   OrderRefunded         D refunds, D fees (that were kept)      C customer_receivable
//   OrderCancelled        D refunds                               C fees            (what the store keeps)
//
// So at rest what a customer owes is zero for every order: what orders say and what payments say check each other.

import { type Event, minorOf } from "@webstore/kit";
import { z } from "zod";
import type { Booking, Line } from "./entry.ts";
import { refusals } from "./refusals.ts";

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const currency = z.string().refine((code) => currencies.has(code));
const amount = z.string().max(20);

const orderCreatedStatus = z.object({ status: z.enum(["paid", "new"]) });
const orderCreated = z.object({
  orderId: uuid,
  totalAmount: amount,
  currency,
  amounts: z.object({ subtotal: amount, shipping: amount, discount: amount }),
});
const paymentMoved = z.object({ orderId: uuid, paymentId: uuid, amount, currency });
const orderRefunded = z.object({ orderId: uuid, amount, currency, feeAmount: amount.default("0.00") });
const orderCancelledFee = z.object({ feeAmount: amount });
const orderCancelled = z.object({ orderId: uuid, feeAmount: amount, currency });
const nothing = /^0+(\.0+)?$/;

type Story = Pick<Booking, "event" | "orderId" | "currency" | "lines"> & { readonly paymentId?: string };

const stories: Readonly<Record<string, (data: unknown) => Story | undefined>> = {
  OrderCreated: (data) => {
    // One that comes from another channel is not paid here, and has neither prices nor a currency yet.
    if (read(orderCreatedStatus, data).status === "new") return undefined;
    const { totalAmount, amounts, ...is } = read(orderCreated, data);
    const [totalMinor, subtotalMinor, shippingMinor, discountMinor] = [
      minorIn(totalAmount, is.currency),
      minorIn(amounts.subtotal, is.currency),
      minorIn(amounts.shipping, is.currency),
      minorIn(amounts.discount, is.currency),
    ];
    if (subtotalMinor + shippingMinor - discountMinor !== totalMinor) {
      throw refusals.refuse("event_unbalanced");
    }
    const lines: Line[] = [
      { account: "customer_receivable", amountMinor: totalMinor },
      { account: "discount", amountMinor: discountMinor },
      { account: "revenue", amountMinor: -subtotalMinor },
      { account: "shipping", amountMinor: -shippingMinor },
    ];
    return { event: "order_created", ...is, lines: lines.filter(({ amountMinor }) => amountMinor !== 0n) };
  },

  PaymentDone: (data) => {
    const { amount, ...is } = read(paymentMoved, data);
    const lines = move(positiveIn(amount, is.currency), "provider_clearing", "customer_receivable");
    return { event: "payment_captured", ...is, lines };
  },

  PaymentRefunded: (data) => {
    const { amount, ...is } = read(paymentMoved, data);
    const lines = move(positiveIn(amount, is.currency), "customer_receivable", "provider_clearing");
    return { event: "payment_refunded", ...is, lines };
  },

  OrderRefunded: (data) => {
    const { amount, feeAmount, ...is } = read(orderRefunded, data);
    const amountMinor = positiveIn(amount, is.currency);
    const feeMinor = nothing.test(feeAmount) ? 0n : positiveIn(feeAmount, is.currency);
    if (feeMinor > amountMinor) throw refusals.refuse("event_unbalanced");
    const lines = [
      ...move(amountMinor - feeMinor, "refunds", "customer_receivable"),
      ...move(feeMinor, "fees", "customer_receivable"),
    ];
    return { event: "order_refunded", ...is, lines: lines.filter((line) => line.amountMinor !== 0n) };
  },

  OrderCancelled: (data) => {
    if (nothing.test(read(orderCancelledFee, data).feeAmount)) return undefined;
    const { feeAmount, ...is } = read(orderCancelled, data);
    return {
      event: "order_cancelled",
      ...is,
      lines: move(positiveIn(feeAmount, is.currency), "refunds", "fees"),
    };
  },
};

/** The names of the events that the books are written from. */
export const bookableEvents: readonly string[] = Object.keys(stories);

/** What to book for this event; undefined when it moves no money. Throws a Refusal for what cannot be read. */
export function bookingOf(event: Event): Booking | undefined {
  const story = Object.hasOwn(stories, event.name) ? stories[event.name] : undefined;
  if (story === undefined) throw refusals.refuse("event_unreadable");
  const told = story(event.data);
  if (told === undefined || told.lines.length === 0) return undefined;
  return {
    transactionId: event.id.toLowerCase(),
    event: told.event,
    orderId: told.orderId,
    paymentId: told.paymentId,
    currency: told.currency,
    lines: told.lines,
    occurredAtMs: Date.parse(event.occurredAt),
  };
}

/** A debit here and a credit there. */
function move(amountMinor: bigint, debit: Line["account"], credit: Line["account"]): Line[] {
  return [
    { account: debit, amountMinor },
    { account: credit, amountMinor: -amountMinor },
  ];
}

function read<T>(shape: z.ZodType<T>, data: unknown): T {
  const result = shape.safeParse(data);
  if (!result.success) throw refusals.refuse("event_unreadable");
  return result.data;
}

function minorIn(text: string, code: string): bigint {
  const amountMinor = minorOf(text, code);
  if (amountMinor === undefined) throw refusals.refuse("event_unreadable");
  return amountMinor;
}

function positiveIn(text: string, code: string): bigint {
  const amountMinor = minorIn(text, code);
  if (amountMinor === 0n) throw refusals.refuse("event_unreadable");
  return amountMinor;
}
