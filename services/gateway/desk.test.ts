// What staff see and do over REST: that everything they change is in the audit log before it is done, and that input
// is checked.

import { randomUUID } from "node:crypto";
import { demoUsers } from "@webstore/kit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { bookedOrder, deadLetter, doneSaga, sentMail, stuckSaga } from "./testing-desk.ts";
import { type Answered, type Asked, address, ask, imageForm, newKey, visa } from "./testing-samples.ts";
import { asAda, asGrace, mug, nothing, openTestStore, pen, type TestStore } from "./testing-store.ts";

let store: TestStore;
let gateway: Awaited<ReturnType<TestStore["startGateway"]>>;
let orderId: string;

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
  await at("/cart/add", { method: "POST", headers: asAda, json: { product_id: mug, quantity: 1 } });
  const order = await at("/checkout", { method: "POST", headers: { ...asAda, ...newKey() }, json: visa });
  orderId = order.body.order_id;
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});
beforeEach(() => store.desk.reset());

const at = (path: string, asked: Asked = {}) => ask(gateway.url + path, asked);
const asStaff = (path: string, asked: Asked = {}) =>
  at(path, { ...asked, headers: { ...asGrace, ...asked.headers } });
const post = (path: string, json: unknown, headers = {}) => asStaff(path, { method: "POST", json, headers });
const { userId: grace } = demoUsers.grace;

async function capturedPayment(): Promise<string> {
  const { payment } = await store.payments.createPayment({
    orderId: randomUUID(),
    customerId: randomUUID(),
    amount: { amountMinor: 20_00n, currency: "USD" },
    paymentMethodToken: "pm_card_visa",
    country: "US",
    description: "",
  });
  const paymentId = payment?.paymentId ?? "";
  await store.payments.capturePayment({ payment: { $case: "paymentId", value: paymentId } });
  return paymentId;
}

type Change = {
  readonly action: string;
  readonly ask: (is: { paymentId: string; newId: string }) => Promise<Answered>;
  /** What there is to see of it; the same as before when it was not done. */
  readonly standing: (is: { paymentId: string; newId: string }) => unknown;
  readonly detail: string;
};

const payment = async (paymentId: string) =>
  (await store.payments.getPayment({ payment: { $case: "paymentId", value: paymentId } })).payment;
const product = async (productId: string) => (await at(`/products/${productId}`)).body;

/** Everything that staff can change. */
const changes: readonly Change[] = [
  {
    action: "ProcessRefund",
    ask: ({ paymentId }) =>
      post(
        `/payments/${paymentId}/refunds`,
        { amount: { amount: "1.00", currency: "USD" }, reason: "goodwill" },
        newKey(),
      ),
    standing: async ({ paymentId }) => (await payment(paymentId))?.refundedMinor,
    detail: "1.00 USD goodwill",
  },
  {
    action: "RetrySaga",
    ask: () => post(`/sagas/${stuckSaga}/retry`, { reason: "payments is back" }),
    standing: async () => (await store.desk.sagas.getSaga({ sagaId: stuckSaga })).saga?.status,
    detail: "payments is back",
  },
  {
    action: "CompensateSaga",
    ask: () => post(`/sagas/${stuckSaga}/compensate`, { reason: "given up" }),
    standing: async () => (await store.desk.sagas.getSaga({ sagaId: stuckSaga })).saga?.status,
    detail: "given up",
  },
  {
    action: "ResendNotification",
    ask: () => post(`/notifications/${sentMail}/resend`, undefined, newKey()),
    standing: () => store.desk.mails.length,
    detail: "",
  },
  {
    action: "ImportOrder",
    ask: ({ newId }) =>
      post("/orders/import", {
        order_id: newId,
        customer_id: randomUUID(),
        lines: [{ product_id: mug, quantity: 2 }],
        shipping_address: address,
        channel: "phone",
      }),
    standing: async ({ newId }) => (await asStaff(`/orders/${newId}`)).status,
    detail: "phone",
  },
  {
    action: "CreateProduct",
    ask: ({ newId }) =>
      post(
        "/products",
        { name: "Bowl", price: { amount: "7.50", currency: "USD" } },
        { "idempotency-key": newId },
      ),
    standing: async ({ newId }) => (await at(`/products/${newId}`)).status,
    detail: "Bowl",
  },
  {
    action: "UpdateProduct",
    ask: ({ newId }) => asStaff(`/products/${pen}`, { method: "PATCH", json: { description: newId } }),
    standing: async () => (await product(pen)).description,
    detail: "description",
  },
  {
    action: "UploadProductImage",
    ask: () => asStaff(`/products/${pen}/images`, { method: "POST", body: imageForm() }),
    standing: async () => (await product(pen)).images.length,
    detail: "70 bytes",
  },
];

