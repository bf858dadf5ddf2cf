// What each event makes of the books, and what the books refuse to read.

import type { Event } from "@webstore/kit";
import { decimalOf, minorOf } from "@webstore/kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bookingOf } from "./booking.ts";

const orderId = "30000000-0000-4000-8000-000000000001";
const paymentId = "30000000-0000-4000-8000-000000000002";
const eventId = "30000000-0000-4000-8000-000000000003";

const eventOf = (name: string, data: unknown): Event => ({
  id: eventId,
  name,
  data,
  occurredAt: "2026-01-02T03:04:05.678Z",
  traceparent: "",
});

const created = {
  orderId,
  customerId: paymentId,
  status: "paid",
  totalAmount: "41.99",
  currency: "USD",
  amounts: { subtotal: "40.00", shipping: "5.99", discount: "4.00" },
  items: [{ productId: paymentId, quantity: 2, unitPrice: "20.00", totalPrice: "40.00" }],
  createdAt: "2026-01-02T03:04:05.000Z",
};
const moved = {
  orderId,
  paymentId,
  customerId: paymentId,
  amount: "12.34",
  currency: "USD",
  status: "captured",
};
const refunded = { orderId, customerId: paymentId, currency: "USD", amount: "7.00", refundedTotal: "9.00" };
const cancelled = {
  orderId,
  customerId: paymentId,
  currency: "USD",
  refundAmount: "39.89",
  feeAmount: "2.10",
};

test.each([
  [
    "OrderCreated",
    created,
    "order_created",
    { customer_receivable: 41_99n, discount: 4_00n, revenue: -40_00n, shipping: -5_99n },
  ],
  ["PaymentDone", moved, "payment_captured", { provider_clearing: 12_34n, customer_receivable: -12_34n }],
  ["PaymentRefunded", moved, "payment_refunded", { customer_receivable: 12_34n, provider_clearing: -12_34n }],
  ["OrderRefunded", refunded, "order_refunded", { refunds: 7_00n, customer_receivable: -7_00n }],
  [
    "OrderRefunded",
    { ...refunded, feeAmount: "7.00" },
    "order_refunded",
    { fees: 7_00n, customer_receivable: -7_00n },
  ],
  ["OrderCancelled", cancelled, "order_cancelled", { refunds: 2_10n, fees: -2_10n }],
])("%s is booked with debits positive and credits negative", (name, data, event, expected) => {
  const booking = bookingOf(eventOf(name, data));
  const lines = Object.fromEntries(
    booking?.lines.map(({ account, amountMinor }) => [account, amountMinor]) ?? [],
  );
  expect(lines).toEqual(expected);
  expect(booking).toMatchObject({
    transactionId: eventId,
    event,
    orderId,
    paymentId: name.startsWith("Payment") ? paymentId : undefined,
    currency: "USD",
    occurredAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  });
});

test("what is zero has no line: an order without a discount and free of delivery has two", () => {
  const amounts = { subtotal: "40.00", shipping: "0.00", discount: "0.00" };
  const booking = bookingOf(eventOf("OrderCreated", { ...created, totalAmount: "40.00", amounts }));
  expect(booking?.lines.map(({ account }) => account)).toEqual(["customer_receivable", "revenue"]);
});

test.each([
  ["an order from another channel, which is not paid", "OrderCreated", { ...created, status: "new" }],
  ["one that has neither prices nor a currency", "OrderCreated", { orderId, status: "new", currency: "" }],
  ["its cancellation", "OrderCancelled", { ...cancelled, feeAmount: "0.00", currency: "" }],
  ["an order that was cancelled while it was placed", "OrderCancelled", { ...cancelled, feeAmount: "0.00" }],
])("%s moves no money", (_, name, data) => {
  expect(bookingOf(eventOf(name, data))).toBeUndefined();
});

test("yen have no decimals, and Kuwaiti dinars three", () => {
  const linesOf = (amount: string, currency: string) =>
    bookingOf(eventOf("PaymentDone", { ...moved, amount, currency }))?.lines[0]?.amountMinor;
  expect(linesOf("1999", "JPY")).toBe(1999n);
  expect(linesOf("1.999", "KWD")).toBe(1999n);
});

