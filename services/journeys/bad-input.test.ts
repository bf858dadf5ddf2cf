// What must not get into the store, tried on the whole of it: each is answered with the documented problem, and
// afterwards every table and the partners' books are as they were. The edge and each service try their own fields
// in full; here is one of every kind, and that it stops nowhere half-way.

import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { cart } from "@webstore/cart/definition";
import { catalog } from "@webstore/catalog/definition";
import { identity } from "@webstore/identity/definition";
import { testClient } from "@webstore/kit/testing";
import { orders } from "@webstore/orders/definition";
import { payments } from "@webstore/payments/definition";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, type JWTPayload, SignJWT } from "jose";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ada,
  euroProduct,
  grace,
  mug,
  nothing,
  other,
  otherCheckouts,
  post,
  visa,
  wrongBodies,
  wrongFields,
  wrongForTheStore,
  wrongRefunds,
} from "./bad-requests.ts";
import { readPartners } from "./partners.ts";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { type Asked, type Order, openShop, type Problem, type Shop } from "./shop.ts";
import { readStored, readStoredAtRest, type Stored } from "./stored.ts";

let store: StoreRun;
let shop: Shop;
let partners: ReturnType<typeof readPartners>;
let order: Order;
let orderKey: string;
let before: Stored;

/** A store in which something is: an order of ada's, a cart of hers, and a product in euros. */
beforeAll(async () => {
  store = await openStoreRun({ RATE_LIMIT_PER_SECOND: "1000000", MAIL_URL: "none:" });
  await store.start();
  shop = openShop(store.url);
  partners = readPartners(store);
  await shop.addToCart(ada, mug, 1);
  orderKey = randomUUID();
  const outcome = await shop.checkout(ada, orderKey);
  if (outcome.is !== "ordered") throw new Error(outcome.reason);
  order = outcome.order;
  await shop.addToCart(ada, mug, 2);
  const price = { amount: "10.00", currency: "EUR" };
  const added = {
    method: "POST",
    token: grace,
    key: euroProduct,
    json: { name: "Euro bowl", price },
  } as const;
  await shop.must("/products", added);
  before = await readStoredAtRest(store.database()?.url ?? "", partners);
});
afterAll(async () => {
  await shop?.close();
  await store?.close();
});

const stored = () => readStored(store.database()?.url ?? "", partners);

async function expectNothingChanged(): Promise<void> {
  expect(await stored()).toEqual(before);
}

