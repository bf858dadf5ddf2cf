import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { candidates } from "./scenarios.ts";
import {
  admin,
  advance,
  clientOf,
  dayMs,
  eventsOf,
  hold,
  refusalOf,
  startTestProvider,
  sumsOf,
  take,
  tell,
} from "./testing.ts";

const order = { metadata: { order_id: "o-1" } };

test("processed, then no answer: the key tells what happened", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "POST", "scenarios", { match: { order_id: "o-1" }, do: "processed_then_timeout" });
  const impatient = clientOf(url, undefined, 150);
  const refusal = await refusalOf(hold(impatient, order, "key-1"));
  expect(refusal).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  const kept = await hold(stripe, order, "key-1");
  expect(kept.status).toBe("requires_capture");
  expect((await stripe.paymentIntents.list()).data.map(({ id }) => id)).toEqual([kept.id]);
});

test("a token can bring its scenario: processed, then no answer", async () => {
  const { stripe, url } = await startTestProvider();
  const params = { payment_method: "pm_webstore_processedThenTimeout" };
  await refusalOf(hold(clientOf(url, undefined, 150), params, "key-1"));
  expect((await hold(stripe, params, "key-1")).status).toBe("requires_capture");
});

test("a request that is dropped did nothing", async () => {
  const { stripe, url } = await startTestProvider();
  // Twice, because the client tries a connection that was cut once more by itself.
  await admin(url, "POST", "scenarios", { match: { operation: "create" }, do: "drop", times: 2 });
  expect(await refusalOf(hold(stripe, order))).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
});

test("a script meets the payment that it names, as often as it says", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "POST", "scenarios", { match: { order_id: "o-1" }, do: "decline", times: 2 });
  expect((await hold(stripe, { metadata: { order_id: "o-2" } })).status).toBe("requires_capture");
  for (let i = 0; i < 2; i += 1)
    expect(await refusalOf(hold(stripe, order))).toMatchObject({ statusCode: 402 });
  expect((await hold(stripe, order)).status).toBe("requires_capture");
});

test("a good card can be made to need an action", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "POST", "scenarios", { match: { token: "pm_card_visa" }, do: "needs_action" });
  const { id, status } = await hold(stripe);
  expect(status).toBe("requires_action");
  expect((await stripe.paymentIntents.confirm(id)).status).toBe("requires_action");
  await admin(url, "POST", "authentications", { payment_intent: id, outcome: "succeeded" });
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_capture");
});

test.each([
  ["script", "pm_card_visa"],
  ["token", "pm_webstore_captureDeclined"],
])("a capture can be declined after the authorization, by %s", async (by, token) => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, { payment_method: token });
  if (by === "script") {
    await admin(url, "POST", "scenarios", {
      match: { payment_intent: id, operation: "capture" },
      do: "decline",
    });
  }
  expect(await refusalOf(stripe.paymentIntents.capture(id))).toMatchObject({
    statusCode: 402,
    code: "card_declined",
  });
  expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({
    status: "requires_payment_method",
    amount_capturable: 0,
    amount_received: 0,
  });
});

test.each([
  ["capture", "pm_webstore_captureTimeout"],
  ["refund", "pm_webstore_refundTimeout"],
] as const)("a token can bring its scenario: a %s that is processed, then no answer", async (what, token) => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, { payment_method: token });
  if (what === "refund") await stripe.paymentIntents.capture(id);
  const call = (client: Stripe) =>
    what === "capture"
      ? client.paymentIntents.capture(id, {}, { idempotencyKey: "key-1" })
      : client.refunds.create({ payment_intent: id }, { idempotencyKey: "key-1" });
  await refusalOf(call(clientOf(url, undefined, 150)));
  expect((await call(stripe)).status).toBe("succeeded");
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: what === "refund" ? 1000 : 0 });
});

