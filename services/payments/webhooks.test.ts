// The provider's events over real HTTP, gRPC and Postgres, from the simulator to orders: what they set in motion, and
// that late, doubled, overtaken, missing and forged ones set nothing in motion.

import { createHmac, randomUUID } from "node:crypto";
import { Refusal } from "@webstore/kit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  byOrder,
  invoice,
  paymentIn,
  publishedOf,
  startTestPayments,
  startTestProvider,
  type TestPayments,
  type TestProvider,
} from "./testing.ts";
import { startTestOrders, startTestWebhook, type TestOrders, type TestWebhook } from "./testing-webhooks.ts";

let webhook: TestWebhook;
let provider: TestProvider;
let orders: TestOrders;
let payments: TestPayments;
beforeAll(async () => {
  webhook = await startTestWebhook();
  provider = await startTestProvider(webhook.url);
  orders = await startTestOrders();
  payments = await startTestPayments(provider.url, {
    ORDERS_ADDRESS: orders.address,
    STRIPE_WEBHOOK_SECRET: "whsec_of_last_year,whsec_webstore",
  });
  webhook.handTo(payments.client);
});
afterAll(async () => {
  await payments?.stop();
  await orders?.stop();
  await provider?.stop();
  await webhook?.stop();
});

const patient = { timeout: 20_000 };
const statusOf = async (orderId: string) =>
  paymentIn(await payments.client.getPayment(byOrder(orderId))).status;
const toldOf = (orderId: string) => orders.told.filter((each) => each.orderId === orderId);
const eventRows = () => payments.query("select * from payments.provider_events");

async function captured(token = "pm_card_visa") {
  const asked = invoice({ paymentMethodToken: token });
  await payments.client.createPayment(asked);
  return paymentIn(await payments.client.capturePayment(byOrder(asked.orderId)));
}

const amountsOf = async (orderId: string) =>
  (await publishedOf(payments.query, orderId)).map(({ name, data }) => [name, data.amount]);

const unconfirmed = () => invoice({ paymentMethodToken: "pm_card_authenticationRequired" });

test("a shopper who confirms is authorized by the event, and orders is told", async () => {
  const asked = unconfirmed();
  const { providerReference, paymentId } = paymentIn(await payments.client.createPayment(asked));
  await provider.authenticate(providerReference, "succeeded");
  await expect.poll(() => statusOf(asked.orderId), patient).toBe("PAYMENT_STATUS_AUTHORIZED");
  await expect
    .poll(() => toldOf(asked.orderId), patient)
    .toMatchObject([{ paymentId, paymentStatus: "PAYMENT_STATUS_AUTHORIZED", refundedMinor: 0n }]);
});

test("a shopper whose bank says no has failed, and orders is told", async () => {
  const asked = unconfirmed();
  const { providerReference } = paymentIn(await payments.client.createPayment(asked));
  await provider.authenticate(providerReference, "failed");
  await expect
    .poll(() => toldOf(asked.orderId), patient)
    .toMatchObject([{ paymentStatus: "PAYMENT_STATUS_FAILED" }]);
});

test("when the event never comes, the resolver finds out", async () => {
  const asked = unconfirmed();
  await provider.script({ match: { order_id: asked.orderId }, do: "webhook_never", times: 10 });
  const { providerReference } = paymentIn(await payments.client.createPayment(asked));
  await provider.authenticate(providerReference, "succeeded");
  await expect.poll(() => statusOf(asked.orderId), patient).toBe("PAYMENT_STATUS_AUTHORIZED");
  await expect.poll(() => toldOf(asked.orderId), patient).toHaveLength(1);
});

test("an event that comes twice is stored once, and applied once", async () => {
  const asked = unconfirmed();
  await provider.script({ match: { order_id: asked.orderId }, do: "webhook_duplicate", times: 10 });
  const { providerReference } = paymentIn(await payments.client.createPayment(asked));
  await provider.authenticate(providerReference, "succeeded");
  const deliveriesOf = () =>
    webhook.deliveries.filter(({ payload }) => payload.includes(`"id":"${providerReference}"`));
  const isHeld = ({ type }: { type: string }) => type === "payment_intent.amount_capturable_updated";
  await expect.poll(() => deliveriesOf().filter(isHeld), patient).toHaveLength(2);
  const answers = deliveriesOf()
    .filter(isHeld)
    .map(({ duplicate }) => duplicate);
  expect(answers.toSorted()).toEqual([false, true]);
  const rows = (await eventRows()).filter((row) => row.payment_reference === providerReference);
  expect(new Set(rows.map((row) => row.event_id)).size).toBe(rows.length);
  await expect.poll(() => toldOf(asked.orderId), patient).toHaveLength(1);
});

