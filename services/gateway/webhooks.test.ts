// What machines outside of the store send: the payment provider's events and other systems' payment updates.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { problemShape } from "./rest-shapes.ts";
import { type Answered, type Asked, ask, newKey, visa } from "./testing-samples.ts";
import {
  asAda,
  asGrace,
  goodSignature,
  mug,
  nothing,
  openTestStore,
  partnerKey,
  type TestStore,
} from "./testing-store.ts";

type Gateway = Awaited<ReturnType<TestStore["startGateway"]>>;

let store: TestStore;
let gateway: Gateway;
let orderId: string;
let paymentId: string;

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
  await at("/cart/add", { method: "POST", headers: asAda, json: { product_id: mug, quantity: 1 } });
  const order = await at("/checkout", { method: "POST", headers: { ...asAda, ...newKey() }, json: visa });
  orderId = order.body.order_id;
  paymentId = order.body.payment_id;
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});
beforeEach(() => {
  store.providerEvents.state.received.length = 0;
});

const at = (path: string, asked: Asked = {}) => ask(gateway.url + path, asked);

function expectProblem(answer: Answered, status: number, reason: string) {
  expect(problemShape.parse(answer.body)).toMatchObject({ status, reason });
  expect(answer.status).toBe(status);
}

const event = (
  body: Asked["body"],
  headers: Record<string, string> = { "stripe-signature": goodSignature },
) => at("/webhooks/stripe", { method: "POST", headers, ...(body === undefined ? {} : { body }) });
const received = () => store.providerEvents.state.received;

const utf8 = new TextEncoder();

test.each([
  [
    "odd white space and unicode",
    utf8.encode('\n {"id" :\t"evt_1",\r\n "name":"Zoë \\u00e9 – 日本 🧾"}  \n\n'),
  ],
  ["a byte order mark", utf8.encode('\ufeff{"id":"evt_1"}')],
  ["the same field twice", utf8.encode('{"id":"evt_1","id":"evt_2","n":1.0e2}')],
  ["a poisoned prototype", utf8.encode('{"__proto__":{"role":"admin"}}')],
  ["bytes that are no text", Uint8Array.from([0x7b, 0xff, 0x00, 0xfe, 0x7d])],
  ["all that fits", new Uint8Array(256 * 1_024).fill(0x61)],
])("an event reaches payments byte for byte: %s", async (_name, body) => {
  for (const type of ["application/json", "application/json; charset=utf-8", "text/plain"]) {
    received().length = 0;
    const answer = await event(body, { "content-type": type, "stripe-signature": goodSignature });
    expect([answer.status, answer.body]).toEqual([200, { received: true }]);
    expect(received().map(({ payload }) => payload.equals(body))).toEqual([true]);
  }
});

test("a signature that is wrong, missing or endless is 400, and nothing is stored", async () => {
  expectProblem(await event("{}", { "stripe-signature": "t=1,v1=00" }), 400, "webhook_signature_invalid");
  expectProblem(await event("{}", {}), 400, "webhook_signature_invalid");
  expectProblem(await event(undefined, {}), 400, "webhook_signature_invalid");
  expectProblem(await event("{}", { "stripe-signature": "x".repeat(2_001) }), 400, "invalid_request");
  expect(received()).toEqual([]);
});

test("an event that is too large is refused, and payments does not see it", async () => {
  expectProblem(await event("x".repeat(256 * 1_024 + 1)), 413, "body_too_large");
  expect(received()).toEqual([]);
});

test("while payments cannot store events the provider is told to come back", async () => {
  store.providerEvents.state.up = false;
  const answer = await event("{}");
  store.providerEvents.state.up = true;
  expectProblem(answer, 503, "unavailable");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const away = await store.startGateway({ PAYMENTS_ADDRESS: "127.0.0.1:1" });
  const headers = { "stripe-signature": goodSignature };
  expectProblem(
    await ask(`${away.url}/webhooks/stripe`, { method: "POST", headers, body: "{}" }),
    503,
    "unavailable",
  );
  await away.stop();
});

test("a burst of events is taken in whole, and is not counted with other requests", async () => {
  const small = await store.startGateway({ RATE_LIMIT_PER_SECOND: "3" });
  const headers = { "stripe-signature": goodSignature };
  const burst = await Promise.all(
    Array.from({ length: 50 }, () =>
      ask(`${small.url}/webhooks/stripe`, { method: "POST", headers, body: "{}" }),
    ),
  );
  expect(new Set(burst.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await ask(`${small.url}/health`)).status).toBe(200);
  await small.stop();
});