test.each(["script", "token"])(
  "processed, then 500, by %s: the key keeps the 500, a look tells",
  async (by) => {
    const { stripe, url } = await startTestProvider();
    if (by === "script") await tell(url, "POST", "scenarios", { do: "processed_then_500" });
    const params = by === "token" ? { payment_method: "pm_webstore_processedThen500" } : {};
    expect(await refusalOf(hold(stripe, params, "key-1"))).toMatchObject({ statusCode: 500 });
    expect(await refusalOf(hold(stripe, params, "key-1"))).toMatchObject({ statusCode: 500 });
    const intents = (await stripe.paymentIntents.list()).data;
    expect(intents.map(({ status }) => status)).toEqual(["requires_capture"]);
  },
);

test("a request that is cut off once gets through at the second try", async () => {
  const { url } = await startTestProvider();
  const body = new URLSearchParams({
    ...{ amount: "1000", currency: "usd", confirm: "true", capture_method: "manual" },
    ...{ payment_method: "pm_webstore_dropOnce", "metadata[order_id]": "o-1" },
  });
  const headers = { authorization: "Bearer sk_test_webstore" };
  const send = () => fetch(`${url}/v1/payment_intents`, { method: "POST", headers, body });
  await expect(send()).rejects.toThrow();
  expect((await send()).status).toBe(200);
});

test.each([
  ["pm_webstore_actionSucceeds", "requires_capture"],
  ["pm_webstore_actionFails", "requires_payment_method"],
])("%s: the shopper answers the bank a little later, and it ends in %s", async (token, status) => {
  const { stripe, url } = await startTestProvider();
  const waiting = await hold(stripe, { payment_method: token });
  expect(waiting.status).toBe("requires_action");
  await advance(url, 3_000);
  expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe(status);
});

test("a script lets a good card ask, and the shopper answer", async () => {
  const { stripe, url } = await startTestProvider();
  const script = { match: { order_id: "o-1" }, do: "needs_action", outcome: "succeeded", delay_ms: dayMs };
  await tell(url, "POST", "scenarios", script);
  const { id } = await hold(stripe, order);
  await advance(url, dayMs - 60_000);
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_action");
  await advance(url, 60_000);
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_capture");
});

test("an answer to the bank that comes after the payment was called off changes nothing", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, { payment_method: "pm_webstore_actionSucceeds" });
  await stripe.paymentIntents.cancel(id);
  await advance(url, 3_000);
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("canceled");
  expect(await eventsOf(stripe)).toHaveLength(2);
});

test("a script waits for what it can act on, and passes over the rest", async () => {
  const { stripe, url } = await startTestProvider();
  for (const action of ["refund_succeeded_then_failed", "dispute_later", "needs_action"]) {
    await tell(url, "POST", "scenarios", { match: { order_id: "o-1" }, do: action });
  }
  const waiting = async () =>
    (await tell<{ scenarios: { action: string }[] }>(url, "GET", "scenarios")).scenarios.map(
      ({ action }) => action,
    );
  const { id } = await hold(stripe, order);
  expect(await waiting()).toEqual(["refund_succeeded_then_failed", "dispute_later"]);
  await admin(url, "POST", "authentications", { payment_intent: id, outcome: "succeeded" });
  await stripe.paymentIntents.capture(id);
  expect(await waiting()).toEqual(["refund_succeeded_then_failed"]);
  await stripe.refunds.create({ payment_intent: id, amount: 1 });
  expect(await waiting()).toEqual([]);
});

test("ten thousand scripts for other orders cost a request next to nothing", async () => {
  const { stripe, url, provider } = await startTestProvider();
  const script = { do: "slow", delay_ms: 0, times: 1 } as const;
  provider.database.transact(
    () => {
      for (let i = 0; i < 9_999; i += 1) {
        provider.scenarios.add({ ...script, match: { order_id: `other-${i}` } });
      }
    },
    () => false,
  );
  const plan = provider.database.prepare(`EXPLAIN QUERY PLAN ${candidates}`);
  expect(plan.all("a", "b", "create", "c").some(({ detail }) => /SCAN/.test(String(detail)))).toBe(false);
  await tell(url, "POST", "scenarios", { match: { order_id: "o-1" }, do: "decline" });
  expect((await admin(url, "POST", "scenarios", script)).status).toBe(409);
  await refusalOf(hold(stripe, order));
  await tell(url, "DELETE", "scenarios");
  expect((await hold(stripe, { metadata: { order_id: "other-1" } })).status).toBe("requires_capture");
});

