// The order-processor and orders: the events that orders publishes, over the real bus, move its orders on by real RPC.

import { randomUUID } from "node:crypto";
import { fakeCart } from "@webstore/cart/fake";
import { fakeCatalog } from "@webstore/catalog/fake";
import { currentContext, demoUsers, inContext } from "@webstore/kit";
import { type FakeOrders, fakeOrders } from "@webstore/orders/fake";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRealDesk, type RealDesk } from "./testing-desk.ts";

const wait = { timeout: 20_000, interval: 20 };
const { userId, role } = demoUsers.ada;
const shippingAddress = {
  name: "Ada",
  line1: "1 Main St",
  city: "Springfield",
  postalCode: "12345",
  country: "US",
};

let desk: RealDesk;
let orders: FakeOrders;
let productId: string;
let cart: ReturnType<typeof fakeCart>;
/** How many of the events were handed to the bus. */
let told = 0;

beforeAll(async () => {
  productId = randomUUID();
  const price = { amountMinor: 14_50n, currency: "USD" };
  const catalog = fakeCatalog({ products: [{ productId, price }] });
  cart = fakeCart({ catalog });
  orders = fakeOrders({ catalog, cart });
  desk = await openRealDesk({ orders });
});
afterAll(async () => {
  await desk?.stop();
  await orders?.stop();
});

const asAda = <T>(work: () => Promise<T>) =>
  inContext({ ...currentContext(), principal: { kind: "user", userId, role } }, work);

/** What orders has published since the last time goes over the bus, as its relay would send it. */
async function tell() {
  const events = orders.events().slice(told);
  told += events.length;
  await desk.bus.publish(
    events.map(({ id, name, key, data }) => ({
      topic: "order-events",
      key,
      value: Buffer.from(
        JSON.stringify({ id, name, data, occurredAt: "2026-01-02T03:04:05.678Z", traceparent: "" }),
      ),
      headers: {},
    })),
  );
}

async function place(): Promise<string> {
  await cart.addItem({ customerId: userId, productId, quantity: 2 });
  const { order } = await asAda(() =>
    orders.placeOrder({
      idempotencyKey: randomUUID(),
      paymentMethodToken: "pm_card_visa",
      shippingAddress,
      coupon: "",
    }),
  );
  return order?.orderId ?? "";
}

const find = async (orderId: string) => (await asAda(() => orders.getOrder({ orderId }))).order;
const status = async (orderId: string) => (await find(orderId))?.status;
const letters = () => desk.sql("select error_reason from order_processor.dead_letters");

test("an order that was placed is processed", async () => {
  const orderId = await place();
  await tell();
  await expect.poll(() => status(orderId), wait).toBe("ORDER_STATUS_PROCESSING");
  expect(await letters()).toEqual([]);
});

test("an order that is being processed is cancelled when that is asked for", async () => {
  const orderId = await place();
  await tell();
  await expect.poll(() => status(orderId), wait).toBe("ORDER_STATUS_PROCESSING");
  await asAda(() => orders.cancelOrder({ orderId }));
  await tell();
  await expect.poll(() => status(orderId), wait).toBe("ORDER_STATUS_CANCELLED");
  const { total, fee, refunded } = (await find(orderId)) ?? {};
  expect((fee?.amountMinor ?? 0n) + (refunded?.amountMinor ?? 0n)).toBe(total?.amountMinor);
  expect(fee?.amountMinor).toBeGreaterThan(0n);
  expect(await letters()).toEqual([]);
});

test("an order that is cancelled before it was processed is never set going", async () => {
  const orderId = await place();
  await asAda(() => orders.cancelOrder({ orderId }));
  await tell();
  await expect.poll(() => status(orderId), wait).toBe("ORDER_STATUS_CANCELLED");
  const history = (await find(orderId))?.history.map((each) => each.status);
  expect(history).not.toContain("ORDER_STATUS_PROCESSING");
  expect(await letters()).toEqual([]);
});

test("an order of another channel is priced and processed", async () => {
  const orderId = randomUUID();
  const lines = [{ productId, quantity: 3 }];
  await orders.importOrder({ orderId, customerId: userId, lines, shippingAddress, channel: "phone" });
  await tell();
  await expect.poll(() => status(orderId), wait).toBe("ORDER_STATUS_PROCESSING");
  expect(await find(orderId)).toMatchObject({ priced: true, subtotal: { amountMinor: 43_50n } });
  expect(await letters()).toEqual([]);
});
