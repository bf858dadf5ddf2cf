// Which events are taken in: by their signatures, their secrets, the clock, and what can be read of them.

import { createHmac, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { memoryProviderEventStore } from "./provider-event-store.memory.ts";
import { receiveProviderEvent } from "./receive-provider-event.ts";
import { keptPayment } from "./testing.ts";
import { reasonOf, shop } from "./testing-shop.ts";

const nowMs = Date.UTC(2030, 0, 1);

function receiver(secrets = ["whsec_new_one", "whsec_old_one"]) {
  const events = memoryProviderEventStore();
  const counted: unknown[] = [];
  const said: object[] = [];
  let woken = 0;
  const parts = {
    ...shop().partsOf({ log: { info() {}, error() {}, warn: (line: object) => said.push(line) } }),
    events,
    webhookSecrets: secrets,
    nowMs: () => nowMs,
    received: { add: (_: number, labels: unknown) => counted.push(labels) },
    wakeEvents: () => {
      woken += 1;
    },
  };
  const send = (payload: string | Uint8Array, signature: string) =>
    receiveProviderEvent(parts, { payload: Buffer.from(payload), signature });
  return { send, events, counted, said, recent: parts.recent, wokenTimes: () => woken };
}

const signed = (payload: string, secret = "whsec_new_one", ageSeconds = 0) => {
  const seconds = nowMs / 1_000 - ageSeconds;
  const hmac = createHmac("sha256", secret).update(`${seconds}.${payload}`).digest("hex");
  return `t=${seconds},v1=${hmac}`;
};
const eventText = (is: object = {}) =>
  JSON.stringify({
    id: `evt_${randomUUID().replaceAll("-", "")}`,
    object: "event",
    type: "payment_intent.succeeded",
    created: nowMs / 1_000,
    data: { object: { object: "payment_intent", id: "pi_1", metadata: {} } },
    ...is,
  });
const about = (paymentId: string, object: object = { object: "payment_intent", id: "pi_1" }) => ({
  data: { object: { ...object, metadata: { payment_id: paymentId } } },
});

test.each(["whsec_new_one", "whsec_old_one"])("an event signed with %s is stored once", async (secret) => {
  const { send, counted, wokenTimes } = receiver();
  const text = eventText();
  expect(await send(text, signed(text, secret))).toEqual({ duplicate: false });
  expect(await send(text, signed(text, secret))).toEqual({ duplicate: true });
  expect(counted).toEqual([{ outcome: "stored" }, { outcome: "duplicate" }]);
  expect(wokenTimes()).toBe(1);
});

test("of twenty deliveries of one event at once, one is new", async () => {
  const { send } = receiver();
  const text = eventText();
  const all = await Promise.all(Array.from({ length: 20 }, () => send(text, signed(text))));
  expect(all.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
});

test.each([
  ["missing", () => ""],
  ["wrong", () => "t=1,v1=00"],
  ["wrong", () => "v1=,t=;\r\nx: y"],
  ["wrong", () => "\u{1f6d2}".repeat(400)],
  ["wrong", (text: string) => signed(text, "whsec_nobodys")],
  ["wrong", () => signed(eventText())],
  ["wrong", (text: string) => signed(text).replace("v1=", "v0=")],
  ["old", (text: string) => signed(text, "whsec_new_one", 301)],
  ["old", (text: string) => signed(text, "whsec_old_one", 86_400)],
])("a signature that is %s is refused, counted and said, and nothing is stored", async (fault, signature) => {
  const { send, events, counted, said } = receiver();
  const text = eventText();
  expect(await reasonOf(send(text, signature(text)))).toBe("webhook_signature_invalid");
  expect(counted).toEqual([{ outcome: `refused_${fault}` }]);
  expect(said).toEqual([{ fault }]);
  expect(await events.prune(nowMs + 1, 10)).toBe(0);
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toEqual([]);
});

test("a signature is good for five minutes", async () => {
  const { send } = receiver();
  const text = eventText();
  expect(await send(text, signed(text, "whsec_new_one", 300))).toEqual({ duplicate: false });
});

test.each([
  ["empty", ""],
  ["no JSON", "<html>"],
  ["a list", "[]"],
  ["null", "null"],
  ["an event of another kind", JSON.stringify({ object: "v2.core.event", id: "evt_1" })],
  ["an id that is none", eventText({ id: "evt_1'; drop table payments" })],
  ["an id that is too long", eventText({ id: "e".repeat(256) })],
  ["a type that is none", eventText({ type: "x y" })],
  ["no object", eventText({ data: {} })],
  ["a time that is none", eventText({ created: "now" })],
  ["a time beyond all times", eventText({ created: 1e300 })],
])("what was signed and is %s is refused, and nothing is stored", async (_, text) => {
  const { send, events } = receiver();
  expect(await reasonOf(send(text, signed(text)))).toBe("invalid_request");
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toEqual([]);
});

test.each([
  ["payment_intent", { object: "payment_intent", id: "pi_1" }],
  ["charge", { object: "charge", id: "ch_1", payment_intent: "pi_1" }],
  ["charge with the payment inside", { object: "charge", id: "ch_1", payment_intent: { id: "pi_1", x: 1 } }],
  ["dispute", { object: "dispute", id: "dp_1", payment_intent: "pi_1", metadata: null }],
])("an event about a %s is kept by the payment that it is about", async (_, object) => {
  const { send, events } = receiver();
  const paymentId = randomUUID();
  const text = eventText({
    type: "charge.refunded",
    data: { object: { metadata: { paymentId }, ...object } },
  });
  await send(text, signed(text));
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toMatchObject([
    { paymentReference: "pi_1", paymentId: "", createTimeMs: nowMs },
  ]);
});

test.each([
  ["of a kind that nothing follows from", { type: "customer.created" }],
  ["about a payment whose id is none", { data: { object: { object: "payment_intent", id: "pi_\u0000" } } }],
  ["about no payment", { type: "charge.refunded", data: { object: { object: "charge", id: "ch_1" } } }],
])("an event %s is known when it comes again, and waits for nothing", async (_, is) => {
  const { send, events, wokenTimes } = receiver();
  const text = eventText(is);
  expect(await send(text, signed(text))).toEqual({ duplicate: false });
  expect(await send(text, signed(text))).toEqual({ duplicate: true });
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toEqual([]);
  expect(wokenTimes()).toBe(0);
});

test.each([
  ["payment_intent.amount_capturable_updated", "captured"],
  ["payment_intent.succeeded", "captured"],
] as const)("%s, of a payment that was just %s here, waits for nothing", async (type, status) => {
  const { send, events, recent, counted, wokenTimes } = receiver();
  const payment = keptPayment({ status, providerReference: "pi_1" });
  recent.keep(payment);
  const text = eventText({ type, ...about(payment.paymentId) });
  expect(await send(text, signed(text))).toEqual({ duplicate: false });
  expect(await send(text, signed(text))).toEqual({ duplicate: true });
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toEqual([]);
  expect(counted).toEqual([{ outcome: "stored" }, { outcome: "applied" }, { outcome: "duplicate" }]);
  expect(wokenTimes()).toBe(0);
});

test.each([
  ["says more than the payment that was here", { status: "authorized", providerReference: "pi_1" }],
  [
    "says what was known of money that others may have let go since",
    { status: "authorized", providerReference: "pi_1" },
    "payment_intent.amount_capturable_updated",
  ],
  ["is about another payment of ours", { status: "captured", providerReference: "pi_2" }],
] as const)(
  "an event that %s waits to be looked at",
  async (_, is, type: string = "payment_intent.succeeded") => {
    const { send, events, recent, wokenTimes } = receiver();
    const payment = keptPayment(is);
    recent.keep(payment);
    const text = eventText({ type, ...about(payment.paymentId) });
    await send(text, signed(text));
    expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toHaveLength(1);
    expect(wokenTimes()).toBe(1);
  },
);

test("an event that may say that money went back waits to be looked at, however well its payment is known", async () => {
  const { send, events, recent } = receiver();
  const payment = keptPayment({ status: "captured", providerReference: "pi_1" });
  recent.keep(payment);
  const refunded = about(payment.paymentId, { object: "charge", id: "ch_1", payment_intent: "pi_1" });
  const text = eventText({ type: "charge.refunded", ...refunded });
  await send(text, signed(text));
  expect(await events.claim({ nowMs, leaseMs: 1, limit: 10 })).toHaveLength(1);
});
