// Payments over real gRPC, Postgres and the simulator, and its fake, held to one contract; and what only
// the service has.

import { randomUUID } from "node:crypto";
import { testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakePayments } from "./fake.ts";
import { program } from "./main.ts";
import { paymentsContract } from "./payments.contract.ts";
import {
  byOrder,
  invoice,
  type Published,
  paymentIn,
  publishedOf,
  startTestPayments,
  startTestProvider,
  type TestPayments,
  type TestProvider,
} from "./testing.ts";

async function startBoth(): Promise<{
  payments: TestPayments;
  provider: TestProvider;
  stop(): Promise<void>;
}> {
  const provider = await startTestProvider();
  const payments = await startTestPayments(provider.url);
  const stop = async () => {
    await payments.stop();
    await provider.stop();
  };
  return { payments, provider, stop };
}

paymentsContract("the fake", async () => ({ client: fakePayments(), stop: async () => {} }));
paymentsContract("the service", async () => {
  const { payments, stop } = await startBoth();
  return { client: payments.client, stop };
});

describe("the service alone", () => {
  let both: Awaited<ReturnType<typeof startBoth>>;
  beforeAll(async () => {
    both = await startBoth();
  });
  afterAll(() => both?.stop());

  test("the provider's own list agrees: one intent an order, taken in full", async () => {
    const { client } = both.payments;
    const asked = invoice();
    await Promise.all(Array.from({ length: 20 }, () => client.createPayment(asked)));
    await Promise.all(Array.from({ length: 20 }, () => client.capturePayment(byOrder(asked.orderId))));
    const intents = await both.provider.intentsOf(asked.orderId);
    expect(intents).toMatchObject([{ status: "succeeded", amount_received: 1999 }]);
  });

  test("what was taken and given back is told, once each and in order, with nothing secret in it", async () => {
    const { client, query } = both.payments;
    const asked = invoice();
    await client.createPayment(asked);
    await client.capturePayment(byOrder(asked.orderId));
    await client.capturePayment(byOrder(asked.orderId));
    const refundId = randomUUID();
    const refund = { ...byOrder(asked.orderId), refundId, reason: "late" };
    await client.processRefund({ ...refund, amount: { amountMinor: 5_00n, currency: "USD" } });
    await client.processRefund({ ...refund, amount: undefined });
    await client.processRefund({ ...refund, refundId: randomUUID(), amount: undefined });

    const told = await eventsOf(query, asked.orderId, 3);
    expect(told.map(({ name, data: { amount, status } }) => [name, amount, status])).toEqual([
      ["PaymentDone", "19.99", "captured"],
      ["PaymentRefunded", "5.00", "partially_refunded"],
      ["PaymentRefunded", "14.99", "refunded"],
    ]);
    expect(told[1]?.data).toMatchObject({ refundId, orderId: asked.orderId, customerId: asked.customerId });
    expect(JSON.stringify(told)).not.toMatch(/pm_card|secret|sk_test/);
  });

  test("no token and no secret is kept", async () => {
    const { client, query } = both.payments;
    const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
    const { clientSecret } = paymentIn(await client.createPayment(asked));
    const [row] = await query(`select p::text from payments.payments p where order_id = '${asked.orderId}'`);
    const text = String(row?.p);
    expect(text).toContain("requires_action");
    expect(text).not.toContain("pm_card");
    expect(text).not.toContain(clientSecret);
  });

  test("staff look and refund, and do nothing else; shoppers and strangers do nothing at all", async () => {
    const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
    await both.payments.client.createPayment(asked);
    const which = byOrder(asked.orderId);
    const staff = both.payments.as({ token: "admin-token-456" });
    expect(paymentIn(await staff.getPayment(which)).clientSecret).toBe("");
    const denied = { reason: "permission_denied" };
    await expect(staff.createPayment(asked)).rejects.toMatchObject(denied);
    await expect(staff.capturePayment(which)).rejects.toMatchObject(denied);
    await expect(staff.voidPayment(which)).rejects.toMatchObject(denied);
    const shopper = both.payments.as({ token: "user-token-123" });
    await expect(shopper.getPayment(which)).rejects.toMatchObject(denied);
    const page = { status: "PAYMENT_STATUS_UNSPECIFIED", orderId: "", pageSize: 0, pageToken: "" } as const;
    await expect(shopper.listPayments(page)).rejects.toMatchObject(denied);
    await expect(both.payments.as({}).getPayment(which)).rejects.toMatchObject({ reason: "unauthenticated" });
  });

  test("a shopper who confirms is authorized, one who does not has failed", async () => {
    const { client } = both.payments;
    const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
    const { providerReference } = paymentIn(await client.createPayment(asked));
    await both.provider.authenticate(providerReference, "succeeded");
    expect(paymentIn(await client.createPayment(asked)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
    expect(paymentIn(await client.capturePayment(byOrder(asked.orderId))).status).toBe(
      "PAYMENT_STATUS_CAPTURED",
    );

    const other = { ...asked, orderId: randomUUID() };
    const waiting = paymentIn(await client.createPayment(other));
    await both.provider.authenticate(waiting.providerReference, "failed");
    await expect(client.createPayment(other)).rejects.toMatchObject({ reason: "card_declined" });
  });

  test.each([500, 503, 400, 404, 429])(
    "a provider that fails with %i leaves a payment that a repeat authorizes, captures and refunds",
    async (status) => {
      const { client } = both.payments;
      const asked = invoice({ country: "US" });
      const which = byOrder(asked.orderId);
      const refund = { ...which, amount: undefined, refundId: randomUUID(), reason: "" };
      const steps = [
        () => client.createPayment(asked),
        () => client.capturePayment(which),
        () => client.processRefund(refund),
      ];
      for (const step of steps) {
        await both.provider.failures({ US: { rate: 1, codes: [status] } });
        const failed = await step().then(
          (answer) => paymentIn(answer).status,
          (error: Error) => error.name,
        );
        const unsettled = ["Outage", "PAYMENT_STATUS_UNKNOWN", "PAYMENT_STATUS_CAPTURED"];
        expect(unsettled).toContain(failed);
        await both.provider.failures({});
        await step();
      }
      const { payment } = await client.getPayment(which);
      expect(payment).toMatchObject({ status: "PAYMENT_STATUS_REFUNDED", refundedMinor: 19_99n });
      expect(await both.provider.intentsOf(asked.orderId)).toHaveLength(1);
    },
  );

  test("a token that the provider does not know is a declined card", async () => {
    const asked = invoice({ paymentMethodToken: "pm_card_nobodyHasThis" });
    await expect(both.payments.client.createPayment(asked)).rejects.toMatchObject({
      reason: "card_declined",
    });
  });

  test.each([
    ["an order id that is none", { orderId: "1 or 1=1" }],
    ["an upper case id", { orderId: "AAAAAAAA-0000-4000-8000-000000000001" }],
    ["a token with a line break", { paymentMethodToken: "pm_card_visa\r\nx: y" }],
    ["a token that is too long", { paymentMethodToken: "p".repeat(256) }],
    ["a card number with spaces", { paymentMethodToken: "4242 4242 4242 4242" }],
    ["no token", { paymentMethodToken: "" }],
    ["no amount", { amount: undefined }],
    ["a negative amount", { amount: { amountMinor: -1n, currency: "USD" } }],
    ["a country that is none", { country: "Germany" }],
    ["a long description", { description: "x".repeat(201) }],
  ])("%s is refused and changes nothing", async (_, bad) => {
    const refused = both.payments.client.createPayment(invoice(bad));
    await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("what is not known can be watched", async () => {
    const { client, running } = both.payments;
    const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
    await client.createPayment(asked);
    const metrics = async () => (await fetch(`${running.urls.admin}/metrics`)).text();
    await expect
      .poll(metrics, { timeout: 15_000 })
      .toMatch(/webstore_payments_unresolved\{[^}]*status="requires_action"[^}]*\} [1-9]/);
    const text = await metrics();
    for (const name of [
      "webstore_payments_given_up",
      "webstore_payments_unresolved_age_seconds",
      "webstore_payments_notifications",
      "webstore_payments_notification_age_seconds",
      "webstore_payments_provider_events",
      "webstore_payments_provider_event_age_seconds",
    ]) {
      expect(text).toContain(`# TYPE ${name} gauge`);
    }
    await client.voidPayment(byOrder(asked.orderId));
  });

  test("production is not started with the demo's key", async () => {
    const production = program.start({
      DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
      INTERNAL_API_KEY: testInternalKey,
      JWKS_URL: testJwksUrl,
      PRODUCTION_ENV: "true",
      STRIPE_API_KEY: "a secret that is none",
    });
    await expect(production).rejects.toThrow("STRIPE_API_KEY: must be a secret");
  });
});

/** What has been published of an order, once it is so many. */
async function eventsOf(query: TestPayments["query"], orderId: string, count: number): Promise<Published[]> {
  for (let look = 0; look < 200; look += 1) {
    const published = await publishedOf(query, orderId);
    if (published.length >= count) return published;
  }
  throw new Error("the events were not published");
}
