// The REST API with everything going well, over real HTTP and real gRPC; and who may use what.

import { randomUUID } from "node:crypto";
import { demoUsers, type Running } from "@webstore/kit";
import { testClient } from "@webstore/kit/testing";
import { payments } from "@webstore/payments/definition";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Route } from "./route.ts";
import {
  type Answered,
  ask,
  type Existing,
  imageForm,
  newKey,
  routes,
  type Sample,
  samples,
  visa,
} from "./testing-samples.ts";
import { asAda, asGrace, fan, mug, nothing, openTestStore, pen, type TestStore } from "./testing-store.ts";

let store: TestStore;
let gateway: Running & { readonly url: string };
let existing: Existing;

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
  existing = await somethingOfEach();
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const at = (path: string, asked: Parameters<typeof ask>[1] = {}) => ask(gateway.url + path, asked);
const post = (path: string, json: unknown, headers: Record<string, string> = asAda) =>
  at(path, { method: "POST", headers, json });

/** Fills the store with one of each thing that a sample names. */
async function somethingOfEach(): Promise<Existing> {
  await post("/cart/add", { product_id: mug, quantity: 1 });
  const order = await post("/checkout", visa, { ...asAda, ...newKey() });
  const image = await at(`/products/${mug}/images`, { method: "POST", headers: asGrace, body: imageForm() });
  const login = await post("/auth/login", { username: "ada", password: "webstore-demo" }, {});
  return {
    orderId: order.body.order_id,
    orderPaymentId: order.body.payment_id,
    paymentId: await capturedPayment(),
    imageId: image.body.url.split("/").at(-1),
    refreshToken: login.body.refresh_token,
  };
}

async function capturedPayment(): Promise<string> {
  const asService = testClient(payments, store.env.PAYMENTS_ADDRESS ?? "", { internal: true });
  const { payment } = await asService.createPayment({
    orderId: randomUUID(),
    customerId: randomUUID(),
    amount: { amountMinor: 20_00n, currency: "USD" },
    paymentMethodToken: "pm_card_visa",
    country: "US",
    description: "",
  });
  const paymentId = payment?.paymentId ?? "";
  await asService.capturePayment({ payment: { $case: "paymentId", value: paymentId } });
  asService.close();
  return paymentId;
}

/** The answer is one that the route's description promises, to the last field. */
function expectPromised(route: Route, { status, body }: Answered) {
  const promised = route.answers[status];
  expect(promised, `${route.name} answered ${status} ${JSON.stringify(body)}`).toBeDefined();
  if (promised?.schema !== undefined) promised.schema.parse(body);
}

const sampleOf = (route: Route): Sample => {
  const sample = samples(existing)[route.name];
  if (sample === undefined) throw new Error(`testing-samples.ts has no request for ${route.name}`);
  return sample;
};

const headersByAccess: Readonly<Record<Route["access"], Record<string, string>>> = {
  public: {},
  user: asAda,
  admin: asGrace,
  // Its sample has the key.
  partner: {},
};

test.each(routes)("$method $path succeeds and answers what it promises", async (route) => {
  if (route.name === "checkout") await post("/cart/add", { product_id: pen, quantity: 1 });
  const { path, headers, ...asked } = sampleOf(route);
  const answer = await at(path, {
    ...asked,
    method: route.method,
    headers: { ...headersByAccess[route.access], ...headers },
  });
  expectPromised(route, answer);
  expect(answer.headers.get("x-trace-id")).toMatch(/^[0-9a-f]{32}$/);
});

const roles: { role: string; headers: Record<string, string>; passes: string[] }[] = [
  { role: "nobody", headers: {}, passes: ["public"] },
  { role: "a forged token", headers: { authorization: "Bearer aaaa.bbbb.cccc" }, passes: ["public"] },
  { role: "another scheme", headers: { authorization: "Basic YWRhOnBhc3M=" }, passes: ["public"] },
  { role: "a user", headers: { authorization: "Bearer test-token-789" }, passes: ["public", "user"] },
  { role: "an admin", headers: asGrace, passes: ["public", "user", "admin"] },
];

const matrix = routes
  .filter(({ access }) => access !== "partner")
  .flatMap((route) =>
    roles.map((each) => ({ ...each, route, method: route.method, path: route.path, access: route.access })),
  );

test.each(matrix)("$method $path for $role", async ({ route, role, headers, passes }) => {
  const { path, headers: more, ...asked } = sampleOf(route);
  const answer = await at(path, { ...asked, method: route.method, headers: { ...headers, ...more } });
  if (passes.includes(route.access)) {
    expect(["unauthenticated", "permission_denied"]).not.toContain(answer.body.reason);
    return;
  }
  expect(answer.status).toBe(role === "a user" ? 403 : 401);
  expect(answer.body.reason).toBe(role === "a user" ? "permission_denied" : "unauthenticated");
  if (answer.status === 401) expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
});