test.each(changes)("$action is written down, then done", async (change) => {
  const is = { paymentId: await capturedPayment(), newId: randomUUID() };
  const before = await change.standing(is);
  const answer = await change.ask(is);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  expect(await change.standing(is)).not.toEqual(before);
  expect(store.desk.audit).toMatchObject([{ actorId: grace, action: change.action, detail: change.detail }]);
  expect(store.desk.audit[0]?.subject).toMatch(/^[0-9a-f-]{36}$/);
});

test.each(changes)("$action is not done while it cannot be written down", async (change) => {
  const is = { paymentId: await capturedPayment(), newId: randomUUID() };
  const before = await change.standing(is);
  store.desk.state.auditUp = false;
  expect((await change.ask(is)).body).toMatchObject({ status: 503, reason: "unavailable" });
  expect(await change.standing(is)).toEqual(before);
  store.desk.state.auditUp = true;
  expect((await change.ask(is)).status).toBeLessThan(300);
});

test("asking the provider about a payment is written down, too, and not done otherwise", async () => {
  const paymentId = await capturedPayment();
  const resolved = await post(`/payments/${paymentId}/resolve`, undefined);
  expect(resolved.body.payment).toMatchObject({ payment_id: paymentId, resolution_given_up: false });
  expect(store.desk.audit).toMatchObject([{ action: "ResolvePayment", subject: paymentId }]);
  store.desk.state.auditUp = false;
  expect((await post(`/payments/${paymentId}/resolve`, undefined)).status).toBe(503);
});

test("a change that is repeated under its key is one line of the log; another under the same key is another", async () => {
  const paymentId = await capturedPayment();
  const key = newKey();
  const path = `/payments/${paymentId}/refunds`;
  for (const amount of ["1.00", "1.00", "2.00"])
    await post(path, { amount: { amount, currency: "USD" } }, key);
  expect(store.desk.audit.map(({ detail }) => detail)).toEqual(["1.00 USD", "2.00 USD"]);
});

test("what staff cancel is written down, what shoppers cancel is not", async () => {
  const cancel = (headers: Record<string, string>) =>
    at(`/orders/${orderId}/cancel`, { method: "POST", headers });
  expect((await cancel(asAda)).status).toBe(202);
  expect(store.desk.audit).toEqual([]);
  expect((await cancel(asGrace)).status).toBe(202);
  expect(store.desk.audit).toMatchObject([{ actorId: grace, action: "CancelOrder", subject: orderId }]);
});

test("dead letters are listed, read and redriven, in the name of who asks", async () => {
  const dead = await asStaff("/dead-letters?event_name=OrderCreated&page_size=2");
  expect(dead.body.dead_letters).toHaveLength(2);
  expect(dead.body.dead_letters[0]).toMatchObject({
    source_offset: "1",
    status: "dead",
    correlation_id: null,
    consumer_group: null,
  });
  const rest = await asStaff(
    `/dead-letters?event_name=OrderCreated&page_size=2&page_token=${dead.body.next_page_token}`,
  );
  expect(rest.body).toMatchObject({ dead_letters: [{ redrives: 3 }], next_page_token: "" });
  const later = await asStaff("/dead-letters?since=2026-01-02T03:04:06Z");
  expect(later.body.dead_letters).toEqual([]);

  const one = await asStaff(`/dead-letters/${deadLetter}`);
  expect(one.headers.get("cache-control")).toBe("no-store");
  expect(Buffer.from(one.body.value_base64, "base64").toString()).toBe(one.body.value_text);

  const redriven = await post("/dead-letters/redrive", {
    filter: { event_name: "OrderCreated" },
    reason: "ok",
  });
  expect(redriven.body).toEqual({ matched: 3, scheduled: 2, looping: 1 });
  expect(store.desk.audit).toMatchObject([{ actorId: grace, action: "RedriveDeadLetters", detail: "ok" }]);
  const log = await asStaff(`/audit?actor_id=${grace}`);
  expect(log.body.entries).toMatchObject([{ action: "RedriveDeadLetters", subject: null }]);
});

