import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { paymentMethodTokens } from "./payment-method.ts";
import { admin, clientOf, hold, refusalOf, startTestProvider } from "./testing.ts";

test("a payment is held, captured and refunded in parts", async () => {
  const { stripe, url } = await startTestProvider();
  const held = await hold(stripe, {
    metadata: { order_id: "o-1", country: "DE" },
    expand: ["latest_charge"],
  });
  expect(held).toMatchObject({ status: "requires_capture", amount_capturable: 1000, amount_received: 0 });
  const charge = held.latest_charge as Stripe.Charge;
  expect(charge).toMatchObject({
    captured: false,
    payment_method_details: { card: { brand: "visa", last4: "4242" } },
  });

  const captured = await stripe.paymentIntents.capture(held.id);
  expect(captured).toMatchObject({ status: "succeeded", amount_received: 1000, amount_capturable: 0 });
  const first = await stripe.refunds.create({ payment_intent: held.id, amount: 300 });
  const second = await stripe.refunds.create({ charge: charge.id, reason: "requested_by_customer" });
  expect([first.amount, second.amount, second.status]).toEqual([300, 700, "succeeded"]);
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ refunded: true, amount_refunded: 1000 });
  const refusal = await refusalOf(stripe.refunds.create({ payment_intent: held.id }));
  expect(refusal).toMatchObject({ statusCode: 400, code: "charge_already_refunded" });

  const totals = await (await fetch(`${url}/admin/payment_intents`)).json();
  expect(totals).toEqual({
    count: 1,
    by_status: { succeeded: 1 },
    totals: {
      usd: { held: 0, captured: 1000, refunded: 1000, refunds_pending: 0, disputed: 0, disputed_lost: 0 },
    },
  });
  const receipt = await fetch(charge.receipt_url ?? "");
  expect(await receipt.text()).toContain("Refunded: $10.00");
});

test("created without confirming, it waits; confirmed, it is paid", async () => {
  const { stripe } = await startTestProvider();
  const bare = await stripe.paymentIntents.create({ amount: 500, currency: "eur" });
  expect(bare.status).toBe("requires_payment_method");
  expect(await refusalOf(stripe.paymentIntents.confirm(bare.id))).toMatchObject({
    statusCode: 400,
    code: "payment_intent_unexpected_state",
  });
  const paid = await stripe.paymentIntents.confirm(bare.id, { payment_method: "pm_card_mastercard" });
  expect(paid).toMatchObject({ status: "succeeded", amount_received: 500 });
});

test("a part can be captured, and what is left is let go", async () => {
  const { stripe } = await startTestProvider();
  const held = await hold(stripe);
  const refusal = await refusalOf(stripe.paymentIntents.capture(held.id, { amount_to_capture: 1001 }));
  expect(refusal).toMatchObject({ statusCode: 400, code: "amount_too_large" });
  const captured = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 400 });
  expect(captured).toMatchObject({ amount: 1000, amount_received: 400, amount_capturable: 0 });
  expect(await refusalOf(stripe.refunds.create({ payment_intent: held.id, amount: 401 }))).toMatchObject({
    code: "amount_too_large",
  });
});

test("metadata is merged, and an empty value removes its key", async () => {
  const { stripe } = await startTestProvider();
  const held = await hold(stripe, { metadata: { a: "1 & 2", b: "é" } });
  const updated = await stripe.paymentIntents.update(held.id, { metadata: { a: "", c: "3" } });
  expect(updated.metadata).toEqual({ b: "é", c: "3" });
});

test("what is canceled can be neither captured nor canceled again", async () => {
  const { stripe } = await startTestProvider();
  const held = await hold(stripe);
  const canceled = await stripe.paymentIntents.cancel(held.id, { cancellation_reason: "abandoned" });
  expect(canceled).toMatchObject({
    status: "canceled",
    cancellation_reason: "abandoned",
    amount_capturable: 0,
  });
  for (const again of [
    () => stripe.paymentIntents.cancel(held.id),
    () => stripe.paymentIntents.capture(held.id),
    () => stripe.paymentIntents.confirm(held.id),
    () => stripe.refunds.create({ payment_intent: held.id }),
  ]) {
    expect(await refusalOf(again())).toMatchObject({
      statusCode: 400,
      code: "payment_intent_unexpected_state",
    });
  }
});

