// The story of the README, as a client of a fresh store sees it: a shopper comes, orders a mug and has paid for it;
// and the same store after it was stopped and started again.

import { randomUUID } from "node:crypto";
import { demoUsers } from "@webstore/kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPartners } from "./partners.ts";
import { openReflected } from "./reflection.ts";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { type Order, openShop, type Shop } from "./shop.ts";

let store: StoreRun;
let shop: Shop;
let partners: ReturnType<typeof readPartners>;

const shopper = { username: "first-shopper", password: "correct horse battery" };
const key = randomUUID();
const usd = (amount: string) => ({ amount, currency: "USD" });
let token: string;
let order: Order;

beforeAll(async () => {
  store = await openStoreRun();
  await store.start();
  shop = openShop(store.url);
  partners = readPartners(store);
});
afterAll(async () => {
  await shop?.close();
  await store?.close();
});

test("the store says that it is there, and what its API is", async () => {
  expect(await shop.must("/health")).toEqual({ status: "ok" });
  const api = await shop.must<{ openapi: string; paths: object }>("/openapi.json");
  expect(api.openapi).toBe("3.1.0");
  expect(Object.keys(api.paths)).toEqual(expect.arrayContaining(["/checkout", "/cart/add", "/auth/login"]));
  expect((await shop.ask("/docs/")).status).toBe(200);
});

test("a shopper registers, logs in and finds the mug", async () => {
  await shop.register(shopper);
  token = (await shop.login(shopper)).access_token;
  expect((await shop.cart(token)).lines).toEqual([]);
  expect(await shop.products()).toHaveLength(60);
});

test("a checkout of the mug is paid, to the cent", async () => {
  const [mug] = await shop.products("stoneware mug");
  const stockBefore = await partners.stock(mug?.product_id ?? "");
  const cart = await shop.addToCart(token, mug?.product_id ?? "", 1);
  expect(cart.subtotal).toEqual(usd("14.50"));

  const outcome = await shop.checkout(token, key);
  expect(outcome).toMatchObject({ is: "ordered", status: 201 });
  order = (outcome as Extract<typeof outcome, { is: "ordered" }>).order;
  expect(order).toMatchObject({
    status: "paid",
    subtotal: usd("14.50"),
    shipping: usd("5.99"),
    discount: usd("1.45"),
    total: usd("19.04"),
  });
  const stock = await partners.stock(mug?.product_id ?? "");
  expect(stock).toEqual({ ...stockBefore, available: stockBefore.available - 1, reserved: 1 });
});

test("the order's page shows what happened, the cart is empty, and the receipt can be read", async () => {
  const historyNow = async () =>
    (await shop.order(token, order.order_id)).history.map(({ status }) => status);
  // The order-processor moves it on when it has heard of it.
  await expect.poll(historyNow, { timeout: 10_000 }).toEqual(["pending", "paid", "processing"]);
  const seen = await shop.order(token, order.order_id);
  expect(seen.lines).toMatchObject([{ name: "Stoneware mug", quantity: 1, line_total: usd("14.50") }]);
  expect(await shop.orders(token)).toHaveLength(1);
  expect((await shop.cart(token)).lines).toEqual([]);
  const receipt = await fetch(order.receipt_url ?? "");
  expect(await receipt.text()).toContain("19.04");
});

test("the other companies' books say the same", async () => {
  expect(await partners.intents()).toMatchObject([
    {
      status: "succeeded",
      amount_received: 1904,
      amount_capturable: 0,
      currency: "usd",
      metadata: { order_id: order.order_id, payment_id: order.payment_id },
    },
  ]);
  const lines = order.lines.map(({ product_id, quantity }) => ({ product_id, quantity }));
  expect(await partners.reserved()).toMatchObject([{ reservation_id: order.order_id, lines }]);
});

test("the same key again is the same order, and nothing more is taken", async () => {
  const again = await shop.checkout(token, key);
  expect(again).toMatchObject({ is: "ordered", status: 200, order: { order_id: order.order_id } });
  expect(await shop.allOrders(demoUsers.grace.token)).toHaveLength(1);
  expect(await partners.intents()).toHaveLength(1);
});

test("nobody else sees the order", async () => {
  const asked = await shop.ask(`/orders/${order.order_id}`, { token: demoUsers.ada.token });
  expect(asked).toMatchObject({ status: 404, body: { reason: "order_not_found" } });
});

const staff = { authorization: `Bearer ${demoUsers.grace.token}` };
const ada = { authorization: `Bearer ${demoUsers.ada.token}` };

test.each([
  ["identity", "webstore.identity.v1.IdentityService/GetJwks", {}, {}, "jwks_json"],
  ["catalog", "webstore.catalog.v1.CatalogService/ListProducts", { page_size: 3 }, {}, "products"],
  ["cart", "webstore.cart.v1.CartService/GetCart", {}, ada, "cart"],
  ["orders", "webstore.orders.v1.OrderService/ListOrders", { page_size: 5 }, staff, "orders"],
  ["payments", "webstore.payments.v1.PaymentService/ListPayments", { page_size: 5 }, staff, "payments"],
  ["ledger", "webstore.ledger.v1.LedgerService/ListEntries", { page_size: 5 }, staff, "entries"],
  [
    "notifications",
    "webstore.notifications.v1.NotificationService/ListNotifications",
    { page_size: 5 },
    staff,
    "notifications",
  ],
  ["gateway", "webstore.storefront.v1.StorefrontService/ListProducts", { page_size: 3 }, {}, "products"],
] as const)(
  "%s says over reflection what it serves, and answers %s",
  async (name, method, request, metadata, field) => {
    const server = openReflected(store.rpc[name]);
    try {
      expect(await server.list()).toContain(method.split("/")[0]);
      const answer = await server.call(method, request, metadata);
      expect(answer[field]).toBeTruthy();
    } finally {
      server.close();
    }
  },
);

test("after a stop and a start on the same data everything is as it was", async () => {
  expect(await store.signal("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(store.database()).toBeUndefined();
  await store.start();

  expect(await shop.order(token, order.order_id)).toEqual(await orderAgain());
  expect(await shop.order(token, order.order_id)).toMatchObject({
    status: "processing",
    total: usd("19.04"),
  });
  expect((await shop.login(shopper)).access_token).not.toBe("");
  expect(await partners.intents()).toHaveLength(1);
  expect(await partners.reserved()).toHaveLength(1);
});

async function orderAgain(): Promise<Order> {
  const again = await shop.checkout(token, key);
  if (again.is !== "ordered") throw new Error(again.reason);
  expect(again.status).toBe(200);
  return again.order;
}
