// What only the fake has: what happens at the provider when a test says so, and news for orders by hand.

import { randomUUID } from "node:crypto";
import type { UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { fakePayments } from "./fake.ts";
import { byOrder, invoice, paymentIn } from "./testing.ts";

async function newsOf(fake: ReturnType<typeof fakePayments>) {
  const told: UpdateOrderPaymentStatusRequest[] = [];
  await fake.deliver(async (each) => told.push(each));
  return told.map(({ paymentStatus, refundedMinor }) => [paymentStatus, refundedMinor]);
}

async function captured(fake: ReturnType<typeof fakePayments>) {
  const { orderId } = paymentIn(await fake.createPayment(invoice()));
  await fake.capturePayment(byOrder(orderId));
  return orderId;
}

test.each([
  ["succeeded", "PAYMENT_STATUS_AUTHORIZED"],
  ["failed", "PAYMENT_STATUS_FAILED"],
] as const)("a shopper whose confirmation has %s is news", async (outcome, status) => {
  const fake = fakePayments();
  const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
  await fake.createPayment(asked);
  expect(await newsOf(fake)).toEqual([]);
  await fake.confirm(asked.orderId, outcome);
  expect(paymentIn(await fake.getPayment(byOrder(asked.orderId))).status).toBe(status);
  expect(await newsOf(fake)).toEqual([[status, 0n]]);
  expect(await newsOf(fake)).toEqual([]);
});

test("disputes and refunds made at the provider are known at once, and news", async () => {
  const fake = fakePayments();
  const orderId = await captured(fake);
  await fake.refundThere(orderId, 5_00n);
  await fake.openDispute(orderId);
  await fake.closeDispute(orderId, "won");
  await fake.openDispute(orderId);
  await fake.closeDispute(orderId, "lost");
  expect(await newsOf(fake)).toEqual([
    ["PAYMENT_STATUS_PARTIALLY_REFUNDED", 5_00n],
    ["PAYMENT_STATUS_DISPUTED", 5_00n],
    ["PAYMENT_STATUS_PARTIALLY_REFUNDED", 5_00n],
    ["PAYMENT_STATUS_DISPUTED", 5_00n],
    ["PAYMENT_STATUS_REFUNDED", 19_99n],
  ]);
  expect(fake.standing()).toEqual({ heldMinor: 0n, takenMinor: 0n });
});

test("news that was not taken comes again, before what came after it", async () => {
  const fake = fakePayments();
  const orderId = await captured(fake);
  const amount = { amountMinor: 5_00n, currency: "USD" };
  for (let count = 0; count < 2; count += 1) {
    await fake.processRefund({ ...byOrder(orderId), amount, refundId: randomUUID(), reason: "" });
  }
  await expect(fake.deliver(() => Promise.reject(new Error("not now")))).rejects.toThrow("not now");
  expect((await newsOf(fake)).map(([, refundedMinor]) => refundedMinor)).toEqual([5_00n, 10_00n]);
});