async function expectProblem(path: string, asked: Asked, status: number, reason: string): Promise<Problem> {
  const answer = await shop.ask<Problem>(path, asked);
  expect(answer.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(answer.body).toMatchObject({
    type: `urn:webstore:problem:${reason}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: path.split("?")[0],
    trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    reason,
  });
  expect(answer.status).toBe(status);
  return answer.body;
}

describe("a field that the API does not allow", () => {
  test.each(wrongFields)("POST %s names %s", async (path, field, json, token = ada) => {
    const problem = await expectProblem(path, post(json, token), 400, "invalid_request");
    expect(problem).toMatchObject({ errors: expect.arrayContaining([expect.objectContaining({ field })]) });
    await expectNothingChanged();
  });
});

describe("a request that fits the API and not the store", () => {
  test.each(wrongForTheStore)("%s", async (_, path, asked, status, reason) => {
    await expectProblem(path, asked(), status, reason);
    await expectNothingChanged();
  });
});

describe("somebody else's order", () => {
  test.each([
    ["is not found", "GET", ""],
    ["cannot be cancelled, and is not found", "POST", "/cancel"],
  ] as const)("%s", async (_, method, action) => {
    const path = `/orders/${order.order_id}${action}`;
    await expectProblem(path, { method, token: other }, 404, "order_not_found");
    await expectNothingChanged();
  });
});

describe("a key that was used", () => {
  test.each(otherCheckouts)("is refused with %s", async (_, json) => {
    const asked = { method: "POST", token: ada, key: orderKey, json } as const;
    await expectProblem("/checkout", asked, 409, "idempotency_key_reused");
    await expectNothingChanged();
  });

  test("gives the first order with the same request, although the cart is another by now", async () => {
    const again = await shop.checkout(ada, orderKey);
    expect(again).toMatchObject({ is: "ordered", status: 200, order: { order_id: order.order_id } });
    await expectNothingChanged();
  });

  test("is no key of another customer's: who uses it sees nothing of that order", async () => {
    await expectProblem(
      "/checkout",
      { method: "POST", token: other, key: orderKey, json: visa },
      409,
      "cart_empty",
    );
    await expectNothingChanged();
  });
});

describe("a refund", () => {
  test.each(wrongRefunds)("%s", async (_, amount, status, reason) => {
    await expectProblem(`/payments/${order.payment_id}/refunds`, post({ amount }, grace), status, reason);
    await expectNothingChanged();
  });
});

describe("a body that is no JSON, or too much of it", () => {
  test.each(wrongBodies)("%s", async (_, asked, status, reason) => {
    await expectProblem("/cart/add", { method: "POST", token: ada, ...asked }, status, reason);
    await expectNothingChanged();
  });

  test("10 MiB is refused as soon as it is announced", async () => {
    const { status, body } = await announce(`${store.url}/cart/add`, 10 * 1024 * 1024);
    expect(JSON.parse(body)).toMatchObject({ status: 413, reason: "body_too_large" });
    expect(status).toBe(413);
    await expectNothingChanged();
  });
});

/** Says how long the body will be, sends little of it, and waits for the answer. */
function announce(url: string, length: number): Promise<{ status: number; body: string }> {
  const headers = {
    authorization: `Bearer ${ada}`,
    "content-type": "application/json",
    "content-length": length,
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      answer.once("end", () => {
        resolve({ status: answer.statusCode ?? 0, body });
        sent.destroy();
      });
    });
    sent.once("error", reject).write('{"product_id":"');
  });
}

describe("a token that is none", () => {
  let good: { access_token: string; refresh_token: string };
  let sign: (claims: JWTPayload) => Promise<string>;
  let forge: (claims: JWTPayload) => Promise<string>;
  let claims: JWTPayload;

  /** Tokens by the store's own key, which only a thief of its database has, show that more than the signature counts. */
  beforeAll(async () => {
    good = await shop.login({ username: "ada", password: "webstore-demo" });
    claims = decodeJwt(good.access_token);
    const header = decodeProtectedHeader(good.access_token) as { alg: string; kid: string };
    const own = await importJWK(await storedPrivateKey(store, header.kid), "ES256");
    const { privateKey: foreign } = await generateKeyPair("ES256");
    sign = (payload) => new SignJWT(payload).setProtectedHeader(header).sign(own);
    forge = (payload) => new SignJWT(payload).setProtectedHeader(header).sign(foreign);
    before = await stored();
  });
  beforeEach(async () => {
    expect((await shop.ask("/cart", { token: await sign(claims) })).status).toBe(200);
  });

  const nowS = () => Math.floor(Date.now() / 1_000);
  const tokens: readonly [what: string, token: () => Promise<string> | string][] = [
    ["expired", () => sign({ ...claims, iat: nowS() - 1_000, exp: nowS() - 100 })],
    ["forged", () => forge(claims)],
    ["forged for staff", () => forge({ ...claims, role: "admin" })],
    ["a refresh token", () => good.refresh_token],
    ["without expiry", () => sign({ ...claims, exp: undefined as never })],
    ["without a role", () => sign({ ...claims, role: undefined as never })],
    ["for somebody else's store", () => sign({ ...claims, aud: "elsewhere" })],
    ["unsigned", () => `${part({ alg: "none" })}.${part(claims)}.`],
    ["made up", () => "user-token-124"],
  ];

  test.each(tokens)("%s is refused", async (_, token) => {
    const bad = await token();
    await expectProblem("/cart", { token: bad }, 401, "unauthenticated");
    await expectProblem("/checkout", post(visa, bad), 401, "unauthenticated");
    await expectNothingChanged();
  });
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

async function storedPrivateKey(of: StoreRun, keyId: string) {
  const client = new pg.Client({ connectionString: of.database()?.url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select sealed_private_jwk as jwk from identity.signing_keys where key_id = $1",
      [keyId],
    );
    return JSON.parse(rows[0].jwk.replace(/^plain:/, ""));
  } finally {
    await client.end();
  }
}

describe("over RPC, past the edge", () => {
  type As = { token?: string };
  const inCart = (as: As) => testClient(cart, store.rpc.cart, as);
  const inOrders = (as: As) => testClient(orders, store.rpc.orders, as);
  const inPayments = (as: As) => testClient(payments, store.rpc.payments, as);
  const placed = {
    idempotencyKey: randomUUID(),
    paymentMethodToken: "pm_card_visa",
    shippingAddress: { name: "Ada", line1: "Here 1", city: "Portland", postalCode: "97201", country: "US" },
    coupon: "",
    waitMs: 1_000,
  };
  const byOrder = { $case: "orderId" as const, value: nothing };
  const asAda = { token: ada };
  const asStranger = {};
  const calls: readonly [what: string, call: () => Promise<unknown>, reason: string][] = [
    ["a cart without a token", () => inCart(asStranger).getCart({ customerId: "" }), "unauthenticated"],
    [
      "100 of a product",
      () => inCart(asAda).addItem({ customerId: "", productId: mug, quantity: 100 }),
      "invalid_request",
    ],
    [
      "a product that is no UUID",
      () => inCart(asAda).addItem({ customerId: "", productId: "mug", quantity: 1 }),
      "invalid_request",
    ],
    [
      "an order without a key",
      () => inOrders(asAda).placeOrder({ ...placed, idempotencyKey: "" }),
      "invalid_request",
    ],
    [
      "an order without an address",
      () => inOrders(asAda).placeOrder({ ...placed, shippingAddress: undefined }),
      "invalid_request",
    ],
    [
      "an order paid with a card number",
      () => inOrders(asAda).placeOrder({ ...placed, paymentMethodToken: "4242-4242" }),
      "invalid_request",
    ],
    [
      "somebody else's order",
      () => inOrders({ token: other }).getOrder({ orderId: order.order_id }),
      "order_not_found",
    ],
    [
      "an order moved on by its shopper",
      () =>
        inOrders(asAda).transitionOrder({
          orderId: order.order_id,
          status: "ORDER_STATUS_SHIPPED",
          reason: "",
        }),
      "permission_denied",
    ],
    [
      "an order that skips a status",
      () =>
        inOrders({ token: grace }).transitionOrder({
          orderId: order.order_id,
          status: "ORDER_STATUS_DELIVERED",
          reason: "",
        }),
      "transition_refused",
    ],
    [
      "a payment asked for by a shopper",
      () => inPayments(asAda).capturePayment({ payment: byOrder }),
      "permission_denied",
    ],
    [
      "a payment asked for by staff, past the order",
      () => inPayments({ token: grace }).voidPayment({ payment: byOrder }),
      "permission_denied",
    ],
    [
      "a page of a thousand",
      () =>
        testClient(catalog, store.rpc.catalog).listProducts({
          search: "",
          tag: "",
          minPriceMinor: undefined,
          maxPriceMinor: undefined,
          pageSize: 1_000,
          pageToken: "",
          includeInactive: false,
        }),
      "invalid_request",
    ],
    [
      "a short password",
      () =>
        testClient(identity, store.rpc.identity).register({
          username: "new-one",
          email: "new@example.com",
          password: "short",
          country: "US",
        }),
      "invalid_request",
    ],
  ];

  test.each(calls)("%s is refused", async (_, call, reason) => {
    await expect(call()).rejects.toMatchObject({ name: "Refusal", reason });
    await expectNothingChanged();
  });
});