test.each(["webhook_late", "webhook_out_of_order"])("%s: old events change nothing", async (how) => {
  const asked = invoice();
  const scenario = { match: { order_id: asked.orderId }, do: how, delay_ms: 300, times: 1 };
  await provider.script(scenario);
  await payments.client.createPayment(asked);
  const payment = paymentIn(await payments.client.capturePayment(byOrder(asked.orderId)));
  const { providerReference } = payment;
  const ends = async () => {
    const rows = (await eventRows()).filter((row) => row.payment_reference === providerReference);
    return rows.map((row) => String(row.status)).toSorted();
  };
  await expect.poll(ends, patient).toEqual(["applied", "applied"]);
  expect(paymentIn(await payments.client.getPayment(byOrder(asked.orderId)))).toEqual(payment);
  expect(toldOf(asked.orderId)).toEqual([]);
});

test("a refund made at the provider itself is one of ours, told and published once", async () => {
  const { orderId, providerReference, paymentId } = await captured();
  await provider.api("POST", "refunds", { payment_intent: providerReference, amount: "500" });
  await expect.poll(() => statusOf(orderId), patient).toBe("PAYMENT_STATUS_PARTIALLY_REFUNDED");
  const { refunds } = await payments.client.getPayment(byOrder(orderId));
  expect(refunds).toMatchObject([{ amount: { amountMinor: 5_00n }, settled: true }]);
  await provider.api("POST", "refunds", { payment_intent: providerReference });
  await expect.poll(() => statusOf(orderId), patient).toBe("PAYMENT_STATUS_REFUNDED");
  await payments.client.resolvePayment({ paymentId });
  await expect
    .poll(() => amountsOf(orderId), patient)
    .toEqual([
      ["PaymentDone", "19.99"],
      ["PaymentRefunded", "5.00"],
      ["PaymentRefunded", "14.99"],
    ]);
  await expect
    .poll(() => toldOf(orderId).map(({ refundedMinor }) => refundedMinor), patient)
    .toEqual([5_00n, 19_99n]);
});

test("a refund of ours is not taken for another when its event comes", async () => {
  const { orderId, providerReference } = await captured();
  const refund = { ...byOrder(orderId), refundId: randomUUID(), reason: "late" };
  const amount = { amountMinor: 5_00n, currency: "USD" };
  await payments.client.processRefund({ ...refund, amount });
  const ends = async () => {
    const rows = (await eventRows()).filter((row) => row.payment_reference === providerReference);
    return rows.filter((row) => String(row.type).includes("refund")).map((row) => row.status);
  };
  await expect.poll(ends, patient).toEqual(["applied", "applied"]);
  expect((await payments.client.getPayment(byOrder(orderId))).refunds).toHaveLength(1);
  await expect.poll(() => toldOf(orderId), patient).toMatchObject([{ refundedMinor: 5_00n }]);
});

test("a refund that fails after it was given is given again", async () => {
  const { orderId, providerReference } = await captured();
  const refund = { ...byOrder(orderId), amount: undefined, refundId: randomUUID(), reason: "" };
  const given = await payments.client.processRefund(refund);
  const failing = { refund: given.refund?.providerReference, outcome: "failed" };
  await provider.admin("POST", "refunds/settle", failing);
  const stands = async () => {
    const charges = await provider.api("GET", `charges?payment_intent=${providerReference}`);
    return (charges as { data: { amount_refunded: number }[] }).data[0]?.amount_refunded;
  };
  expect(await stands()).toBe(0);
  await expect.poll(stands, patient).toBe(1999);
  expect(await amountsOf(orderId)).toEqual([
    ["PaymentDone", "19.99"],
    ["PaymentRefunded", "19.99"],
  ]);
});

test("a dispute that is won leaves things as they were, one that is lost is a refund", async () => {
  const { orderId, providerReference } = await captured();
  const refund = { ...byOrder(orderId), refundId: randomUUID(), reason: "" };
  await payments.client.processRefund({ ...refund, amount: { amountMinor: 5_00n, currency: "USD" } });
  await provider.admin("POST", "disputes", { payment_intent: providerReference });
  await expect.poll(() => statusOf(orderId), patient).toBe("PAYMENT_STATUS_DISPUTED");
  const refused = payments.client.processRefund({ ...refund, amount: undefined, refundId: randomUUID() });
  await expect(refused).rejects.toMatchObject({ reason: "payment_not_refundable" });
  await provider.admin("POST", "disputes/close", { payment_intent: providerReference, outcome: "won" });
  await expect.poll(() => statusOf(orderId), patient).toBe("PAYMENT_STATUS_PARTIALLY_REFUNDED");

  const lost = await captured();
  await provider.admin("POST", "disputes", { payment_intent: lost.providerReference });
  await expect.poll(() => statusOf(lost.orderId), patient).toBe("PAYMENT_STATUS_DISPUTED");
  await provider.admin("POST", "disputes/close", {
    payment_intent: lost.providerReference,
    outcome: "lost",
  });
  await expect.poll(() => statusOf(lost.orderId), patient).toBe("PAYMENT_STATUS_REFUNDED");
  const { refunds } = await payments.client.getPayment(byOrder(lost.orderId));
  expect(refunds).toMatchObject([{ reason: "dispute_lost", amount: { amountMinor: 19_99n }, settled: true }]);
  await expect
    .poll(() => amountsOf(lost.orderId), patient)
    .toEqual([
      ["PaymentDone", "19.99"],
      ["PaymentRefunded", "19.99"],
    ]);
  await expect
    .poll(() => toldOf(lost.orderId).map((each) => each.paymentStatus), patient)
    .toEqual(["PAYMENT_STATUS_DISPUTED", "PAYMENT_STATUS_REFUNDED"]);
  const listed = await payments.client.listProviderPayments({
    createdSince: undefined,
    createdBefore: undefined,
    pageSize: 100,
    pageToken: "",
  });
  const books = listed.payments.filter((each) => [orderId, lost.orderId].includes(each.orderId));
  expect(books.map(({ capturedMinor, refundedMinor }) => [capturedMinor, refundedMinor])).toEqual([
    [19_99n, 19_99n],
    [19_99n, 5_00n],
  ]);
});

