// What orders is told of payments, in which order, and how long it is tried.

import { randomUUID } from "node:crypto";
import { currentContext, Outage, Refusal } from "@webstore/kit";
import type { UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import type { Payment, PaymentStatus } from "./payment.ts";
import { newsOf } from "./status-notification.ts";
import { byOrder, invoice, keptPayment } from "./testing.ts";
import { type Shop, shop, silentLog } from "./testing-shop.ts";

const second = 1_000;
const hour = 3_600 * second;

async function refunded(at: Shop, ...amounts: bigint[]) {
  const asked = invoice();
  const which = byOrder(asked.orderId);
  await at.process().createPayment(asked);
  await at.process().capturePayment(which);
  for (const amountMinor of amounts) {
    const amount = { amountMinor, currency: "USD" };
    await at.process().processRefund({ ...which, amount, refundId: randomUUID(), reason: "" });
  }
  return asked.orderId;
}

/** Orders, as it answers: `taken`, or what it throws. */
function ordersThat(answer: (request: UpdateOrderPaymentStatusRequest, time: number) => unknown) {
  const told: UpdateOrderPaymentStatusRequest[] = [];
  const keys: (string | undefined)[] = [];
  return {
    told,
    keys,
    async updateOrderPaymentStatus(request: UpdateOrderPaymentStatusRequest) {
      told.push(request);
      keys.push(currentContext().idempotencyKey);
      answer(request, told.length);
      return { status: "ORDER_STATUS_PAID", applied: true } as const;
    },
  };
}

const notFound = () =>
  new Refusal({ service: "orders", reason: "order_not_found", code: "NOT_FOUND", message: "" });

test("it is told of each refund in its order, with all that went back and the notification's own key", async () => {
  const at = shop();
  const orderId = await refunded(at, 5_00n, 4_99n, 10_00n);
  const orders = ordersThat(() => {});
  while (await at.notify(orders));
  expect(orders.told).toMatchObject([
    { orderId, refundedMinor: 5_00n, paymentStatus: "PAYMENT_STATUS_PARTIALLY_REFUNDED" },
    { orderId, refundedMinor: 9_99n, paymentStatus: "PAYMENT_STATUS_PARTIALLY_REFUNDED" },
    { orderId, refundedMinor: 19_99n, paymentStatus: "PAYMENT_STATUS_REFUNDED" },
  ]);
  expect(orders.keys).toEqual(orders.told.map(({ notificationId }) => notificationId));
  expect(new Set(orders.keys).size).toBe(3);
  expect(await at.notifications.backlog()).toMatchObject({ waiting: 0, refused: 0 });
});

test("it is tried after 1, 2 and 4 s, twice 30 s, twice a minute, 5 min, then every hour, for as long as it takes", async () => {
  const at = shop();
  await refunded(at, 5_00n);
  const triedAtMs: number[] = [];
  const orders = ordersThat((_, time) => {
    triedAtMs.push(at.nowMs());
    if (time < 12) throw new Outage("orders", "away");
  });
  const beganAtMs = at.nowMs();
  while ((await at.notifications.backlog()).waiting > 0) {
    await at.notify(orders);
    at.passMs(second);
  }
  const pauses = triedAtMs.map((atMs, index) => atMs - (triedAtMs[index - 1] ?? beganAtMs));
  const wanted = [0, 1, 2, 4, 30, 30, 60, 60, 300].map((each) => each * second);
  expect(pauses).toEqual([...wanted, ...Array.from({ length: 3 }, () => hour)]);
  expect(new Set(orders.keys).size).toBe(1);
});

test("what orders refuses is kept and said, and what comes after it is told", async () => {
  const at = shop();
  await refunded(at, 5_00n, 4_99n);
  const said: object[] = [];
  const orders = ordersThat((_, time) => {
    if (time === 1) throw notFound();
  });
  const log = { ...silentLog, error: (line: object) => said.push(line) };
  while (await at.notify(orders, log));
  expect(orders.told.map(({ refundedMinor }) => refundedMinor)).toEqual([5_00n, 9_99n]);
  expect(await at.notifications.backlog()).toMatchObject({ waiting: 0, refused: 1 });
  expect(said).toMatchObject([{ reason: "order_not_found", order_id: orders.told[0]?.orderId }]);
});

test("a refusal of our key says nothing about the order: it is tried again", async () => {
  const at = shop();
  await refunded(at, 5_00n);
  const unauthenticated = { service: "kit", reason: "unauthenticated", code: "UNAUTHENTICATED" } as const;
  const orders = ordersThat((_, time) => {
    if (time === 1) throw new Refusal({ ...unauthenticated, message: "" });
  });
  await at.notify(orders);
  at.passMs(second);
  await at.notify(orders);
  expect(orders.told).toHaveLength(2);
  expect(await at.notifications.backlog()).toMatchObject({ waiting: 0, refused: 0 });
});

test("a payment whose order cannot be told holds up no other", async () => {
  const at = shop();
  const stuck = await refunded(at, 5_00n, 4_99n);
  const other = await refunded(at, 5_00n);
  const orders = ordersThat(({ orderId }) => {
    if (orderId === stuck) throw new Outage("orders", "not yet");
  });
  while (await at.notify(orders));
  const ofOther = orders.told.filter(({ orderId }) => orderId === other);
  expect(ofOther).toHaveLength(1);
  expect(await at.notifications.backlog()).toMatchObject({ waiting: 2 });
});

const at = (status: PaymentStatus, is: Partial<Payment> = {}): Payment => ({
  ...keptPayment(),
  paymentId: "00000000-0000-4000-8000-000000000009",
  status,
  ...is,
});
const opens: readonly PaymentStatus[] = ["unknown", "requires_action"];
const outcomes: readonly PaymentStatus[] = ["authorized", "captured", "voided", "failed"];

test.each(opens.flatMap((from) => outcomes.map((to) => [from, to] as const)))(
  "that a payment went from %s to %s is news, unless orders asked itself",
  (from, to) => {
    expect(newsOf(at(from), at(to), false)).toMatchObject({ status: to });
    expect(newsOf(at(from), at(to), true)).toBeUndefined();
  },
);

test.each([
  ["created", "authorized"],
  ["created", "failed"],
  ["authorized", "captured"],
  ["authorized", "voided"],
  ["created", "unknown"],
  ["unknown", "created"],
  ["created", "requires_action"],
] as const)("that a payment went from %s to %s is no news: whoever asked for it hears of it", (from, to) => {
  expect(newsOf(at(from), at(to), false)).toBeUndefined();
});

test.each([
  ["captured", "disputed"],
  ["disputed", "captured"],
  ["disputed", "partially_refunded"],
] as const)("that a payment went from %s to %s is news, whoever asked", (from, to) => {
  for (const isAnswer of [true, false]) {
    expect(newsOf(at(from), at(to), isAnswer)).toMatchObject({ status: to });
  }
});

test("what went back is news, whoever gave it back; its id is made of the payment and the version", () => {
  const before = at("captured", { capturedMinor: 19_99n, version: 4 });
  const after = { ...before, status: "partially_refunded", refundedMinor: 1n } as const;
  const news = newsOf(before, after, true);
  expect(news).toMatchObject({ paymentVersion: 5, refundedMinor: 1n, occurredAtMs: after.updateTimeMs });
  expect(newsOf(before, after, false)).toEqual(news);
  expect(newsOf({ ...before, version: 5 }, after, true)?.notificationId).not.toBe(news?.notificationId);
  expect(newsOf(before, before, false)).toBeUndefined();
});
