import { expect, test } from "vitest";
import { admin, advance, eventsOf, refusalOf, startTestProvider, sumsOf, take, tell } from "./testing.ts";

const refundEvents = async (stripe: Parameters<typeof eventsOf>[0]) =>
  (await eventsOf(stripe)).filter((type) => type.includes("refund"));
const made = ["refund.created", "charge.refunded"];

test.each([
  ["pm_card_pendingRefund", "pending", "succeeded", 1000, "refund.updated"],
  ["pm_webstore_refundPendingThenFailed", "pending", "failed", 0, "refund.failed"],
  ["pm_card_refundFail", "succeeded", "failed", 0, "refund.failed"],
])("a refund of %s is %s, and %s later", async (token, starts, ends, refunded, event) => {
  const { stripe, url } = await startTestProvider();
  const { id, latest_charge } = await take(stripe, { payment_method: token });
  const refund = await stripe.refunds.create({ payment_intent: id });
  expect(refund.status).toBe(starts);
  expect(await sumsOf(url)).toMatchObject({
    refunded: 1000,
    refunds_pending: starts === "pending" ? 1000 : 0,
  });
  expect(await refundEvents(stripe)).toEqual(made);

  await advance(url, 3_000);
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe(ends);
  expect(await sumsOf(url)).toMatchObject({ refunded, refunds_pending: 0 });
  expect(await stripe.charges.retrieve(latest_charge as string)).toMatchObject({
    amount_refunded: refunded,
    refunded: refunded > 0,
  });
  expect(await refundEvents(stripe)).toEqual([...made, event]);
});

test("the money of a failed refund is ours again, and can be refunded once more", async () => {
  const { stripe, url } = await startTestProvider();
  const match = { operation: "refund" };
  await tell(url, "POST", "scenarios", { match, do: "refund_pending_then_failed", delay_ms: 500 });
  const { id } = await take(stripe);
  const { id: first } = await stripe.refunds.create({ payment_intent: id });
  expect(await refusalOf(stripe.refunds.create({ payment_intent: id }))).toMatchObject({
    code: "charge_already_refunded",
  });
  await advance(url, 500);
  const failed = await stripe.refunds.retrieve(first);
  expect(failed).toMatchObject({ status: "failed", failure_reason: "expired_or_canceled_card" });
  expect((await stripe.refunds.create({ payment_intent: id })).status).toBe("succeeded");
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: 1000, refunds_pending: 0 });
  const lines = (await stripe.balanceTransactions.list()).data;
  expect(lines.map(({ type, amount }) => [type, amount])).toEqual([
    ["refund", -1000],
    ["refund_failure", 1000],
    ["refund", -1000],
    ["charge", 1000],
  ]);
});

test("a refund is settled by hand before its time, once", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_card_pendingRefund" });
  const { id: refund } = await stripe.refunds.create({ payment_intent: id, amount: 400 });
  const settle = (outcome: string) => admin(url, "POST", "refunds/settle", { refund, outcome });
  expect((await settle("failed")).status).toBe(200);
  expect((await settle("succeeded")).status).toBe(409);
  await advance(url, 60_000);
  expect((await stripe.refunds.retrieve(refund)).status).toBe("failed");
  expect(await sumsOf(url)).toMatchObject({ refunded: 0, refunds_pending: 0 });
});

test("a refund can be refused, and then no money went back", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_webstore_refundRefused" });
  for (const key of ["key-1", "key-2"]) {
    const call = stripe.refunds.create({ payment_intent: id }, { idempotencyKey: key });
    expect(await refusalOf(call)).toMatchObject({ statusCode: 400, code: "balance_insufficient" });
  }
  expect((await stripe.refunds.list()).data).toEqual([]);
  expect(await sumsOf(url)).toMatchObject({ captured: 1000, refunded: 0 });
});

test("a refund can be refused once: its key says so again, a new one is taken", async () => {
  const { stripe } = await startTestProvider();
  const { id } = await take(stripe, { payment_method: "pm_webstore_refundRefusedOnce" });
  const refund = (idempotencyKey: string) =>
    stripe.refunds.create({ payment_intent: id }, { idempotencyKey });
  await refusalOf(refund("key-1"));
  await refusalOf(refund("key-1"));
  expect((await refund("key-2")).status).toBe("succeeded");
});
