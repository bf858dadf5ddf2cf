// The contract of orders: carrying a cancellation out.

import { randomUUID } from "node:crypto";
import type { Order } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { orderAt } from "./changing.ts";
import { refusalOf, type Shop } from "./shop.ts";

const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

export function executionTests(shop: Shop): void {
  const ask = (orderId: string) => shop.as("ada").cancelOrder({ orderId });
  const execute = async (orderId: string) =>
    (await shop.as("service").executeCancellation({ orderId })).order as Order;
  const refund = (orderId: string, amountMinor: bigint) =>
    shop.subject().payments.processRefund({
      payment: { $case: "orderId", value: orderId },
      amount: usd(amountMinor),
      refundId: randomUUID(),
      reason: "staff",
    });
  const takenOf = async (orderId: string) => {
    const payment = { $case: "orderId", value: orderId } as const;
    const answer = await shop.subject().payments.getPayment({ payment });
    return (answer.payment?.capturedMinor ?? 0n) - (answer.payment?.refundedMinor ?? 0n);
  };
  const toldOf = async (orderId: string) => {
    const told = await shop.subject().toldOf(orderId);
    return told.flatMap(({ name, data }) => (name === "OrderCreated" ? [] : [[name, data] as const]));
  };

  // 5 % of 19.04 are 0.952.
  test.each(["paid", "processing"] as const)(
    "of an order that is %s the money less a fee goes back",
    async (from) => {
      const order = await (from === "paid" ? shop.placed() : orderAt(shop, "ORDER_STATUS_PROCESSING"));
      const { orderId, customerId } = order;
      const { order: asked } = await ask(orderId);
      const cancelled = await execute(orderId);
      expect(cancelled).toEqual({
        ...asked,
        status: "ORDER_STATUS_CANCELLED",
        refunded: usd(18_09n),
        fee: usd(95n),
        history: [...order.history, { status: "ORDER_STATUS_CANCELLED", at: expect.any(Date), reason: "" }],
        updateTime: expect.any(Date),
      });
      expect(await shop.one(orderId)).toEqual(cancelled);
      expect(await takenOf(orderId)).toBe(95n);
      const whose = { orderId, customerId, currency: "USD" };
      expect((await toldOf(orderId)).slice(from === "paid" ? 0 : 1)).toEqual([
        ["OrderCancelRequested", { orderId, customerId }],
        ["OrderRefunded", { ...whose, amount: "18.09", refundedTotal: "18.09" }],
        ["OrderCancelled", { ...whose, refundAmount: "18.09", feeAmount: "0.95" }],
      ]);
    },
  );

  test("its stock can be bought by the next", async () => {
    const scarce = await shop.product();
    await shop.subject().setStock(scarce, 1);
    await shop.fill("ada", [scarce, 1]);
    const { order } = await shop.place("ada");
    await ask(order.orderId);
    await execute(order.orderId);
    await shop.fill("test", [scarce, 1]);
    expect((await shop.place("test")).order.status).toBe("ORDER_STATUS_PAID");
  });

  test("however often and by how many it is carried out, it is once", async () => {
    const { orderId } = await shop.placed();
    await ask(orderId);
    const all = await Promise.all(Array.from({ length: 10 }, () => execute(orderId)));
    const cancelled = await execute(orderId);
    for (const each of all) expect(each).toEqual(cancelled);
    expect(await takenOf(orderId)).toBe(95n);
    const names = (await toldOf(orderId)).map(([name]) => name);
    expect(names).toEqual(["OrderCancelRequested", "OrderRefunded", "OrderCancelled"]);
  });

  test("what went back before counts, and nobody gets more than they paid", async () => {
    for (const [beforeMinor, refundAmount, feeAmount] of [
      [5_00n, "13.09", "0.95"],
      [18_09n, "0.00", "0.95"],
      [18_50n, "0.00", "0.54"],
    ] as const) {
      const { orderId } = await shop.placed();
      await refund(orderId, beforeMinor);
      await ask(orderId);
      const { fee, refunded, status } = await execute(orderId);
      expect(status).toBe("ORDER_STATUS_CANCELLED");
      expect((fee?.amountMinor ?? 0n) + (refunded?.amountMinor ?? 0n)).toBe(19_04n);
      expect(await takenOf(orderId)).toBe(fee?.amountMinor);
      expect((await toldOf(orderId)).at(-1)?.[1]).toMatchObject({ refundAmount, feeAmount });
    }
  });

  test("an order of which all went back while it was to be cancelled is cancelled, without a fee", async () => {
    const paid = await shop.placed();
    const { orderId, paymentId } = paid;
    await ask(orderId);
    await refund(orderId, 19_04n);
    const told = await shop.as("service").updateOrderPaymentStatus({
      orderId,
      paymentId,
      paymentStatus: "PAYMENT_STATUS_REFUNDED",
      notificationId: randomUUID(),
      occurredAt: new Date(),
      refundedMinor: 19_04n,
    });
    expect(told).toEqual({ status: "ORDER_STATUS_PAID", applied: true });
    expect(await execute(orderId)).toMatchObject({
      status: "ORDER_STATUS_CANCELLED",
      refunded: usd(19_04n),
      fee: usd(0n),
    });
    const names = (await toldOf(orderId)).map(([name]) => name);
    const again = "OrderCancelRequested";
    expect(names).toEqual(["OrderCancelRequested", "OrderRefunded", again, "OrderCancelled"]);
  });

  test.each([
    ["won", usd(18_09n), usd(95n)],
    ["lost", usd(19_04n), usd(0n)],
  ] as const)("of a disputed order it waits until the dispute is %s", async (outcome, refunded, fee) => {
    const { orderId, history } = await shop.placed();
    const { payments } = shop.subject();
    await ask(orderId);
    await payments.openDispute(orderId);
    await shop.subject().deliverNews();
    for (let count = 0; count < 2; count += 1)
      expect((await refusalOf(execute(orderId))).reason).toBe("order_not_cancellable");
    const stays = await shop.one(orderId);
    expect(stays).toMatchObject({ status: "ORDER_STATUS_PAID", cancelRequested: true, refunded: usd(0n) });
    const reasons = stays.history.slice(history.length).map(({ reason }) => reason);
    expect(reasons).toEqual(["not cancelled: payment_disputed"]);
    const asked = async () =>
      (await toldOf(orderId)).filter(([name]) => name === "OrderCancelRequested").length;
    expect(await asked()).toBe(1);
    await payments.closeDispute(orderId, outcome);
    await shop.subject().deliverNews();
    expect(await asked()).toBe(2);
    expect(await execute(orderId)).toMatchObject({ status: "ORDER_STATUS_CANCELLED", refunded, fee });
    await shop.subject().deliverNews();
    expect(await shop.one(orderId)).toMatchObject({ status: "ORDER_STATUS_CANCELLED", refunded, fee });
    expect(await takenOf(orderId)).toBe(fee.amountMinor);
  });

  test("whoever asks again after it was refused sets it in motion anew, once for each attempt", async () => {
    const { orderId } = await shop.placed();
    const { payments } = shop.subject();
    const ids = async () => {
      const told = await shop.subject().toldOf(orderId);
      return told.flatMap(({ id, name }) => (name === "OrderCancelRequested" ? [id] : []));
    };
    await ask(orderId);
    await payments.openDispute(orderId);
    for (let attempt = 2; attempt <= 3; attempt += 1) {
      expect((await refusalOf(execute(orderId))).reason).toBe("order_not_cancellable");
      for (let count = 0; count < 2; count += 1) await ask(orderId);
      expect(new Set(await ids()).size).toBe(attempt);
    }
    await payments.closeDispute(orderId, "won");
    expect((await execute(orderId)).status).toBe("ORDER_STATUS_CANCELLED");
    const before = await ids();
    expect((await ask(orderId))?.order?.status).toBe("ORDER_STATUS_CANCELLED");
    expect(await ids()).toEqual(before);
  });

  test("asking cannot use up the attempts that the end of a dispute needs", async () => {
    const { orderId } = await shop.placed();
    const { payments } = shop.subject();
    await ask(orderId);
    await payments.openDispute(orderId);
    const asked = async () =>
      (await toldOf(orderId)).filter(([name]) => name === "OrderCancelRequested").length;
    let [before, after] = [0, await asked()];
    for (let count = 0; count < 30 && after > before; count += 1) {
      await refusalOf(execute(orderId));
      await ask(orderId);
      [before, after] = [after, await asked()];
    }
    expect(after).toBe(before);
    await payments.closeDispute(orderId, "won");
    expect((await execute(orderId)).status).toBe("ORDER_STATUS_CANCELLED");
  });

  test("staff who refund at the same time are added to it, and nothing goes back twice", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { orderId } = await shop.placed();
      await ask(orderId);
      const [, staff] = await Promise.allSettled([execute(orderId), refund(orderId, 3_00n)]);
      await shop.subject().deliverNews();
      const { status, fee, refunded } = await execute(orderId);
      expect(status).toBe("ORDER_STATUS_CANCELLED");
      expect(await takenOf(orderId)).toBe(95n);
      expect([fee, refunded]).toEqual([usd(95n), usd(18_09n)]);
      const amounts = (await toldOf(orderId)).flatMap(([name, data]) =>
        name === "OrderRefunded" ? [BigInt((data as { amount: string }).amount.replace(".", ""))] : [],
      );
      expect(amounts.reduce((sum, each) => sum + each, 0n)).toBe(18_09n);
      if (staff.status === "rejected")
        expect(staff.reason).toMatchObject({ reason: "refund_exceeds_captured" });
    }
  });

  test("what nobody asked for is not carried out", async () => {
    const paid = await shop.placed();
    const refusal = await refusalOf(execute(paid.orderId));
    expect(refusal).toMatchObject({ reason: "order_not_cancellable", code: "FAILED_PRECONDITION" });
    expect(await shop.one(paid.orderId)).toEqual(paid);
    expect(await takenOf(paid.orderId)).toBe(19_04n);
    expect((await refusalOf(execute(randomUUID()))).reason).toBe("order_not_found");
  });

  test("an order that is being placed is left to its saga, which gives all of it back", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const before = shop.subject().payments.standing();
    const release = shop.subject().capturing.hold();
    const { order } = await shop.place("ada", { waitMs: 0 });
    const { orderId } = order;
    await shop.untilListed(orderId);
    await ask(orderId);
    expect((await execute(orderId)).status).toBe("ORDER_STATUS_PENDING");
    release();
    const cancelled = await shop.until(orderId, "ORDER_STATUS_CANCELLED");
    expect(cancelled).toMatchObject({ fee: usd(0n), refunded: usd(0n), failureReason: "" });
    expect(await execute(orderId)).toEqual(cancelled);
    expect(shop.subject().payments.standing()).toEqual(before);
    const whose = { orderId, customerId: order.customerId };
    expect(await toldOf(orderId)).toEqual([
      ["OrderCancelRequested", whose],
      ["OrderCancelled", { ...whose, currency: "USD", refundAmount: "0.00", feeAmount: "0.00" }],
    ]);
  });

  test("an order that has ended is answered as it is", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    await refusalOf(shop.place("ada", { paymentMethodToken: "pm_card_chargeDeclined" }));
    const status = "ORDER_STATUS_FAILED";
    const page = await shop.as("ada").listOrders({ status, customerId: "", pageSize: 1, pageToken: "" });
    const failed = page.orders[0] as Order;
    expect(await execute(failed.orderId)).toEqual(failed);
  });

  test("while it is to be cancelled it is not packed, however close the two come", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { orderId } = await shop.placed();
      const move = { orderId, status: "ORDER_STATUS_PROCESSING", reason: "" } as const;
      await Promise.allSettled([shop.as("service").transitionOrder(move), ask(orderId)]);
      const { history, status } = await execute(orderId);
      expect(status).toBe("ORDER_STATUS_CANCELLED");
      expect(history.at(-1)?.status).toBe("ORDER_STATUS_CANCELLED");
      expect(await takenOf(orderId)).toBe(95n);
    }
  });
}
