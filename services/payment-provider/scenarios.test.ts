import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { admin, clientOf, hold, refusalOf, startTestProvider } from "./testing.ts";

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
