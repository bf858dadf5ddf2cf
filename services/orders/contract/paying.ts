// The contract of orders: what is told of their payments, and payments that the shopper must confirm.

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { Order, UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { outageOf, refusalOf, request, type Shop } from "./shop.ts";

type Tell = Partial<UpdateOrderPaymentStatusRequest>;

export function paymentStatusTests(shop: Shop): void {
  const tell = ({ orderId, paymentId }: Pick<Order, "orderId" | "paymentId">, is: Tell = {}) =>
    shop.as("service").updateOrderPaymentStatus({
      orderId,
      paymentId,
      paymentStatus: "PAYMENT_STATUS_REFUNDED",
      notificationId: randomUUID(),
      occurredAt: new Date(),
      refundedMinor: 19_04n,
      ...is,
    });
  const partly = (refundedMinor: bigint): Tell => ({
    paymentStatus: "PAYMENT_STATUS_PARTIALLY_REFUNDED",
    refundedMinor,
  });
  const refundsTold = async (orderId: string) =>
    (await shop.subject().toldOf(orderId)).flatMap(({ name, data }) =>
      name === "OrderRefunded" ? [data as { amount: string; refundedTotal: string }] : [],
    );

  test.each([
    ["and how much is said", 19_04n],
    ["and not how much", 0n],
  ])("an order whose money was given back is refunded: it is said %s", async (_, refundedMinor) => {
    const paid = await shop.placed();
    const { orderId, customerId } = paid;
    expect(await tell(paid, { refundedMinor })).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: true });
    expect(await shop.one(orderId)).toEqual({
      ...paid,
      status: "ORDER_STATUS_REFUNDED",
      refunded: paid.total,
      history: [
        ...paid.history,
        { status: "ORDER_STATUS_REFUNDED", at: expect.any(Date), reason: "PAYMENT_STATUS_REFUNDED" },
      ],
      updateTime: expect.any(Date),
    });
    expect(await refundsTold(orderId)).toEqual([
      { orderId, customerId, currency: "USD", amount: "19.04", refundedTotal: "19.04" },
    ]);
  });

  test("an order of which a part was given back stays where it is, until the rest was too", async () => {
    const paid = await shop.placed();
    expect(await tell(paid, partly(5_00n))).toEqual({ status: "ORDER_STATUS_PAID", applied: true });
    expect(await shop.one(paid.orderId)).toEqual({
      ...paid,
      refunded: { amountMinor: 5_00n, currency: "USD" },
      updateTime: expect.any(Date),
    });
    expect(await tell(paid, partly(9_00n))).toEqual({ status: "ORDER_STATUS_PAID", applied: true });
    expect(await tell(paid)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: true });
    const amounts = (await refundsTold(paid.orderId)).map(({ amount, refundedTotal }) => [
      amount,
      refundedTotal,
    ]);
    expect(amounts).toEqual([
      ["5.00", "5.00"],
      ["4.00", "9.00"],
      ["10.04", "19.04"],
    ]);
  });

  test("the same notification again changes nothing, also when it comes ten times at once", async () => {
    const paid = await shop.placed();
    const is = { notificationId: randomUUID() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => tell(paid, is)));
    expect(answers.filter(({ applied }) => applied)).toHaveLength(1);
    expect((await shop.one(paid.orderId)).history).toHaveLength(paid.history.length + 1);
    expect(await tell(paid, is)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: false });
    expect(await refundsTold(paid.orderId)).toHaveLength(1);
  });

  test("a notification is known by its id, whatever else it says the second time", async () => {
    const paid = await shop.placed();
    const is = { notificationId: randomUUID() };
    await tell(paid, { ...is, ...partly(5_00n) });
    expect(await tell(paid, is)).toEqual({ status: "ORDER_STATUS_PAID", applied: false });
    expect((await shop.one(paid.orderId)).refunded?.amountMinor).toBe(5_00n);
  });

  test.each([
    "CREATED",
    "AUTHORIZED",
    "CAPTURED",
    "PARTIALLY_REFUNDED",
    "VOIDED",
    "FAILED",
    "REQUIRES_ACTION",
    "DISPUTED",
    "UNKNOWN",
  ] as const)("%s is kept, and moves no order", async (name) => {
    const paid = await shop.placed();
    const told = await tell(paid, { paymentStatus: `PAYMENT_STATUS_${name}`, refundedMinor: 0n });
    expect(told).toEqual({ status: "ORDER_STATUS_PAID", applied: false });
    expect(await shop.one(paid.orderId)).toEqual(paid);
  });

  test("what says less than what is known changes nothing, whenever it comes", async () => {
    const paid = await shop.placed();
    await tell(paid, { ...partly(5_00n), occurredAt: new Date(0) });
    for (const less of [0n, 1n, 5_00n])
      expect(await tell(paid, partly(less))).toEqual({ status: "ORDER_STATUS_PAID", applied: false });
    expect((await shop.one(paid.orderId)).refunded?.amountMinor).toBe(5_00n);
    expect(await refundsTold(paid.orderId)).toHaveLength(1);
  });

  test("in whatever order and how often it is told, the order and the books end the same", async () => {
    const amounts = fc.uniqueArray(fc.bigInt(0n, 19_04n), { minLength: 1, maxLength: 5 });
    const doubled = fc.array(fc.nat(), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(amounts, doubled, fc.infiniteStream(fc.double()), async (set, again, random) => {
        const paid = await shop.placed();
        const notifications = set.map((refundedMinor) => ({
          ...(refundedMinor === 19_04n ? { refundedMinor } : partly(refundedMinor)),
          notificationId: randomUUID(),
        }));
        const repeated = again.flatMap((index) => notifications[index % notifications.length] ?? []);
        const shuffled = [...notifications, ...repeated]
          .map((each) => [random.next().value, each] as const)
          .sort(([a], [b]) => a - b);
        for (const [, is] of shuffled) await tell(paid, is);
        const most = set.reduce((a, b) => (a > b ? a : b));
        expect(await shop.one(paid.orderId)).toMatchObject({
          status: most === 19_04n ? "ORDER_STATUS_REFUNDED" : "ORDER_STATUS_PAID",
          refunded: { amountMinor: most },
        });
        const told = (await refundsTold(paid.orderId)).map(({ amount }) => BigInt(amount.replace(".", "")));
        expect(told.reduce((sum, each) => sum + each, 0n)).toBe(most);
      }),
      { numRuns: 8 },
    );
  });

  test("ten different ones at once are all taken in", async () => {
    const paid = await shop.placed();
    const all = Array.from({ length: 10 }, (_, index) => tell(paid, partly(BigInt(index + 1) * 1_00n)));
    await Promise.all(all);
    expect((await shop.one(paid.orderId)).refunded?.amountMinor).toBe(10_00n);
    const told = (await refundsTold(paid.orderId)).map(({ amount }) => BigInt(amount.replace(".", "")));
    expect(told.reduce((sum, each) => sum + each, 0n)).toBe(10_00n);
  });

  test.each([
    ["another payment than the order's", { paymentId: randomUUID() }],
    ["more than was paid", partly(19_05n)],
    ["more than there is", partly(99_999_999_999n)],
    ["that all went back, and less than all", { refundedMinor: 19_03n }],
  ])("%s is refused and changes nothing", async (_, is) => {
    const paid = await shop.placed();
    const refusal = await refusalOf(tell(paid, is));
    expect(refusal).toMatchObject({ reason: "payment_mismatch", code: "FAILED_PRECONDITION" });
    expect(await shop.one(paid.orderId)).toEqual(paid);
    expect(await refundsTold(paid.orderId)).toEqual([]);
  });

  test("nobody's order is not found", async () => {
    const refusal = await refusalOf(tell({ orderId: randomUUID(), paymentId: randomUUID() }));
    expect(refusal).toMatchObject({ reason: "order_not_found", code: "NOT_FOUND" });
  });

  test("what comes back of an order that failed is noted, moves nothing and is not told", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    await refusalOf(shop.place("ada", { paymentMethodToken: "pm_card_chargeDeclined" }));
    const status = "ORDER_STATUS_FAILED";
    const page = await shop.as("ada").listOrders({ status, customerId: "", pageSize: 1, pageToken: "" });
    const failed = page.orders[0] as Order;
    for (let count = 0; count < 2; count += 1)
      expect(await tell({ ...failed, paymentId: randomUUID() })).toEqual({ status, applied: false });
    expect(await shop.one(failed.orderId)).toEqual(failed);
    expect(await shop.subject().eventsOf(failed.orderId)).toEqual([]);
  });

  test("while an order is being placed its saga alone moves it, and a refund is told again later", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const release = shop.subject().authorizing.hold();
    const { order } = await shop.place("ada", { waitMs: 0 });
    const { orderId } = order;
    await shop.untilListed(orderId);
    const refund = { notificationId: randomUUID() };
    const told = { ...order, paymentId: randomUUID() };
    await outageOf(tell(told, refund));
    const captured = { paymentStatus: "PAYMENT_STATUS_CAPTURED", refundedMinor: 0n } as const;
    expect(await tell(told, captured)).toEqual({ status: "ORDER_STATUS_PENDING", applied: false });
    release();
    const paid = await shop.until(orderId, "ORDER_STATUS_PAID");
    expect(await tell(paid, refund)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: true });
  });
}