test("a comparison shows who has what, and asks for the time that is given", async () => {
  store.desk.differences.push({
    kind: "DIFFERENCE_KIND_MISSING_IN_LEDGER",
    orderId: bookedOrder,
    paymentId: "",
    providerReference: "pi_1",
    ledgerAmount: undefined,
    paymentsAmount: { amountMinor: 24_98n, currency: "USD" },
    providerAmount: { amountMinor: 2498n, currency: "JPY" },
    ordersAmount: { amountMinor: -1n, currency: "USD" },
    detail: "The books lack it.",
  });
  const found = await asStaff("/ledger/reconciliation?since=2026-01-01T00:00:00Z");
  expect(found.body.differences).toEqual([
    {
      kind: "missing_in_ledger",
      order_id: bookedOrder,
      payment_id: null,
      provider_reference: "pi_1",
      orders_amount: { amount: "-0.01", currency: "USD" },
      payments_amount: { amount: "24.98", currency: "USD" },
      ledger_amount: null,
      provider_amount: { amount: "2498", currency: "JPY" },
      detail: "The books lack it.",
    },
  ]);
  expect(store.desk.compared).toEqual([
    { createdSince: new Date("2026-01-01T00:00:00Z"), createdBefore: undefined },
  ]);
});

test("the books are read by order and by account, page by page", async () => {
  const page = await asStaff(`/ledger/entries?order_id=${bookedOrder}&page_size=2`);
  expect(page.body.entries[1]).toMatchObject({
    account: "revenue",
    amount: { amount: "-19.99", currency: "USD" },
  });
  const next = `/ledger/entries?order_id=${bookedOrder}&page_size=2&page_token=${page.body.next_page_token}`;
  expect((await asStaff(next)).body).toMatchObject({
    entries: [{ account: "shipping" }],
    next_page_token: "",
  });
  const balances = await asStaff("/ledger/balances");
  expect(balances.body).toMatchObject({
    imbalances: [],
    balances: [{ account: "customer_receivable" }, {}, {}],
  });
});

test.each<[string, string]>([
  ["/ledger/entries?order_id=1", "order_id"],
  ["/ledger/entries?account=cash", "account"],
  ["/ledger/entries?page_size=101", "page_size"],
  ["/ledger/reconciliation?since=yesterday", "since"],
  ["/ledger/reconciliation?before=2026-13-01T00:00:00Z", "before"],
  ["/sagas?status=asleep", "status"],
  ["/sagas?idle_seconds_min=-1", "idle_seconds_min"],
  ["/sagas?idle_seconds_min=99999999", "idle_seconds_min"],
  ["/sagas/1", "saga_id"],
  ["/dead-letters?status=alive", "status"],
  [`/dead-letters?error_contains=${"x".repeat(101)}`, "error_contains"],
  ["/dead-letters?source_topic=%00", "source_topic"],
  ["/dead-letters/1", "dead_letter_id"],
  ["/audit?actor_id=grace", "actor_id"],
  ["/notifications?customer_id=ada", "customer_id"],
  ["/notifications?status=lost", "status"],
  ["/sagas?page_token=abc", "page_token"],
  ["/notifications?page_token=abc", "page_token"],
])("GET %s is refused and names %s", async (path, field) => {
  const answer = await asStaff(path);
  expect(answer.body).toMatchObject({ status: 400, reason: "invalid_request" });
  expect(answer.body.errors.map((each: { field: string }) => each.field)).toContain(field);
});

test("every mistake is said once, in words that fit it", async () => {
  const time = "must be a time such as 2026-01-02T03:04:05Z";
  const since = await asStaff("/ledger/reconciliation?since=x");
  expect(since.body.errors).toEqual([{ field: "since", description: time }]);
  const early = await asStaff("/ledger/reconciliation?since=1969-12-31T00:00:00Z");
  expect(early.body.errors).toEqual([{ field: "since", description: "must be 1970 or later" }]);
  const empty = await post(`/sagas/${stuckSaga}/retry`, { reason: "" });
  expect(empty.body.errors).toEqual([{ field: "reason", description: "must not be empty" }]);
  const none = await post("/orders/import", { ...importable, lines: [] });
  expect(none.body.errors).toEqual([{ field: "lines", description: "must not be empty" }]);
});

