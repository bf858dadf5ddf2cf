import { expect, test } from "vitest";
import {
  admin,
  advance,
  dayMs,
  hold,
  type Received,
  startReceiver,
  startTestProvider,
  take,
  tell,
  webhookSecret,
} from "./testing.ts";

async function startWithReceiver(...statuses: number[]) {
  const receiver = await startReceiver(...statuses);
  const env = { PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url };
  const provider = await startTestProvider(env, { webhooks: { retryDelaysMs: [5, 5, 5] } });
  const typesOf = () => receiver.taken().map(({ type }) => type);
  return { ...provider, ...receiver, api: provider.url, typesOf };
}

const held = "payment_intent.amount_capturable_updated";
const paid = "payment_intent.succeeded";

test("events arrive in order and are signed as the official client expects", async () => {
  const { stripe, received, typesOf } = await startWithReceiver();
  const { id } = await hold(stripe, { metadata: { name: "Zoë" } });
  await expect.poll(typesOf).toEqual([held]);
  await stripe.paymentIntents.capture(id);
  await expect.poll(typesOf).toEqual([held, paid]);
  await stripe.refunds.create({ payment_intent: id });
  await expect.poll(() => typesOf().slice(2).sort()).toEqual(["charge.refunded", "refund.created"]);
  const [first] = received as [Received];
  const event = stripe.webhooks.constructEvent(first.payload, first.signature, webhookSecret);
  expect(event.data.object).toMatchObject({ id, status: "requires_capture", metadata: { name: "Zoë" } });
  expect(await stripe.events.retrieve(event.id)).toMatchObject({ id: event.id, type: held });
  const forge = () => stripe.webhooks.constructEvent(`${first.payload} `, first.signature, webhookSecret);
  expect(forge).toThrow(/signature/i);
});

test("an event is sent again until the receiver takes it", async () => {
  const { stripe, received } = await startWithReceiver(500, 302, 404);
  await hold(stripe);
  await expect.poll(() => received.length).toBe(4);
  expect(new Set(received.map(({ payload }) => payload)).size).toBe(1);
});

test("after its last retry a delivery is given up", async () => {
  const { stripe, api, received } = await startWithReceiver(...Array.from({ length: 9 }, () => 500));
  await hold(stripe);
  await expect.poll(() => tell(api, "GET", "deliveries")).toMatchObject({ waiting: 0 });
  expect(received).toHaveLength(4);
});

test("a decline, a cancellation and an awaited action are told", async () => {
  const { stripe, typesOf } = await startWithReceiver();
  await hold(stripe, { payment_method: "pm_card_chargeDeclined" }).catch(() => undefined);
  const { id } = await hold(stripe, { payment_method: "pm_card_authenticationRequired" });
  await stripe.paymentIntents.cancel(id);
  const told = ["payment_intent.canceled", "payment_intent.payment_failed", "payment_intent.requires_action"];
  await expect.poll(() => typesOf().sort()).toEqual(told);
});

test("a scenario makes an event come twice, or never", async () => {
  const { stripe, api, received, typesOf } = await startWithReceiver();
  await admin(api, "POST", "scenarios", { match: { event: held }, do: "webhook_duplicate" });
  await admin(api, "POST", "scenarios", { match: { event: "payment_intent.canceled" }, do: "webhook_never" });
  const { id } = await hold(stripe);
  await stripe.paymentIntents.cancel(id);
  await expect.poll(typesOf).toEqual([held, held]);
  expect(new Set(received.map(({ payload }) => payload)).size).toBe(1);
  expect((await stripe.events.list()).data).toHaveLength(2);
  await hold(stripe);
  await expect.poll(typesOf).toEqual([held, held, held]);
});

test("what takes hours takes them by the clock, and is signed with the time of its receiver", async () => {
  const receiver = await startReceiver(500, 500);
  const { stripe, url, provider } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  const waiting = provider.database.prepare("SELECT attempts FROM deliveries");
  await tell(url, "POST", "scenarios", { do: "webhook_late", delay_ms: dayMs });
  await hold(stripe);
  await advance(url, dayMs - 60_000);
  await expect.poll(async () => (await stripe.events.list()).data.length).toBe(1);
  expect(receiver.received).toEqual([]);
  await advance(url, 60_000);
  for (const attempts of [1, 2]) {
    await expect.poll(() => waiting.get()?.attempts).toBe(attempts);
    await advance(url, 10_000);
  }
  await expect.poll(() => waiting.get()).toBeUndefined();
  expect(receiver.received).toHaveLength(3);
  for (const { payload, signature } of receiver.received) {
    // Receivers refuse what is stamped more than 300 s ago; the official client takes a stamp of the future.
    const stampSeconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
    expect(Math.abs(Date.now() / 1_000 - stampSeconds)).toBeLessThan(300);
    expect(stripe.webhooks.constructEvent(payload, signature, webhookSecret).type).toBe(held);
  }
});