describe("an event that the books cannot read is refused", () => {
  test.each([
    ["no data", "PaymentDone", null],
    ["data that is a list", "PaymentDone", []],
    ["a negative amount", "PaymentDone", { ...moved, amount: "-12.34" }],
    ["an amount of nothing", "PaymentDone", { ...moved, amount: "0.00" }],
    ["an amount that is a number", "PaymentDone", { ...moved, amount: 12.34 }],
    ["an amount in scientific notation", "PaymentDone", { ...moved, amount: "1e3" }],
    ["an amount with a fraction of a cent", "PaymentDone", { ...moved, amount: "12.345" }],
    ["an amount in yen with decimals", "PaymentDone", { ...moved, currency: "JPY" }],
    ["an amount beyond every limit", "PaymentDone", { ...moved, amount: "99999999999999.00" }],
    ["a currency that there is not", "PaymentDone", { ...moved, currency: "QQQ" }],
    ["a currency in lower case", "PaymentDone", { ...moved, currency: "usd" }],
    ["an order's id that is none", "PaymentDone", { ...moved, orderId: "1; drop table entry" }],
    ["no payment's id", "PaymentRefunded", { ...moved, paymentId: undefined }],
    ["a negative fee", "OrderCancelled", { ...cancelled, feeAmount: "-2.10" }],
    ["a refund of nothing", "OrderRefunded", { ...refunded, amount: "0.00" }],
    ["a negative part of it that was a fee", "OrderRefunded", { ...refunded, feeAmount: "-0.01" }],
    ["a status that is not published", "OrderCreated", { ...created, status: "pending" }],
    ["no amounts", "OrderCreated", { ...created, amounts: undefined }],
    ["a name that nobody books", "PaymentDreamt", moved],
    ["a name that every object has", "constructor", moved],
  ])("%s", (_, name, data) => {
    expect(() => bookingOf(eventOf(name, data))).toThrow(
      expect.objectContaining({ name: "Refusal", service: "ledger", reason: "event_unreadable" }),
    );
  });

  test("amounts that do not add up", () => {
    expect(() => bookingOf(eventOf("OrderCreated", { ...created, totalAmount: "42.00" }))).toThrow(
      expect.objectContaining({ name: "Refusal", reason: "event_unbalanced" }),
    );
  });
});

test("whatever is booked sums to zero, has no line of zero, and gives every account its side", () => {
  const minor = fc.bigInt({ min: 0n, max: 99_999n });
  const currency = fc.constantFrom("USD", "EUR", "JPY", "KWD");
  const data = fc
    .record({
      a: minor,
      b: minor,
      c: minor,
      currency,
      name: fc.constantFrom("OrderCreated", "OrderCancelled"),
    })
    .chain((is) => fc.record({ is: fc.constant(is), discount: fc.bigInt({ min: 0n, max: is.a + is.b }) }));
  const sideOf: Readonly<Record<string, bigint>> = {
    customer_receivable: 1n,
    discount: 1n,
    refunds: 1n,
    revenue: -1n,
    shipping: -1n,
    fees: -1n,
  };
  fc.assert(
    fc.property(data, ({ is, discount }) => {
      const text = (amountMinor: bigint) => decimalOf(amountMinor, is.currency);
      const [subtotal, shipping] = [text(is.a), text(is.b)];
      const totalAmount = text(is.a + is.b - discount);
      expect(minorOf(totalAmount, is.currency)).toBe(is.a + is.b - discount);
      const amounts = { subtotal, shipping, discount: text(discount) };
      const of = { orderId, currency: is.currency };
      const booking =
        is.name === "OrderCreated"
          ? bookingOf(eventOf(is.name, { ...of, status: "paid", totalAmount, amounts }))
          : bookingOf(eventOf(is.name, { ...of, feeAmount: text(is.c) }));
      let sumMinor = 0n;
      for (const { account, amountMinor } of booking?.lines ?? []) {
        sumMinor += amountMinor;
        expect(amountMinor * (sideOf[account] ?? 0n)).toBeGreaterThan(0n);
      }
      expect(sumMinor).toBe(0n);
    }),
  );
});
