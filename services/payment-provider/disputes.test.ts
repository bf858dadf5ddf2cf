import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import {
  admin,
  advance,
  dayMs,
  eventsOf,
  refusalOf,
  startTestProvider,
  sumsOf,
  take,
  tell,
} from "./testing.ts";

const opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn"];
const disputeEvents = async (stripe: Stripe) =>
  (await eventsOf(stripe)).filter((type) => type.startsWith("charge.dispute"));

async function onlyDispute(stripe: Stripe, intent: string): Promise<Stripe.Dispute> {
  const { data } = await stripe.disputes.list({ payment_intent: intent });
  expect(data).toHaveLength(1);
  return data[0] as Stripe.Dispute;
}

test("a disputed payment is charged back after its capture, and not refunded meanwhile", async () => {
  const { stripe, url } = await startTestProvider();
  const { id, latest_charge } = await take(stripe, { payment_method: "pm_card_createDispute" });
  const dispute = await onlyDispute(stripe, id);
  expect(dispute).toMatchObject({
    object: "dispute",
    amount: 1000,
    charge: latest_charge,
    payment_intent: id,
    reason: "fraudulent",
    status: "needs_response",
    is_charge_refundable: false,
    evidence_details: { has_evidence: false, submission_count: 0 },
  });
  expect(await stripe.disputes.retrieve(dispute.id)).toMatchObject({ id: dispute.id });
  expect((await stripe.charges.retrieve(latest_charge as string)).disputed).toBe(true);
  expect(await refusalOf(stripe.refunds.create({ payment_intent: id }))).toMatchObject({
    statusCode: 400,
    code: "charge_disputed",
  });
  expect(await disputeEvents(stripe)).toEqual(opened);
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: 0, disputed: 1000, disputed_lost: 0 });
});

test("disputes are listed by charge, by payment and all together", async () => {
  const { stripe } = await startTestProvider();
  const token = { payment_method: "pm_card_createDispute" };
  const [one, other, good] = [await take(stripe, token), await take(stripe, token), await take(stripe)];
  const ids = async (params: Stripe.DisputeListParams) =>
    (await stripe.disputes.list(params)).data.map(({ payment_intent }) => payment_intent);
  expect(await ids({ payment_intent: one.id })).toEqual([one.id]);
  expect(await ids({ charge: other.latest_charge as string })).toEqual([other.id]);
  expect(await ids({ payment_intent: good.id })).toEqual([]);
  expect(await ids({ limit: 1 })).toEqual([other.id]);
  expect(await ids({})).toEqual([other.id, one.id]);
});

test("one that is answered well is won: the money is ours again, and may be refunded", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_card_createDispute" });
  const { id: disputeId } = await onlyDispute(stripe, id);
  const evidence = { uncategorized_text: "winning_evidence" };
  expect((await stripe.disputes.update(disputeId, { evidence, submit: false })).status).toBe(
    "needs_response",
  );
  const won = await stripe.disputes.update(disputeId, { evidence, metadata: { case: "1" } });
  expect(won).toMatchObject({ status: "won", is_charge_refundable: true, metadata: { case: "1" } });
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, disputed: 0, disputed_lost: 0 });
  expect(await disputeEvents(stripe)).toEqual([
    ...opened,
    ...["charge.dispute.updated", "charge.dispute.updated"],
    ...["charge.dispute.closed", "charge.dispute.funds_reinstated"],
  ]);
  expect((await stripe.refunds.create({ payment_intent: id })).status).toBe("succeeded");
});

test.each(["given up", "answered badly", "never answered"])("one that is %s is lost", async (how) => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_card_createDispute" });
  const { id: disputeId } = await onlyDispute(stripe, id);
  if (how === "given up") await stripe.disputes.close(disputeId);
  if (how === "answered badly") {
    await stripe.disputes.update(disputeId, { evidence: { uncategorized_text: "losing_evidence" } });
  }
  if (how === "never answered") {
    await advance(url, 7 * dayMs - 60_000);
    expect((await stripe.disputes.retrieve(disputeId)).status).toBe("needs_response");
    await advance(url, 60_000);
  }
  expect((await stripe.disputes.retrieve(disputeId)).status).toBe("lost");
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: 0, disputed: 0, disputed_lost: 1000 });
  expect(await refusalOf(stripe.refunds.create({ payment_intent: id }))).toMatchObject({
    code: "charge_disputed",
  });
  expect((await disputeEvents(stripe)).at(-1)).toBe("charge.dispute.closed");
  for (const call of [stripe.disputes.close(disputeId), stripe.disputes.update(disputeId, {})]) {
    expect(await refusalOf(call)).toMatchObject({ statusCode: 400 });
  }
});