test("captured money is not canceled, and is not captured twice", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await hold(stripe);
  await stripe.paymentIntents.capture(id);
  for (const again of [() => stripe.paymentIntents.cancel(id), () => stripe.paymentIntents.capture(id)]) {
    expect(await refusalOf(again())).toMatchObject({ code: "payment_intent_unexpected_state" });
  }
  expect((await stripe.paymentIntents.retrieve(id)).amount_received).toBe(1000);
});

const declines = [
  ["", "card_declined", "generic_decline"],
  ["InsufficientFunds", "card_declined", "insufficient_funds"],
  ["LostCard", "card_declined", "lost_card"],
  ["StolenCard", "card_declined", "stolen_card"],
  ["Fraudulent", "card_declined", "fraudulent"],
  ["VelocityLimitExceeded", "card_declined", "card_velocity_exceeded"],
  ["ExpiredCard", "expired_card", "expired_card"],
  ["IncorrectCvc", "incorrect_cvc", "incorrect_cvc"],
  ["ProcessingError", "processing_error", "processing_error"],
].flatMap(([suffix, code, declineCode]) =>
  ["pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"].map((prefix) => [
    `${prefix}${suffix}`,
    code,
    declineCode,
  ]),
);

test.each(declines)("%s is declined with %s, %s", async (token, code, declineCode) => {
  const { stripe } = await startTestProvider();
  const refusal = await refusalOf(hold(stripe, { payment_method: token as string }));
  expect(refusal).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect(refusal).toMatchObject({ statusCode: 402, code, decline_code: declineCode });
  const intent = await stripe.paymentIntents.retrieve(refusal.payment_intent?.id ?? "");
  expect(intent).toMatchObject({ status: "requires_payment_method", last_payment_error: { code } });
  expect(await stripe.charges.retrieve(intent.latest_charge as string)).toMatchObject({
    status: "failed",
    paid: false,
  });
  expect(await stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" })).toMatchObject({
    status: "requires_capture",
    last_payment_error: null,
  });
});

test("every token is one that the definition of its outcome covers", async () => {
  const covered = new Set(declines.map(([token]) => token));
  const named = paymentMethodTokens.filter((token) => /^pm_card_(visa_)?chargeDeclined/.test(token));
  expect(named.length).toBeGreaterThan(0);
  expect(named.every((token) => covered.has(token))).toBe(true);
});

test("a payment method that does not exist is refused, and nothing is made", async () => {
  const { stripe } = await startTestProvider();
  const refusal = await refusalOf(hold(stripe, { payment_method: "pm_card_nope" }));
  expect(refusal).toMatchObject({ statusCode: 400, code: "resource_missing", param: "payment_method" });
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
});

test("an action is awaited until the shopper, who has the secret, has done it", async () => {
  const { stripe, url } = await startTestProvider();
  const waiting = await hold(stripe, { payment_method: "pm_card_authenticationRequired" });
  expect(waiting).toMatchObject({ status: "requires_action", amount_capturable: 0, latest_charge: null });
  const confirmUrl = `${url}/v1/payment_intents/${waiting.id}/confirm`;
  const confirm = (secret: string) =>
    fetch(confirmUrl, { method: "POST", body: new URLSearchParams({ client_secret: secret }) });

  expect((await stripe.paymentIntents.confirm(waiting.id)).status).toBe("requires_action");
  expect((await confirm(`${waiting.id}_secret_guess`)).status).toBe(400);
  expect((await fetch(confirmUrl, { method: "POST" })).status).toBe(401);
  expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe("requires_action");
  expect((await confirm(waiting.client_secret ?? "")).status).toBe(200);
  expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe("requires_capture");
});

test.each([
  ["succeeded", "requires_capture"],
  ["failed", "requires_payment_method"],
])("the bank's page, answered with %s, leads back with the intent in %s", async (outcome, status) => {
  const { stripe } = await startTestProvider();
  const waiting = await hold(stripe, {
    payment_method: "pm_card_threeDSecure2Required",
    return_url: "http://127.0.0.1:8000/orders/1?from=bank",
  });
  const page = waiting.next_action?.redirect_to_url?.url ?? "";
  expect((await fetch(page)).status).toBe(200);
  expect((await fetch(page.replace("_secret_", "_forged_"))).status).toBe(404);
  const body = new URLSearchParams({ outcome });
  const answer = await fetch(page, { method: "POST", body, redirect: "manual" });
  expect(answer.status).toBe(303);
  const back = new URL(answer.headers.get("location") ?? "");
  expect([back.searchParams.get("from"), back.searchParams.get("redirect_status")]).toEqual([
    "bank",
    outcome,
  ]);
  expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe(status);
});

