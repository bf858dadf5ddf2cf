import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Stripe } from "stripe";
import { expect, onTestFinished, test } from "vitest";
import { admin, hold, startTestProvider, webhookSecret } from "./testing.ts";

type Received = { readonly signature: string; readonly payload: string };
type Receiver = { readonly url: string; readonly received: Received[] };

/** A webhook that answers with these statuses in turn, then with 200. */
async function startReceiver(...statuses: number[]): Promise<Receiver> {
  const received: Received[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const signature = String(request.headers["stripe-signature"]);
    received.push({ signature, payload: Buffer.concat(chunks).toString() });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

async function startWithReceiver(...statuses: number[]) {
  const receiver = await startReceiver(...statuses);
  const env = { PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url };
  const provider = await startTestProvider(env, { webhooks: { retryDelaysMs: [5, 5, 5] } });
  const typesOf = () => receiver.received.map(({ payload }) => (JSON.parse(payload) as Stripe.Event).type);
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
  const { stripe, received, provider } = await startWithReceiver(...Array.from({ length: 9 }, () => 500));
  await hold(stripe);
  const waiting = () => provider.database.prepare("SELECT count(*) AS count FROM deliveries").get()?.count;
  await expect.poll(waiting).toBe(0);
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