test("the admin API tells everything that there is to script", async () => {
  const { stripe, url } = await startTestProvider();
  const help = await tell<Record<string, Record<string, string>>>(url, "GET", "scenarios");
  for (const action of Object.keys({ ...help.actions, ...help.webhook_actions })) {
    expect((await admin(url, "POST", "scenarios", { do: action })).status).toBe(201);
  }
  await tell(url, "DELETE", "scenarios");
  const ours = Object.keys(help.tokens ?? {}).filter((token) => token.startsWith("pm_webstore_"));
  expect(ours.length).toBeGreaterThan(15);
  for (const payment_method of ours) {
    const unconfirmed = { confirm: false, payment_method };
    expect((await hold(stripe, unconfirmed)).status).toBe("requires_confirmation");
  }
});

test("each payment's standing is listed, page by page", async () => {
  const { stripe, url } = await startTestProvider();
  const metadata = { order_id: "o-1", payment_id: "p-1" };
  const { id } = await take(stripe, { metadata });
  await stripe.refunds.create({ payment_intent: id, amount: 250 });
  await tell(url, "POST", "disputes", { payment_intent: id, outcome: "lost", close_after_ms: 5 });
  await hold(stripe, { currency: "eur" });
  await advance(url, 5);
  type Page = { payments: { id: string }[]; has_more: boolean };
  const first = await tell<Page>(url, "GET", "payments?limit=1");
  expect(first).toEqual({
    payments: [
      {
        ...{ id, ...metadata, currency: "usd", status: "succeeded", amount: 1000, held: 0, captured: 1000 },
        ...{ refunded: 250, refunds_pending: 0, disputed: 0, disputed_lost: 750 },
      },
    ],
    has_more: true,
  });
  const next = await tell<Page>(url, "GET", `payments?limit=1&starting_after=${id}`);
  expect([next.payments.length, next.has_more]).toEqual([1, false]);
  const ofOrder = await tell<Page>(url, "GET", "payments?order_id=o-1");
  expect(ofOrder.payments.map((payment) => payment.id)).toEqual([id]);
  expect(await sumsOf(url, "eur")).toMatchObject({ held: 1000, captured: 0 });
  for (const query of ["limit=0", "limit=1001", "limit=x", "starting_after=' OR 1=1", "more=1"]) {
    expect((await admin(url, "GET", `payments?${query}`)).status).toBe(400);
  }
});

test("a slow request is done even when nobody waits for it", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "POST", "scenarios", { do: "slow", delay_ms: 200 });
  await refusalOf(hold(clientOf(url, undefined, 50), order, "key-1"));
  await expect.poll(async () => (await stripe.paymentIntents.list()).data.length, { interval: 10 }).toBe(1);
});

test.each([
  { do: "explode" },
  { do: "slow", delay_ms: -1 },
  { do: "slow", times: 0 },
  { do: "decline", match: { order: "o-1" } },
  { do: "decline", outcome: "won" },
  { do: "needs_action", outcome: "won" },
  { do: "dispute_later", outcome: "failed" },
  { do: "slow", close_after_ms: 5 },
  { do: "slow", delay_ms: 2 * 3_600_000 },
  { do: "webhook_late", delay_ms: 367 * dayMs },
  {},
])("a script that is not one is refused: %j", async (script) => {
  const { url } = await startTestProvider();
  expect((await admin(url, "POST", "scenarios", script)).status).toBe(400);
});

test("a web page cannot use the admin API", async () => {
  const { stripe, url } = await startTestProvider();
  await hold(stripe);
  const reset = await fetch(`${url}/admin/reset`, {
    method: "POST",
    headers: { origin: "https://evil.example" },
  });
  expect(reset.status).toBe(403);
  expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
});
