// What is read from events, and what is not.

import { describe, expect, test } from "vitest";
import { readFacts } from "./facts.ts";
import { mugId, orderData } from "./testing-notifications.ts";

test("of an event no more is kept than a mail needs", () => {
  const data = orderData({
    paymentMethodToken: "pm_card_visa",
    shippingAddress: { line1: "1 Main Street" },
    items: [{ productId: mugId, quantity: 1, unitPrice: "1.00", totalPrice: "1.00", secret: "sk_test_1" }],
  });
  const read = readFacts("order_paid", data);
  expect(read).toMatchObject({ facts: { kind: "order_paid", orderId: data.orderId, totalAmount: "52.97" } });
  expect(JSON.stringify(read)).not.toMatch(/pm_card|Main Street|sk_test|secret/);
});

test("an event from before amounts were told is readable", () => {
  expect(readFacts("order_paid", orderData({ amounts: undefined }))).toHaveProperty("facts");
});

const cancelled = {
  orderId: mugId,
  customerId: mugId,
  currency: "USD",
  refundAmount: "9.50",
  feeAmount: "0.50",
};

describe("refused is", () => {
  test.each([
    ["no data", null, "data"],
    ["text", "data", "data"],
    ["no order", orderData({ orderId: undefined }), "orderId"],
    ["an id that is none", orderData({ customerId: "1 or 1=1" }), "customerId"],
    ["a currency that is none", orderData({ currency: "usd\r\n" }), "currency"],
    ["an amount that is a number", orderData({ totalAmount: 19.99 }), "totalAmount"],
    ["an amount with markup", orderData({ totalAmount: "<b>1</b>" }), "totalAmount"],
    ["a negative amount", orderData({ totalAmount: "-1.00" }), "totalAmount"],
    ["no goods", orderData({ items: [] }), "items"],
    ["too many goods", orderData({ items: Array(1_001).fill(orderData().items[0]) }), "items"],
    ["half a piece", orderData({ items: [{ ...orderData().items[0], quantity: 0.5 }] }), "items.0.quantity"],
    [
      "more decimals than the currency has",
      orderData({ currency: "JPY" }),
      "an amount that its currency does not have",
    ],
  ])("%s", (_, data, problems) => {
    expect(readFacts("order_paid", data)).toEqual({ problems });
  });

  test("a cancellation without its fee, or with cents of yen", () => {
    expect(readFacts("order_cancelled", { ...cancelled, feeAmount: undefined })).toEqual({
      problems: "feeAmount",
    });
    expect(readFacts("order_cancelled", { ...cancelled, currency: "JPY" })).toHaveProperty("problems");
    expect(readFacts("order_cancelled", cancelled)).toHaveProperty("facts");
  });

  test("a refund whose amount its currency does not have", () => {
    const refund = { orderId: mugId, customerId: mugId, currency: "USD", amount: "1.001" };
    expect(readFacts("payment_refunded", refund)).toHaveProperty("problems");
    expect(readFacts("payment_refunded", { ...refund, currency: "KWD" })).toHaveProperty("facts");
  });
});