export function confirmationTests(shop: Shop): void {
  const asked = () => request({ paymentMethodToken: "pm_card_authenticationRequired" });
  const placed = async (ask = asked()) => {
    await shop.fill("ada", [await shop.product(), 1]);
    return shop.place("ada", ask);
  };
  test("a payment that the shopper must confirm is answered at once, and goes on when they did", async () => {
    const before = shop.subject().payments.standing();
    const ask = asked();
    const { order, paymentClientSecret } = await placed(ask);
    const { orderId } = order;
    expect(order.status).toBe("ORDER_STATUS_PENDING");
    expect(paymentClientSecret).toMatch(/secret/);
    const again = await shop.place("ada", ask);
    expect(again).toEqual({ order, replayed: true, paymentClientSecret });
    expect(inspect(await shop.one(orderId), { depth: null })).not.toContain(paymentClientSecret);
    await shop.subject().payments.confirm(orderId, "succeeded");
    await shop.subject().deliverNews();
    const paid = await shop.until(orderId, "ORDER_STATUS_PAID");
    expect(await shop.place("ada", ask)).toEqual({ order: paid, replayed: true, paymentClientSecret: "" });
    const { takenMinor, heldMinor } = shop.subject().payments.standing();
    expect([takenMinor - before.takenMinor, heldMinor]).toEqual([19_04n, before.heldMinor]);
    expect(await shop.subject().eventsOf(orderId)).toEqual(["OrderCreated"]);
  });

  test("one whose confirmation failed is refused, and nothing is left of it", async () => {
    const before = shop.subject().payments.standing();
    const ask = asked();
    const { order } = await placed(ask);
    await shop.subject().payments.confirm(order.orderId, "failed");
    await shop.subject().deliverNews();
    await shop.until(order.orderId, "ORDER_STATUS_FAILED");
    expect(await refusalOf(shop.place("ada", ask))).toMatchObject({ reason: "card_declined" });
    expect(shop.subject().payments.standing()).toEqual(before);
  });

  test("one that is cancelled instead is let go of, without a fee", async () => {
    const before = shop.subject().payments.standing();
    const ask = asked();
    const { order } = await placed(ask);
    const { orderId } = order;
    await shop.as("ada").cancelOrder({ orderId });
    const cancelled = await shop.until(orderId, "ORDER_STATUS_CANCELLED");
    expect(cancelled).toMatchObject({
      failureReason: "",
      fee: { amountMinor: 0n },
      refunded: { amountMinor: 0n },
    });
    expect(await refusalOf(shop.place("ada", ask))).toMatchObject({ reason: "order_cancelled" });
    expect(shop.subject().payments.standing()).toEqual(before);
    const told = await shop.subject().toldOf(orderId);
    expect(told.map(({ name }) => name)).toEqual(["OrderCancelRequested", "OrderCancelled"]);
    expect(told[1]?.data).toMatchObject({ currency: "USD", refundAmount: "0.00", feeAmount: "0.00" });
  });
}