test("a user cannot see everybody's orders, or those of somebody else", async () => {
  for (const query of ["all=true", `customer_id=${randomUUID()}`]) {
    const answer = await at(`/orders?${query}`, { headers: asAda });
    expect(answer.body).toMatchObject({ status: 403, reason: "permission_denied" });
  }
});

test("staff see everybody's orders with their customers, and their own without asking for all", async () => {
  const all = await at("/orders?all=true", { headers: asGrace });
  expect(all.body.orders.map((each: { order_id: string }) => each.order_id)).toContain(existing.orderId);
  expect(all.body.orders[0].customer_id).toMatch(/^[0-9a-f-]{36}$/);
  const own = await at("/orders", { headers: asGrace });
  for (const each of own.body.orders) expect(each.customer_id).toBe(demoUsers.grace.userId);
});

test("somebody else's order is not found, as if there were none", async () => {
  const asTest = { authorization: "Bearer test-token-789" };
  for (const [method, path] of [
    ["GET", `/orders/${existing.orderId}`],
    ["POST", `/orders/${existing.orderId}/cancel`],
    ["GET", `/orders/${nothing}`],
  ] as const) {
    const answer = await at(path, { method, headers: asTest });
    expect(answer.body).toMatchObject({ status: 404, reason: "order_not_found" });
  }
});

test("a shopper registers, logs in, fills a cart, and sees the prices of the catalog", async () => {
  const account = { username: `eve-${randomUUID().slice(0, 8)}`, password: "correct horse" };
  const opened = await post(
    "/auth/register",
    { ...account, email: `${account.username}@example.com`, country: "DE" },
    {},
  );
  expect(opened.status).toBe(201);
  const login = await post("/auth/login", account, {});
  expect(login.body).toMatchObject({ token_type: "Bearer", expires_in: 900 });
  expect(login.headers.get("cache-control")).toBe("no-store");
  const asEve = { authorization: `Bearer ${login.body.access_token}` };

  await post("/cart/add", { product_id: mug, quantity: 2 }, asEve);
  const cart = await post("/cart/add", { product_id: pen, quantity: 1 }, asEve);
  expect(cart.body).toEqual({
    lines: [
      {
        product_id: mug,
        name: "Mug",
        quantity: 2,
        unit_price: { amount: "19.99", currency: "USD" },
        line_total: { amount: "39.98", currency: "USD" },
      },
      {
        product_id: pen,
        name: "Pen",
        quantity: 1,
        unit_price: { amount: "2.50", currency: "USD" },
        line_total: { amount: "2.50", currency: "USD" },
      },
    ],
    subtotal: { amount: "42.48", currency: "USD" },
  });
});

test("adding to the cart twice under one key adds once", async () => {
  const key = newKey();
  const before = await at("/cart", { headers: asGrace });
  expect(before.body).toEqual({ lines: [], subtotal: null });
  await post("/cart/add", { product_id: pen, quantity: 4 }, { ...asGrace, ...key });
  const again = await post("/cart/add", { product_id: pen, quantity: 4 }, { ...asGrace, ...key });
  expect(again.body.lines).toMatchObject([{ product_id: pen, quantity: 4 }]);
  const cleared = await at(`/cart/items/${pen}`, { method: "DELETE", headers: asGrace });
  expect(cleared.body.lines).toEqual([]);
});

test("a checkout is 201 and paid; the same key, in any case, answers the same order with 200", async () => {
  const key = randomUUID();
  await post("/cart/add", { product_id: mug, quantity: 1 });
  const placed = await post("/checkout", visa, { ...asAda, "idempotency-key": key });
  expect(placed.status).toBe(201);
  expect(placed.body).toMatchObject({
    status: "paid",
    shipping: { amount: "5.99", currency: "USD" },
    discount: { amount: "2.00", currency: "USD" },
    refunded: null,
    failure_reason: null,
    created_at: expect.stringMatching(isoTime),
    history: [
      { status: "pending", at: expect.stringMatching(isoTime) },
      { status: "paid", at: expect.stringMatching(isoTime) },
    ],
  });
  expect(placed.headers.get("location")).toBe(`/orders/${placed.body.order_id}`);
  const again = await post("/checkout", visa, { ...asAda, "idempotency-key": key.toUpperCase() });
  expect(again.status).toBe(200);
  expect(again.body).toEqual(placed.body);
  const seen = await at(`/orders/${placed.body.order_id}`, { headers: asAda });
  expect(seen.body).toEqual(placed.body);
});