test("even the provider's address has a limit", async () => {
  const small = await store.startGateway({ WEBHOOK_RATE_LIMIT_PER_SECOND: "5" });
  const burst = await Promise.all(
    Array.from({ length: 20 }, () => ask(`${small.url}/webhooks/stripe`, { method: "POST", body: "{}" })),
  );
  expect(new Set(burst.map(({ status }) => status))).toEqual(new Set([400, 429]));
  await small.stop();
});

const update = (json: unknown, headers: Record<string, string | undefined> = {}) => {
  const all = { "x-internal-api-key": partnerKey, "x-idempotency-key": randomUUID(), ...headers };
  const given = Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined);
  return at("/webhooks/payment-updates", { method: "POST", headers: Object.fromEntries(given), json });
};
const good = () => ({
  order_id: orderId,
  payment_id: paymentId,
  payment_status: "partially_refunded",
  occurred_at: "2026-01-02T04:04:05.678+01:00",
  refunded_amount: { amount: "4.5", currency: "USD" },
});

/** What orders has heard of money that went back. */
const refunded = async () => (await at(`/orders/${orderId}`, { headers: asAda })).body.refunded;

test.each([undefined, "", "wrong", partnerKey.slice(0, -1), `${partnerKey}x`, partnerKey.toUpperCase()])(
  "with the key %j nothing is forwarded, whatever else is sent",
  async (key) => {
    expectProblem(await update(good(), { "x-internal-api-key": key }), 401, "api_key_invalid");
    expectProblem(await update("nonsense", { "x-internal-api-key": key }), 401, "api_key_invalid");
    expectProblem(await update(good(), { "x-internal-api-key": key, ...asGrace }), 401, "api_key_invalid");
    expect(await refunded()).toBeNull();
  },
);

test.each<[string, string, object]>([
  ["order_id", "no UUID", { order_id: "1" }],
  ["payment_id", "missing", { payment_id: undefined }],
  ["payment_status", "unknown word", { payment_status: "PAYMENT_STATUS_CAPTURED" }],
  ["payment_status", "unspecified", { payment_status: "unspecified" }],
  ["occurred_at", "no time", { occurred_at: "yesterday" }],
  ["occurred_at", "a time without a zone", { occurred_at: "2026-01-02T03:04:05" }],
  ["occurred_at", "before all", { occurred_at: "0000-01-01T00:00:00Z" }],
  ["refunded_amount.amount", "negative", { refunded_amount: { amount: "-1.00", currency: "USD" } }],
  ["refunded_amount.amount", "too fine", { refunded_amount: { amount: "1.001", currency: "USD" } }],
  ["refunded_amount", "a number", { refunded_amount: 450 }],
  ["refunded_amount.currency", "another currency", { refunded_amount: { amount: "1.00", currency: "EUR" } }],
  ["status", "a field too many", { status: "paid" }],
])("an update with a wrong %s (%s) is refused and names the field", async (field, _what, wrong) => {
  const answer = await update({ ...good(), ...wrong });
  expectProblem(answer, 400, "invalid_request");
  expect(answer.body.errors.map((each: { field: string }) => each.field)).toContain(field);
  expect(await refunded()).toBeNull();
});

test("an update without a key of its own, or for another order or payment, is refused", async () => {
  const keyless = await update(good(), { "x-idempotency-key": undefined });
  expectProblem(keyless, 400, "idempotency_key_required");
  expect(keyless.body.details).toEqual({ header: "x-idempotency-key" });
  expectProblem(await update(good(), { "x-idempotency-key": "1" }), 400, "idempotency_key_invalid");
  expectProblem(await update({ ...good(), order_id: nothing }), 404, "order_not_found");
  expectProblem(await update({ ...good(), payment_id: nothing }), 409, "payment_mismatch");
  expect(await refunded()).toBeNull();
});

test("a payment update is told to orders, and a second time changes nothing", async () => {
  const key = { "x-idempotency-key": randomUUID() };
  const first = await update(good(), key);
  expect([first.status, first.body]).toEqual([200, { status: "paid", applied: true }]);
  expect(await refunded()).toEqual({ amount: "4.50", currency: "USD" });
  expect((await update(good(), key)).body).toEqual({ status: "paid", applied: false });
  expect(await refunded()).toEqual({ amount: "4.50", currency: "USD" });
});

test("where no key was agreed on there is no such route, and a short key is no key", async () => {
  const closed = await store.startGateway({ PAYMENT_UPDATES_API_KEY: "" });
  const headers = { "x-internal-api-key": "", "x-idempotency-key": randomUUID() };
  const answer = await ask(`${closed.url}/webhooks/payment-updates`, {
    method: "POST",
    headers,
    json: good(),
  });
  expectProblem(answer, 404, "route_not_found");
  await closed.stop();
  await expect(store.startGateway({ PAYMENT_UPDATES_API_KEY: "x".repeat(15) })).rejects.toThrow(
    "PAYMENT_UPDATES_API_KEY",
  );
});
