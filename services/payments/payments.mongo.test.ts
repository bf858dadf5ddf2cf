// The service with its data in MongoDB, over real gRPC and against the simulator: held to the same contract as on
// Postgres; and what it tells others, which comes from there by another way.

import { randomUUID } from "node:crypto";
import { describeWithDocker } from "@webstore/kit/testing-container";
import mongoose from "mongoose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { paymentsContract } from "./payments.contract.ts";
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
import { startTestMongo, type TestMongo } from "./testing-mongo.ts";
import { startTestOrders, startTestWebhook, type TestOrders, type TestWebhook } from "./testing-webhooks.ts";

const patient = { timeout: 20_000 };

describeWithDocker("on MongoDB", () => {
  let server: TestMongo;
  beforeAll(async () => {
    server = await startTestMongo();
  });
  afterAll(() => server?.stop());
  const start = (provider: TestProvider, env: Record<string, string> = {}) =>
    startTestPayments(provider.url, {
      MONGODB_URL: server.url,
      DATABASE_POOL_MAX: String(server.poolMax),
      ...env,
    });

  paymentsContract("the service", async () => {
    const provider = await startTestProvider();
    const payments = await start(provider);
    const stop = async () => {
      await payments.stop();
      await provider.stop();
    };
    return { client: payments.client, stop };
  });

  describe("what others are told", () => {
    let webhook: TestWebhook;
    let provider: TestProvider;
    let orders: TestOrders;
    let payments: TestPayments;
    beforeAll(async () => {
      webhook = await startTestWebhook();
      provider = await startTestProvider(webhook.url);
      orders = await startTestOrders();
      payments = await start(provider, { ORDERS_ADDRESS: orders.address });
      webhook.handTo(payments.client);
    });
    afterAll(async () => {
      await payments?.stop();
      await orders?.stop();
      await provider?.stop();
      await webhook?.stop();
    });

    async function captured() {
      const asked = invoice();
      await payments.client.createPayment(asked);
      return paymentIn(await payments.client.capturePayment(byOrder(asked.orderId)));
    }

    test("what was taken and given back is on the bus, once each and in order", async () => {
      const { orderId } = await captured();
      const refund = { ...byOrder(orderId), refundId: randomUUID(), reason: "late" };
      await payments.client.processRefund({ ...refund, amount: { amountMinor: 5_00n, currency: "USD" } });
      await payments.client.processRefund({ ...refund, refundId: randomUUID(), amount: undefined });
      const told = async () =>
        (await publishedOf(payments.query, orderId)).map(({ name, data }) => [
          name,
          data.amount,
          data.status,
        ]);
      await expect.poll(told, patient).toEqual([
        ["PaymentDone", "19.99", "captured"],
        ["PaymentRefunded", "5.00", "partially_refunded"],
        ["PaymentRefunded", "14.99", "refunded"],
      ]);
    });

    test("a refund made at the provider itself comes by an event, and orders is told of it", async () => {
      const { orderId, paymentId, providerReference } = await captured();
      await provider.api("POST", "refunds", { payment_intent: providerReference, amount: "500" });
      const toldOf = () => orders.told.filter((each) => each.orderId === orderId);
      await expect
        .poll(toldOf, patient)
        .toMatchObject([
          { paymentId, paymentStatus: "PAYMENT_STATUS_PARTIALLY_REFUNDED", refundedMinor: 5_00n },
        ]);
    });

    test("no token and no secret is kept", async () => {
      const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
      const { clientSecret } = paymentIn(await payments.client.createPayment(asked));
      const connection = await mongoose.createConnection(server.url, { dbName: "payments" }).asPromise();
      onTestFinished(() => connection.close());
      const documents = await connection.collection("payments").find({}).toArray();
      const kept = documents.find(({ _id }) => String(_id) === asked.orderId);
      const text = JSON.stringify(kept);
      expect(text).toContain("requires_action");
      expect(text).not.toContain("pm_card");
      expect(text).not.toContain(clientSecret);
    });

    test("what waits for the bus can be watched", async () => {
      const metrics = async () => (await fetch(`${payments.running.urls.admin}/metrics`)).text();
      await expect.poll(metrics, patient).toMatch(/webstore_outbox_backlog\{[^}]*\} 0/);
      expect(await metrics()).toMatch(/webstore_outbox_oldest_age_seconds\{[^}]*\} 0/);
    });
  });
});