test("a checkout whose outcome is not known yet is 202, also when it is asked for again", async () => {
  const impatient = await store.startGateway({ CHECKOUT_WAIT_MS: "1" });
  const headers = { ...asAda, ...newKey() };
  await post("/cart/add", { product_id: mug, quantity: 1 });
  const goOn = store.orders.holdNext();
  for (let asked = 1; asked <= 2; asked += 1) {
    const answer = await ask(`${impatient.url}/checkout`, { method: "POST", headers, json: visa });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ status: "pending", payment_id: null, receipt_url: null });
    expect(answer.body.payment_action).toBeUndefined();
  }
  goOn();
  expect(await post("/checkout", visa, headers)).toMatchObject({ status: 200, body: { status: "paid" } });
  await impatient.stop();
});

test("a product is shown without its stock while the inventory is down", async () => {
  expect((await at(`/products/${mug}`)).body.stock).toBe(7);
  store.inventory.up = false;
  const [one, many] = [await at(`/products/${mug}`), await at("/products")];
  store.inventory.up = true;
  expect(one).toMatchObject({ status: 200, body: { stock: null } });
  expect(many.body.products.every((each: { stock: unknown }) => each.stock === null)).toBe(true);
});

test("prices have the decimals of their currency, and filters speak of the store's", async () => {
  expect((await at(`/products/${fan}`)).body.price).toEqual({ amount: "1999", currency: "JPY" });
  const cheap = await at("/products?max_price=2.50");
  expect(cheap.body.products.map((each: { name: string }) => each.name)).toEqual(["Pen"]);
});

test("a product that is created twice under one key is there once, and can be changed", async () => {
  const bowl = { name: "Bowl", price: { amount: "7.5", currency: "USD" } };
  const headers = { ...asGrace, ...newKey() };
  const created = await post("/products", bowl, headers);
  expect(created.status).toBe(201);
  expect(created.body.product_id).toBe(headers["idempotency-key"]);
  expect(created.body.price).toEqual({ amount: "7.50", currency: "USD" });
  expect((await post("/products", bowl, headers)).body).toEqual(created.body);

  const path = created.headers.get("location") ?? "";
  const changed = await at(path, {
    method: "PATCH",
    headers: asGrace,
    json: { active: false, tags: ["blue"] },
  });
  expect(changed.body).toMatchObject({ name: "Bowl", tags: ["blue"] });
  const names = async (query: string, headers: Record<string, string>) =>
    (await at(`/products?tag=blue${query}`, { headers })).body.products.length;
  expect(await names("", asGrace)).toBe(0);
  expect(await names("&include_inactive=true", asGrace)).toBe(1);
});

test("only staff may list what is not sold", async () => {
  const answer = await at("/products?include_inactive=true", { headers: asAda });
  expect(answer.body).toMatchObject({ status: 403, reason: "permission_denied" });
});

test("an image may be kept for ever, and is not sent to whoever has it", async () => {
  const path = `/images/${existing.imageId}?size=large`;
  const image = await fetch(gateway.url + path);
  expect(image.headers.get("content-type")).toBe("image/webp");
  expect(image.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  expect(image.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
  expect((await image.arrayBuffer()).byteLength).toBeGreaterThan(20);
  const etag = image.headers.get("etag") ?? "";
  const again = await fetch(gateway.url + path, { headers: { "if-none-match": etag } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
});

test("an expired token does not keep anybody from the products, or from renewing it", async () => {
  const headers = { authorization: "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA" };
  expect((await at("/products", { headers })).status).toBe(200);
  const login = await post("/auth/login", { username: "ada", password: "webstore-demo" }, headers);
  const renewed = await post("/auth/refresh", { refresh_token: login.body.refresh_token }, headers);
  expect(renewed.status).toBe(200);
});

test("the keys are asked of identity once a minute, not once a request", async () => {
  await at("/.well-known/jwks.json");
  const asked = store.calls.jwks;
  for (let i = 0; i < 5; i += 1) await at("/.well-known/jwks.json");
  expect(store.calls.jwks).toBe(asked);
});

test("a refund without a body gives back all that is left, once for a key", async () => {
  const paymentId = await capturedPayment();
  const asked = { method: "POST", headers: { ...asGrace, ...newKey() } };
  const first = await at(`/payments/${paymentId}/refunds`, asked);
  const again = await at(`/payments/${paymentId}/refunds`, asked);
  expect(first.status).toBe(201);
  expect(first.body.refund.amount).toEqual({ amount: "20.00", currency: "USD" });
  expect(again.body.payment).toMatchObject({
    status: "refunded",
    refunded: { amount: "20.00", currency: "USD" },
  });
});
