import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { admin, hold, refusalOf, startTestProvider } from "./testing.ts";

const key = "5f4c1e0a-checkout-1";

test("the same key gives the same answer, and money moves once", async () => {
  const { stripe } = await startTestProvider();
  const first = await hold(stripe, {}, key);
  const again = await hold(stripe, {}, key);
  expect(again).toEqual(first);
  expect(again.lastResponse.headers).toMatchObject({
    "idempotent-replayed": "true",
    "original-request": first.lastResponse.requestId,
  });
  expect(first.lastResponse.headers["idempotent-replayed"]).toBeUndefined();
  expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
});

test("an answer is replayed as it was, not as things stand now", async () => {
  const { stripe } = await startTestProvider();
  const held = await hold(stripe, {}, key);
  await stripe.paymentIntents.capture(held.id);
  expect((await hold(stripe, {}, key)).status).toBe("requires_capture");
});

test("a decline is replayed, also after the reason for it is gone", async () => {
  const { stripe } = await startTestProvider();
  const declined = { payment_method: "pm_card_chargeDeclined" };
  const first = await refusalOf(hold(stripe, declined, key));
  const again = await refusalOf(hold(stripe, declined, key));
  expect([again.statusCode, again.payment_intent?.id]).toEqual([402, first.payment_intent?.id]);
  expect(again.headers?.["idempotent-replayed"]).toBe("true");
  expect((await stripe.charges.list()).data).toHaveLength(1);
});

test("a refusal that began to execute is kept", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await stripe.paymentIntents.create({
    amount: 100,
    currency: "usd",
    payment_method: "pm_card_visa",
  });
  const capture = () => stripe.paymentIntents.capture(id, {}, { idempotencyKey: key });
  await refusalOf(capture());
  await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
  expect((await refusalOf(capture())).headers?.["idempotent-replayed"]).toBe("true");
});

test("a parameter that is not valid leaves the key free", async () => {
  const { stripe } = await startTestProvider();
  expect(await refusalOf(hold(stripe, { amount: -5 }, key))).toMatchObject({
    statusCode: 400,
    param: "amount",
  });
  expect((await hold(stripe, {}, key)).status).toBe("requires_capture");
});

test("a key that was used with other parameters, or elsewhere, is refused", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await hold(stripe, {}, key);
  const other = await refusalOf(hold(stripe, { amount: 10_01 }, key));
  expect(other).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  expect(other.statusCode).toBe(400);
  const elsewhere = await refusalOf(stripe.paymentIntents.capture(id, {}, { idempotencyKey: key }));
  expect(elsewhere).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  expect((await stripe.paymentIntents.retrieve(id)).amount_received).toBe(0);
});

test("the order of the parameters does not matter", async () => {
  const { url } = await startTestProvider();
  const create = (body: string) =>
    fetch(`${url}/v1/payment_intents`, {
      method: "POST",
      headers: {
        authorization: "Bearer sk_test_webstore",
        "idempotency-key": key,
        "content-type": "application/x-www-form-urlencoded",
      },
      body,
    }).then((response) => response.json());
  expect(await create("currency=usd&amount=100")).toEqual(await create("amount=100&currency=usd"));
});

test("a key is free again after 24 hours", async () => {
  let nowMs = 1_800_000_000_000;
  const { stripe } = await startTestProvider({}, { nowMs: () => nowMs });
  const { id } = await hold(stripe, {}, key);
  nowMs += 86_399_000;
  expect((await hold(stripe, {}, key)).id).toBe(id);
  nowMs += 2_000;
  expect((await hold(stripe, {}, key)).id).not.toBe(id);
});

test("a key whose request is still being worked on is refused, then replayed", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "POST", "scenarios", { match: { operation: "create" }, do: "slow", delay_ms: 400 });
  const slow = hold(stripe, {}, key);
  const waiting = async () => {
    const answer = await admin(url, "GET", "scenarios");
    return ((await answer.json()) as { scenarios: object[] }).scenarios.length;
  };
  // The scenario is used up once the slow request has come in.
  await expect.poll(waiting, { interval: 5 }).toBe(0);
  expect(await refusalOf(hold(stripe, {}, key))).toMatchObject({
    statusCode: 409,
    code: "idempotency_key_in_use",
  });
  const { id } = await slow;
  expect((await hold(stripe, {}, key)).id).toBe(id);
});

test("reads ignore keys", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await hold(stripe);
  const retrieve = () => stripe.paymentIntents.retrieve(id, {}, { idempotencyKey: key });
  expect((await retrieve()).status).toBe("requires_capture");
  await stripe.paymentIntents.capture(id);
  expect((await retrieve()).status).toBe("succeeded");
});