test("an event that is still to be delivered is not forgotten, however old it grows", async () => {
  const receiver = await startReceiver();
  let laterMs = 0;
  const nowMs = () => Date.now() + laterMs;
  const { stripe, url } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url }, { nowMs });
  await tell(url, "POST", "scenarios", { do: "webhook_late", delay_ms: 40 * dayMs });
  await hold(stripe);
  laterMs = 2_000;
  await advance(url, 35 * dayMs);
  // It was held for too long meanwhile.
  await expect.poll(() => receiver.taken().map(({ type }) => type)).toEqual(["payment_intent.canceled"]);
  await advance(url, 5 * dayMs);
  await expect.poll(() => receiver.taken().map(({ type }) => type)).toContain(held);
});

test("at most eight deliveries are under way at a time", async () => {
  const receiver = await startReceiver();
  receiver.hold();
  const { stripe } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  await Promise.all(Array.from({ length: 20 }, () => hold(stripe)));
  await expect.poll(() => receiver.open()).toBe(8);
  receiver.release();
  await expect.poll(() => receiver.taken().length).toBe(20);
  expect(receiver.openMost()).toBe(8);
});

test("an intent that was only made is in the list of events, and is not delivered", async () => {
  const { stripe, typesOf } = await startWithReceiver();
  await stripe.paymentIntents.create({ amount: 100, currency: "usd" });
  await take(stripe);
  await expect.poll(() => typesOf().length).toBe(2);
  const [oldest] = (await stripe.events.list()).data.reverse();
  expect(oldest).toMatchObject({ type: "payment_intent.created", pending_webhooks: 0 });
  expect(typesOf()).not.toContain("payment_intent.created");
});

test("a scenario makes an event come late", async () => {
  const { stripe, api, typesOf } = await startWithReceiver();
  await admin(api, "POST", "scenarios", { match: { event: held }, do: "webhook_late", delay_ms: 150 });
  await hold(stripe, { payment_method: "pm_card_visa" });
  await hold(stripe, { capture_method: "automatic" });
  await expect.poll(typesOf).toEqual([paid, held]);
});

test("a token makes an event be overtaken by the next one", async () => {
  const { stripe, typesOf } = await startWithReceiver();
  const { id } = await hold(stripe, { payment_method: "pm_webstore_webhookOutOfOrder" });
  await stripe.paymentIntents.capture(id);
  await expect.poll(typesOf).toEqual([paid, held]);
});

test("many more events than are remembered all arrive, once", async () => {
  const receiver = await startReceiver();
  receiver.hold();
  const { stripe, url } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  for (let batch = 0; batch < 70; batch += 1) {
    await Promise.all(Array.from({ length: 10 }, () => hold(stripe)));
  }
  await expect.poll(() => receiver.open()).toBe(8);
  receiver.release();
  await expect.poll(() => tell(url, "GET", "deliveries"), { timeout: 10_000 }).toMatchObject({ waiting: 0 });
  const ids = receiver.taken().map(({ id }) => id);
  expect(ids).toHaveLength(700);
  expect(new Set(ids).size).toBe(700);
});

test("the rows of what arrived go away", async () => {
  const receiver = await startReceiver();
  const { stripe, provider } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  await take(stripe);
  await expect.poll(() => receiver.taken().length).toBe(2);
  const left = provider.database.prepare("SELECT count(*) AS count FROM deliveries");
  await expect.poll(() => left.get()?.count).toBe(0);
});

test("an event of a transaction that was undone is not sent, and those before it are", async () => {
  const receiver = await startReceiver();
  const { stripe, provider } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  const broken = () =>
    provider.database.transact(
      () => {
        provider.webhooks.schedule(
          { id: "evt_undone", paymentIntent: "pi_undone", payload: "{}" },
          undefined,
        );
        throw new Error("a bug");
      },
      () => false,
    );
  const before = hold(stripe);
  expect(broken).toThrow("a bug");
  await before;
  expect(broken).toThrow("a bug");
  await hold(stripe);
  await expect.poll(() => receiver.taken().length).toBe(2);
  expect(receiver.taken().map(({ type }) => type)).toEqual([held, held]);
});

test("a reset while a delivery is under way does not swallow a later one", async () => {
  const receiver = await startReceiver();
  receiver.hold();
  const { stripe, url } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url });
  await hold(stripe);
  await expect.poll(() => receiver.open()).toBe(1);
  await admin(url, "POST", "reset");
  await hold(stripe);
  await expect.poll(() => receiver.open()).toBe(2);
  receiver.release();
  await expect.poll(() => receiver.taken().length).toBe(2);
  await expect.poll(() => tell(url, "GET", "deliveries")).toMatchObject({ waiting: 0 });
});

test("a receiver that does not answer in time is asked again, until it is given up", async () => {
  const receiver = await startReceiver();
  receiver.hold();
  const limits = { webhooks: { timeoutMs: 50, retryDelaysMs: [1, 1, 1, 1] } };
  const { stripe, url } = await startTestProvider({ PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url }, limits);
  await hold(stripe);
  await expect.poll(() => tell(url, "GET", "deliveries")).toMatchObject({ waiting: 0 });
  receiver.release();
  await expect.poll(() => receiver.received.length).toBe(5);
});