test.each([
  ["pm_webstore_disputeWon", "won", 0],
  ["pm_webstore_disputeLost", "lost", 1000],
])("%s is disputed a day after its capture, and %s a day later", async (token, status, lost) => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: token });
  await advance(url, dayMs - 60_000);
  expect((await stripe.disputes.list({ payment_intent: id })).data).toEqual([]);
  await advance(url, 60_000);
  expect(await onlyDispute(stripe, id)).toMatchObject({ status: "needs_response" });
  await advance(url, dayMs);
  expect(await onlyDispute(stripe, id)).toMatchObject({ status });
  expect(await sumsOf(url)).toMatchObject({ disputed: 0, disputed_lost: lost });
});

test("a script disputes a payment later, and one jump of the clock shows all of it", async () => {
  const { stripe, url } = await startTestProvider();
  const match = { order_id: "o-1" };
  const times = { delay_ms: 3 * dayMs, close_after_ms: 10 * dayMs };
  await tell(url, "POST", "scenarios", { match, do: "dispute_later", outcome: "won", ...times });
  const { id } = await take(stripe, { metadata: { order_id: "o-1" } });
  await advance(url, 20 * dayMs);
  expect(await onlyDispute(stripe, id)).toMatchObject({ status: "won" });
  expect(await disputeEvents(stripe)).toEqual([
    ...opened,
    ...["charge.dispute.closed", "charge.dispute.funds_reinstated"],
  ]);
});

test("the admin API opens and closes disputes", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe);
  await stripe.refunds.create({ payment_intent: id, amount: 300 });
  await tell(url, "POST", "disputes", { payment_intent: id, delay_ms: 1_000, outcome: "won" });
  expect((await admin(url, "POST", "disputes/close", { payment_intent: id, outcome: "lost" })).status).toBe(
    409,
  );
  await advance(url, 1_000);
  expect(await onlyDispute(stripe, id)).toMatchObject({ amount: 700 });
  expect((await admin(url, "POST", "disputes", { payment_intent: id })).status).toBe(409);
  await tell(url, "POST", "disputes/close", { payment_intent: id, outcome: "lost" });
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: 300, disputed_lost: 700 });
});

test("what is refunded altogether, held only or unknown cannot be disputed", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe);
  await stripe.refunds.create({ payment_intent: id });
  const held = await stripe.paymentIntents.create({ amount: 100, currency: "usd" });
  const statusOf = async (intent: string) =>
    (await admin(url, "POST", "disputes", { payment_intent: intent })).status;
  expect([await statusOf(id), await statusOf(held.id), await statusOf("pi_1")]).toEqual([409, 409, 404]);
  expect((await stripe.disputes.list()).data).toEqual([]);
});

test("each movement of a dispute is a line of the balance", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_card_createDispute" });
  await tell(url, "POST", "disputes/close", { payment_intent: id, outcome: "won" });
  const lines = (await stripe.balanceTransactions.list()).data;
  expect(lines.map(({ reporting_category, net }) => [reporting_category, net])).toEqual([
    ["dispute_reversal", 2500],
    ["dispute", -2500],
    ["charge", 941],
  ]);
});

test.each([
  "evidence=x",
  "evidence[nope]=x",
  "submit=perhaps&evidence[receipt]=x",
  `evidence[receipt]=${"x".repeat(20_001)}`,
])("an answer that is not one is refused and changes nothing: %.40s", async (body) => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_card_createDispute" });
  const dispute = await onlyDispute(stripe, id);
  const headers = {
    authorization: "Bearer sk_test_webstore",
    "content-type": "application/x-www-form-urlencoded",
  };
  const answer = await fetch(`${url}/v1/disputes/${dispute.id}`, { method: "POST", headers, body });
  expect(answer.status).toBe(400);
  expect(await stripe.disputes.retrieve(dispute.id)).toMatchObject({
    status: "needs_response",
    evidence: {},
  });
});