test("without a shopper, a card that asks is declined", async () => {
  const { stripe } = await startTestProvider();
  const asking = { payment_method: "pm_card_authenticationRequired", off_session: true };
  expect(await refusalOf(hold(stripe, asking))).toMatchObject({
    statusCode: 402,
    code: "authentication_required",
  });
});

test("a card can ask who the shopper is, and be declined then", async () => {
  const { stripe, url } = await startTestProvider();
  const token = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
  const { id } = await hold(stripe, { payment_method: token });
  await admin(url, "POST", "authentications", { payment_intent: id, outcome: "succeeded" });
  expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({
    status: "requires_payment_method",
    last_payment_error: { decline_code: "insufficient_funds" },
  });
});

test("each capture and refund is one line of the balance", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await hold(stripe);
  await stripe.paymentIntents.capture(id);
  await stripe.refunds.create({ payment_intent: id, amount: 250 });
  const lines = (await stripe.balanceTransactions.list()).data;
  expect(lines.map(({ type, amount, net }) => [type, amount, net])).toEqual([
    ["refund", -250, -250],
    ["charge", 1000, 941],
  ]);
});

test("a list is paged in both directions, newest first, and is bounded by time", async () => {
  let nowMs = 1_800_000_000_000;
  const { stripe } = await startTestProvider({}, { nowMs: () => nowMs });
  const ids: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    // Two share each second, so that a page must not be cut by time alone.
    nowMs += i % 2 === 0 ? 1_000 : 0;
    ids.unshift((await hold(stripe, { amount: 100 + i })).id);
  }
  const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id);
  const first = await stripe.paymentIntents.list({ limit: 3 });
  expect([idsOf(first), first.has_more]).toEqual([ids.slice(0, 3), true]);
  const next = await stripe.paymentIntents.list({ limit: 3, starting_after: ids[2] as string });
  expect([idsOf(next), next.has_more]).toEqual([ids.slice(3, 6), true]);
  const last = await stripe.paymentIntents.list({ limit: 3, starting_after: ids[5] as string });
  expect([idsOf(last), last.has_more]).toEqual([ids.slice(6), false]);
  const back = await stripe.paymentIntents.list({ limit: 2, ending_before: ids[3] as string });
  expect([idsOf(back), back.has_more]).toEqual([ids.slice(1, 3), true]);
  const created = { gt: 1_800_000_001, lte: 1_800_000_003 };
  expect(idsOf(await stripe.paymentIntents.list({ created }))).toEqual(ids.slice(1, 5));
  const all = await stripe.paymentIntents.list({ limit: 2 }).autoPagingToArray({ limit: 100 });
  expect(all.map(({ id }) => id)).toEqual(ids);
  expect(await refusalOf(stripe.paymentIntents.list({ limit: 101 }))).toMatchObject({ statusCode: 400 });
  expect(await refusalOf(stripe.paymentIntents.list({ starting_after: "pi_no" }))).toMatchObject({
    statusCode: 400,
  });
});

test("lists are filtered, and expanded", async () => {
  const { stripe } = await startTestProvider();
  const [one, other] = [await hold(stripe), await hold(stripe)];
  for (const { id } of [one, other]) await stripe.paymentIntents.capture(id);
  const refund = await stripe.refunds.create({ payment_intent: one.id });
  expect((await stripe.refunds.list({ payment_intent: one.id })).data.map(({ id }) => id)).toEqual([
    refund.id,
  ]);
  expect((await stripe.refunds.list({ payment_intent: other.id })).data).toEqual([]);
  expect((await stripe.charges.list({ payment_intent: other.id })).data).toHaveLength(1);
  expect((await stripe.events.list({ type: "charge.refunded" })).data).toHaveLength(1);
  const expand = ["data.latest_charge.balance_transaction"];
  const [newest] = (await stripe.paymentIntents.list({ expand })).data;
  const charge = newest?.latest_charge as Stripe.Charge;
  expect((charge.balance_transaction as Stripe.BalanceTransaction).amount).toBe(1000);
});

test("a wrong key is refused, and the answer does not repeat it", async () => {
  const { url } = await startTestProvider();
  const refusal = await refusalOf(clientOf(url, "sk_test_stolen").paymentIntents.list());
  expect(refusal).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
  expect(refusal.message).not.toContain("stolen");
  expect(refusal.requestId).toMatch(/^req_/);
});
