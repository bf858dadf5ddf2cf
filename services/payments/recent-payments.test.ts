import { expect, test } from "vitest";
import { recentPayments } from "./recent-payments.ts";
import { keptPayment } from "./testing.ts";

test("a payment is found as it was kept last, and not when it is old", () => {
  let clockMs = 0;
  const recent = recentPayments(() => clockMs);
  const payment = keptPayment();
  recent.keep(payment);
  const newer = { ...payment, version: 2 };
  recent.keep(newer);
  expect(recent.find(payment.paymentId)).toBe(newer);
  expect(recent.find(payment.paymentId)).toBe(newer);
  recent.keep(payment);
  expect(recent.find(payment.paymentId)).toBe(newer);
  clockMs = 5_000;
  expect(recent.find(payment.paymentId)).toBeUndefined();
});

test("an authorization is given once, and not when something came after it, nor when it is old", () => {
  let clockMs = 0;
  const recent = recentPayments(() => clockMs);
  const payment = keptPayment({ status: "authorized" });
  recent.keep(payment);
  expect(recent.takeAuthorized(payment.orderId)).toBe(payment);
  expect(recent.takeAuthorized(payment.orderId)).toBeUndefined();
  recent.keep(payment);
  recent.keep({ ...payment, status: "captured", version: 2 });
  expect(recent.takeAuthorized(payment.orderId)).toBeUndefined();
  recent.keep({ ...payment, version: 3 });
  clockMs = 5_000;
  expect(recent.takeAuthorized(payment.orderId)).toBeUndefined();
});

test("a thousand are kept, the newest", () => {
  const recent = recentPayments(() => 0);
  const payments = Array.from({ length: 1_001 }, () => keptPayment({ status: "authorized" }));
  for (const payment of payments) recent.keep(payment);
  const areNewest = payments.map((_, index) => index > 0);
  expect(payments.map(({ paymentId }) => recent.find(paymentId) !== undefined)).toEqual(areNewest);
  expect(payments.map(({ orderId }) => recent.takeAuthorized(orderId) !== undefined)).toEqual(areNewest);
});
