// What is asked of others when an order is submitted. What callers see of it is in the contract of orders.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { type Order, openedOrder } from "./order.ts";
import { defaultPriceRules } from "./pricing.ts";
import { type SubmitPorts, submitOrder } from "./submit-order.ts";
import { draftOrder } from "./testing-orders.ts";

const draft = draftOrder();
const [line] = draft.lines;
const order: Order = { ...openedOrder(draft, draft.placedAt), status: "paid" };
const productId = line?.productId ?? "";
const price = { amountMinor: 14_50n, currency: "USD" };

/** The saga ends with `outcome`; gives who looked for the order. */
async function submitted(outcome: { status: "done"; answer?: unknown }) {
  const looked: string[] = [];
  const ports = {
    cart: { getCart: async () => ({ cart: { lines: [{ productId, quantity: 1 }] } }) },
    catalog: {
      batchGetProducts: async () => ({ products: [{ productId, name: "Mug", price, active: true }] }),
    },
    sagas: { begin: async () => ({ began: true, sameRequest: true }), settle: async () => outcome },
    store: {
      find: async (orderId: string) => {
        looked.push(orderId);
        return order;
      },
    },
    rules: defaultPriceRules,
    nowMs: Date.now,
    wakeRelay() {},
  } as unknown as SubmitPorts;
  const given = await submitOrder(
    {
      customerId: draft.customerId,
      idempotencyKey: randomUUID(),
      paymentMethodToken: "pm_card_visa",
      shippingAddress: draft.shippingAddress,
      coupon: "",
      waitMs: 1_000,
      traceparent: "",
    },
    ports,
  );
  expect(given).toEqual({ order, replayed: false, paymentClientSecret: "" });
  return looked.length;
}

test("an order that was made paid in this process is answered without a look, another with one", async () => {
  expect(await submitted({ status: "done", answer: order })).toBe(0);
  expect(await submitted({ status: "done" })).toBe(1);
});