test("an event about somebody else's payment is stored and ignored", async () => {
  const other = await provider.api("POST", "payment_intents", {
    amount: "100",
    currency: "usd",
    payment_method: "pm_card_visa",
    confirm: "true",
    "metadata[payment_id]": randomUUID(),
  });
  const ends = async () => {
    const rows = (await eventRows()).filter((row) => row.payment_reference === other.id);
    return rows.map((row) => row.status);
  };
  await expect.poll(ends, patient).toEqual(["ignored"]);
});

const signed = (payload: string, secret: string, atMs: number) => {
  const seconds = Math.floor(atMs / 1_000);
  const hmac = createHmac("sha256", secret).update(`${seconds}.${payload}`).digest("hex");
  return `t=${seconds},v1=${hmac}`;
};
const eventText = (is: object = {}) =>
  JSON.stringify({
    id: `evt_${randomUUID().replaceAll("-", "")}`,
    object: "event",
    type: "payment_intent.succeeded",
    created: 1,
    data: { object: { object: "payment_intent", id: "pi_1", metadata: {} } },
    ...is,
  });
const send = (payload: string, signature: string) =>
  payments.client.receiveProviderEvent({ payload: Buffer.from(payload), signature });

test.each([
  ["without a signature", () => ""],
  ["with a signature that is none", () => "t=1,v1=00"],
  ["signed by somebody else", (text: string) => signed(text, "whsec_somebody_else", Date.now())],
  ["with the signature of another event", () => signed(eventText(), "whsec_webstore", Date.now())],
  ["signed five minutes ago", (text: string) => signed(text, "whsec_webstore", Date.now() - 302_000)],
])("an event %s is refused, and nothing is stored", async (_, signature) => {
  const text = eventText();
  const { id } = JSON.parse(text) as { id: string };
  await expect(send(text, signature(text))).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "webhook_signature_invalid",
  });
  expect((await eventRows()).some((row) => row.event_id === id)).toBe(false);
});

test("an event of the provider with a byte changed is refused", async () => {
  const { providerReference } = await captured();
  const isOurs = ({ payload }: { payload: Buffer }) => payload.includes(`"id":"${providerReference}"`);
  await expect.poll(() => webhook.deliveries.some(isOurs), patient).toBe(true);
  const { payload, signature } = webhook.deliveries.find(isOurs) as (typeof webhook.deliveries)[number];
  expect(await send(payload.toString(), signature)).toEqual({ duplicate: true });
  const forged = payload.toString().replace('"amount":1999', '"amount":1998');
  expect(forged).not.toBe(payload.toString());
  await expect(send(forged, signature)).rejects.toMatchObject({ reason: "webhook_signature_invalid" });
});

test("nothing of an event is kept but ids, its type and its time", async () => {
  const metadata = { canary: "pm_card_canary", payment_id: "no uuid" };
  const text = eventText({ data: { object: { object: "charge", payment_intent: "pi_9", metadata } } });
  await send(text, signed(text, "whsec_webstore", Date.now()));
  expect(JSON.stringify(await eventRows(), (_, value) => String(value))).not.toContain("canary");
});

test("orders that is away is told when it is back, with the same key; what it refuses is kept", async () => {
  const { orderId } = await captured();
  let failures = 0;
  orders.answerBy(async (request) => {
    if (request.orderId === orderId && failures < 2) {
      failures += 1;
      throw new Error("not now");
    }
    if (request.orderId !== orderId) return { status: "ORDER_STATUS_PAID", applied: true };
    throw new Refusal({
      service: "orders",
      reason: "payment_mismatch",
      code: "FAILED_PRECONDITION",
      message: "",
    });
  });
  onTestFinished(() => orders.answerBy(async () => ({ status: "ORDER_STATUS_PAID", applied: true })));
  const refund = { ...byOrder(orderId), amount: undefined, refundId: randomUUID(), reason: "" };
  await payments.client.processRefund(refund);
  const kept = async () => {
    const text = `select refused_for from payments.status_notifications where order_id = '${orderId}'`;
    return (await payments.query(text)).map((row) => row.refused_for);
  };
  await expect.poll(kept, patient).toEqual(["payment_mismatch"]);
  expect(toldOf(orderId)).toHaveLength(3);
  expect(new Set(toldOf(orderId).map((each) => each.notificationId)).size).toBe(1);
});
