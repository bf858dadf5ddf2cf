import { expect, test } from "vitest";
import { recentPayments } from "./recent-payments.ts";
import { keptPayment } from "./testing.ts";

test("a payment is given once, as it was kept last, and not when it is old", () => {
  let clockMs = 0;
  const recent = recentPayments(() => clockMs);
  const payment = keptPayment();
  recent.keep(payment);
  const newer = { ...payment, version: 2 };
  recent.keep(newer);
  expect(recent.take(payment.orderId)).toBe(newer);
  expect(recent.take(payment.orderId)).toBeUndefined();
  recent.keep(payment);
  clockMs = 5_000;
  expect(recent.take(payment.orderId)).toBeUndefined();
});

test("a thousand are kept, the newest", () => {
  const recent = recentPayments(() => 0);
  const payments = Array.from({ length: 1_001 }, () => keptPayment());
  for (const payment of payments) recent.keep(payment);
  const found = payments.map(({ orderId }) => recent.take(orderId));
  expect(found.map((each) => each !== undefined)).toEqual(payments.map((_, index) => index > 0));
});