test("a redrive may go without a reason, and with an empty one", async () => {
  for (const reason of [undefined, ""]) {
    const asked = { filter: { source_topic: "order-events" }, dry_run: true, reason };
    expect((await post("/dead-letters/redrive", asked)).status).toBe(200);
  }
});

const importable = {
  order_id: nothing,
  customer_id: nothing,
  lines: [{ product_id: mug, quantity: 1 }],
  shipping_address: address,
  channel: "phone",
};

test.each<[string, string, unknown]>([
  [`/sagas/${stuckSaga}/retry`, "reason", {}],
  [`/sagas/${stuckSaga}/retry`, "reason", { reason: "x".repeat(201) }],
  [`/sagas/${stuckSaga}/compensate`, "reason", { reason: "" }],
  [`/sagas/${stuckSaga}/compensate`, "reason", { reason: "a\u001bb" }],
  [`/sagas/${stuckSaga}/compensate`, "body", undefined],
  ["/dead-letters/redrive", "filter", {}],
  ["/dead-letters/redrive", "filter.topic", { filter: { topic: "order-events" } }],
  ["/dead-letters/redrive", "filter.dead_letter_ids[0]", { filter: { dead_letter_ids: ["1"] } }],
  [
    "/dead-letters/redrive",
    "filter.dead_letter_ids",
    { filter: { dead_letter_ids: Array(101).fill(nothing) } },
  ],
  ["/dead-letters/redrive", "rate_per_second", { filter: {}, rate_per_second: 101 }],
  ["/dead-letters/redrive", "letters_max", { filter: {}, letters_max: 0 }],
  ["/dead-letters/redrive", "dry_run", { filter: {}, dry_run: "yes" }],
  ["/orders/import", "lines", { ...importable, lines: [] }],
  ["/orders/import", "lines[0].quantity", { ...importable, lines: [{ product_id: mug, quantity: 100 }] }],
  [
    "/orders/import",
    "lines[0].unit_price",
    { ...importable, lines: [{ product_id: mug, quantity: 1, unit_price: "0.01" }] },
  ],
  ["/orders/import", "channel", { ...importable, channel: "Phone!" }],
  ["/orders/import", "shipping_address", { ...importable, shipping_address: undefined }],
])("POST %s with a wrong %s is refused, and is nothing to write down", async (path, field, json) => {
  const answer = await post(path, json);
  expect(answer.body).toMatchObject({ status: 400, reason: "invalid_request" });
  expect(answer.body.errors.map((each: { field: string }) => each.field)).toContain(field);
  expect(store.desk.audit).toEqual([]);
});

test("a mail is not sent again without a key", async () => {
  const answer = await post(`/notifications/${sentMail}/resend`, undefined);
  expect(answer.body).toMatchObject({ status: 400, reason: "idempotency_key_required" });
  expect(store.desk.mails).toHaveLength(1);
});

test.each<[string, number, string]>([
  [`/sagas/${nothing}/retry`, 404, "saga_not_found"],
  [`/sagas/${doneSaga}/retry`, 409, "saga_ended"],
  [`/sagas/${doneSaga}/compensate`, 409, "saga_ended"],
  [`/notifications/${nothing}/resend`, 404, "notification_not_found"],
])("POST %s is %i, %s", async (path, status, reason) => {
  const answer = await post(path, { reason: "why" }, newKey());
  expect(answer.body).toMatchObject({ status, reason });
});

test("a payment that the shopper's bank asks about is 202 with what the browser needs, which nobody keeps", async () => {
  await post("/cart/add", { product_id: mug, quantity: 1 });
  const key = newKey();
  const asking = { ...visa, payment_method: { token: "pm_card_authenticationRequired" } };
  const [first, again] = [await post("/checkout", asking, key), await post("/checkout", asking, key)];
  const { client_secret: secret } = first.body.payment_action;
  expect(secret).toMatch(/^pi_.*secret/);
  for (const answer of [first, again]) {
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ status: "pending", payment_action: { client_secret: secret } });
    expect(answer.headers.get("cache-control")).toBe("no-store");
  }
  const order = await asStaff(`/orders/${first.body.order_id}`);
  expect(JSON.stringify(order.body)).not.toContain(secret);
});
