// What payments promises about refunds; a part of payments.contract.ts.

import { randomUUID } from "node:crypto";
import type { ProcessRefundRequest } from "@webstore/proto/payments/v1";
import { expect, test } from "vitest";
import type { Client } from "./payments.contract.ts";
import { byId, byOrder, invoice, paymentIn } from "./testing.ts";

const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

export function refundsContract(client: Client): void {
  const captured = async () => {
    const { orderId } = paymentIn(await client().createPayment(invoice()));
    return paymentIn(await client().capturePayment(byOrder(orderId)));
  };
  const refund = (orderId: string, is: Partial<ProcessRefundRequest> = {}) =>
    client().processRefund({
      ...byOrder(orderId),
      amount: undefined,
      refundId: randomUUID(),
      reason: "damaged",
      ...is,
    });

  test("without an amount, all that is left is given back", async () => {
    const { orderId } = await captured();
    await refund(orderId, { amount: usd(5_00n) });
    const { payment, refund: given } = await refund(orderId);
    expect(given).toMatchObject({ amount: usd(14_99n), reason: "damaged", settled: true });
    expect(given?.providerReference).toMatch(/^re_/);
    expect(payment).toMatchObject({ status: "PAYMENT_STATUS_REFUNDED", refundedMinor: 19_99n });
    expect(payment).toMatchObject({ capturedMinor: 19_99n });
    const voided = paymentIn(await client().voidPayment(byOrder(orderId)));
    expect(voided).toEqual(payment);
  });

  test("parts are given back one after another, and the payment lists them", async () => {
    const { orderId, paymentId } = await captured();
    const first = await refund(orderId, { amount: usd(5_00n) });
    expect(first.payment).toMatchObject({
      status: "PAYMENT_STATUS_PARTIALLY_REFUNDED",
      refundedMinor: 5_00n,
    });
    const second = await client().processRefund({
      ...byId(paymentId),
      amount: usd(4_99n),
      refundId: randomUUID(),
      reason: "",
    });
    expect(second.payment).toMatchObject({
      status: "PAYMENT_STATUS_PARTIALLY_REFUNDED",
      refundedMinor: 9_99n,
    });
    const { refunds } = await client().getPayment(byId(paymentId));
    expect(refunds).toEqual([first.refund, second.refund]);
  });

  test("a refund id gives money back once, however often and at once it is asked", async () => {
    const { orderId } = await captured();
    const asked = { refundId: randomUUID(), amount: usd(7_00n) };
    const all = await Promise.all(Array.from({ length: 10 }, () => refund(orderId, asked)));
    for (const each of all) expect(each.refund).toEqual(all[0]?.refund);
    const { payment } = await client().getPayment(byOrder(orderId));
    expect(payment).toMatchObject({ refundedMinor: 7_00n });
  });

  test("many refunds at once never give back more than was taken", async () => {
    const { orderId } = await captured();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => refund(orderId, { amount: usd(6_00n) })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    const { payment } = await client().getPayment(byOrder(orderId));
    expect(payment).toMatchObject({ refundedMinor: 18_00n });
  });

  test.each([
    ["more than is left", usd(20_00n), "refund_exceeds_captured"],
    ["another currency", { amountMinor: 5_00n, currency: "EUR" }, "refund_exceeds_captured"],
    ["nothing", usd(0n), "invalid_request"],
  ])("a refund of %s is refused and changes nothing", async (_, amount, reason) => {
    const { orderId } = await captured();
    const before = await client().getPayment(byOrder(orderId));
    await expect(refund(orderId, { amount })).rejects.toMatchObject({ reason });
    expect(await client().getPayment(byOrder(orderId))).toEqual(before);
  });

  test("what is not captured, or given back already, is not refundable", async () => {
    const { orderId: held } = paymentIn(await client().createPayment(invoice()));
    await expect(refund(held)).rejects.toMatchObject({ reason: "payment_not_refundable" });
    await client().voidPayment(byOrder(held));
    await expect(refund(held)).rejects.toMatchObject({ reason: "payment_not_refundable" });
    const { orderId } = await captured();
    await refund(orderId);
    await expect(refund(orderId)).rejects.toMatchObject({ reason: "payment_not_refundable" });
    await expect(refund(randomUUID())).rejects.toMatchObject({ reason: "payment_not_found" });
  });

  test("a reason with a NUL is refused", async () => {
    const { orderId } = await captured();
    await expect(refund(orderId, { reason: "a\0b" })).rejects.toMatchObject({ reason: "invalid_request" });
  });
}
