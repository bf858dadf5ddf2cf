// The contract of orders: cancelling them, moving them on, and what is told of their payments.

import { randomUUID } from "node:crypto";
import type { Order, UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { refusalOf, type Shop } from "./shop.ts";

type Status = Order["status"];

const byHand = ["ORDER_STATUS_PROCESSING", "ORDER_STATUS_SHIPPED", "ORDER_STATUS_DELIVERED"] as const;

async function transition(shop: Shop, orderId: string, status: Status, reason = ""): Promise<Order> {
  return (await shop.as("grace").transitionOrder({ orderId, status, reason })).order as Order;
}

/** An order that staff have moved on up to here. */
async function orderAt(shop: Shop, status: (typeof byHand)[number]): Promise<Order> {
  let order = await shop.placed();
  for (const each of byHand.slice(0, byHand.indexOf(status) + 1))
    order = await transition(shop, order.orderId, each);
  return order;
}

export function cancellingTests(shop: Shop): void {
  const cancel = async (orderId: string, who: "ada" | "test" | "grace" = "ada") =>
    (await shop.as(who).cancelOrder({ orderId })).order as Order;

  test.each(["ada", "grace"] as const)(
    "%s asks for it: it is noted, and told once however often",
    async (who) => {
      const paid = await shop.placed("ada");
      const { orderId } = paid;
      const asked = await cancel(orderId, who);
      expect(asked).toEqual({ ...paid, cancelRequested: true, updateTime: expect.any(Date) });
      expect(await shop.one(orderId)).toEqual(asked);
      expect(await cancel(orderId, who)).toEqual(asked);
      expect(await shop.subject().eventsOf(orderId)).toEqual(["OrderCreated", "OrderCancelRequested"]);
    },
  );

  test("of ten who ask at once all are answered, and it is told once", async () => {
    const { orderId } = await shop.placed();
    const answers = await Promise.all(Array.from({ length: 10 }, () => cancel(orderId)));
    expect(answers.every(({ cancelRequested }) => cancelRequested)).toBe(true);
    expect(await shop.subject().eventsOf(orderId)).toEqual(["OrderCreated", "OrderCancelRequested"]);
  });

  test("an order that is being packed can still be cancelled", async () => {
    const { orderId } = await orderAt(shop, "ORDER_STATUS_PROCESSING");
    expect(await cancel(orderId)).toMatchObject({ status: "ORDER_STATUS_PROCESSING", cancelRequested: true });
  });

  test.each(["ORDER_STATUS_SHIPPED", "ORDER_STATUS_DELIVERED"] as const)(
    "in %s it is too late",
    async (status) => {
      const order = await orderAt(shop, status);
      const refusal = await refusalOf(cancel(order.orderId));
      expect(refusal).toMatchObject({ reason: "order_not_cancellable", code: "FAILED_PRECONDITION" });
      expect(await shop.one(order.orderId)).toEqual(order);
      expect(await shop.subject().eventsOf(order.orderId)).toEqual(["OrderCreated"]);
    },
  );

  test("an order that was asked to be cancelled says so, and is not sent on its way", async () => {
    const { orderId } = await shop.placed();
    await cancel(orderId);
    for (const status of byHand) {
      expect((await refusalOf(transition(shop, orderId, status))).reason).toBe("transition_refused");
    }
    expect(await cancel(orderId)).toMatchObject({ status: "ORDER_STATUS_PAID", cancelRequested: true });
  });

  test("nobody's order, and another's, are not found and not changed", async () => {
    expect((await refusalOf(cancel(randomUUID()))).reason).toBe("order_not_found");
    const order = await shop.placed("ada");
    expect((await refusalOf(cancel(order.orderId, "test"))).reason).toBe("order_not_found");
    expect(await shop.one(order.orderId)).toEqual(order);
  });

  test("an order that could not be placed cannot be cancelled", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const idempotencyKey = randomUUID();
    const declined = { idempotencyKey, paymentMethodToken: "pm_card_chargeDeclined" };
    await refusalOf(shop.place("ada", declined));
    const status = "ORDER_STATUS_FAILED";
    const page = await shop.as("ada").listOrders({ status, customerId: "", pageSize: 1, pageToken: "" });
    const refusal = await refusalOf(cancel(page.orders[0]?.orderId ?? ""));
    expect(refusal.reason).toBe("order_not_cancellable");
  });
}

export function transitionTests(shop: Shop): void {
  test("staff and services move an order on, step by step, and the history says why", async () => {
    const paid = await shop.placed();
    const { orderId } = paid;
    const packed = await transition(shop, orderId, "ORDER_STATUS_PROCESSING", "packed by hand");
    expect(packed).toEqual({
      ...paid,
      status: "ORDER_STATUS_PROCESSING",
      history: [
        ...paid.history,
        { status: "ORDER_STATUS_PROCESSING", at: expect.any(Date), reason: "packed by hand" },
      ],
      updateTime: expect.any(Date),
    });
    expect(await shop.one(orderId)).toEqual(packed);
    const { order: shipped } = await shop
      .as("service")
      .transitionOrder({ orderId, status: "ORDER_STATUS_SHIPPED", reason: "" });
    expect(shipped?.status).toBe("ORDER_STATUS_SHIPPED");
  });

  test.each(byHand)("to %s again changes nothing", async (status) => {
    const order = await orderAt(shop, status);
    expect(await transition(shop, order.orderId, status, "again")).toEqual(order);
    expect(await shop.one(order.orderId)).toEqual(order);
  });

  test.each([
    ["paid", undefined, ["ORDER_STATUS_SHIPPED", "ORDER_STATUS_DELIVERED"]],
    ["processing", "ORDER_STATUS_PROCESSING", ["ORDER_STATUS_DELIVERED"]],
    ["shipped", "ORDER_STATUS_SHIPPED", ["ORDER_STATUS_PROCESSING"]],
    ["delivered", "ORDER_STATUS_DELIVERED", ["ORDER_STATUS_PROCESSING", "ORDER_STATUS_SHIPPED"]],
  ] as const)("from %s there is no way that the table does not list", async (_, from, targets) => {
    const order = from === undefined ? await shop.placed() : await orderAt(shop, from);
    for (const status of targets) {
      const refusal = await refusalOf(transition(shop, order.orderId, status));
      expect(refusal).toMatchObject({ reason: "transition_refused", code: "FAILED_PRECONDITION" });
    }
    expect(await shop.one(order.orderId)).toEqual(order);
  });

  test.each(["NEW", "PENDING", "PAID", "CANCELLED", "FAILED", "REFUNDED"] as const)(
    "%s is not a status that is set by hand",
    async (name) => {
      const order = await shop.placed();
      const refusal = await refusalOf(transition(shop, order.orderId, `ORDER_STATUS_${name}`));
      expect(refusal.reason).toBe("transition_refused");
      expect(await shop.one(order.orderId)).toEqual(order);
    },
  );

  test("nobody's order is not found", async () => {
    const refusal = await refusalOf(transition(shop, randomUUID(), "ORDER_STATUS_PROCESSING"));
    expect(refusal).toMatchObject({ reason: "order_not_found", code: "NOT_FOUND" });
  });

  test("of ten who move it at once all are answered, and the history has it once", async () => {
    const { orderId, history } = await shop.placed();
    const all = Array.from({ length: 10 }, () => transition(shop, orderId, "ORDER_STATUS_PROCESSING"));
    expect((await Promise.all(all)).every(({ status }) => status === "ORDER_STATUS_PROCESSING")).toBe(true);
    expect((await shop.one(orderId)).history).toHaveLength(history.length + 1);
  });
}

export function paymentStatusTests(shop: Shop): void {
  const tell = (
    { orderId, paymentId }: Pick<Order, "orderId" | "paymentId">,
    is: Partial<UpdateOrderPaymentStatusRequest> = {},
  ) =>
    shop.as("service").updateOrderPaymentStatus({
      orderId,
      paymentId,
      paymentStatus: "PAYMENT_STATUS_REFUNDED",
      notificationId: randomUUID(),
      occurredAt: new Date(),
      refundedMinor: 0n,
      ...is,
    });
  const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms);

  test("an order whose money was given back is refunded, and says how much", async () => {
    const paid = await shop.placed();
    expect(await tell(paid)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: true });
    expect(await shop.one(paid.orderId)).toEqual({
      ...paid,
      status: "ORDER_STATUS_REFUNDED",
      refunded: paid.total,
      history: [
        ...paid.history,
        { status: "ORDER_STATUS_REFUNDED", at: expect.any(Date), reason: "PAYMENT_STATUS_REFUNDED" },
      ],
      updateTime: expect.any(Date),
    });
  });

  test("the same notification again changes nothing, also when it comes ten times at once", async () => {
    const paid = await shop.placed();
    const is = { notificationId: randomUUID() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => tell(paid, is)));
    expect(answers.filter(({ applied }) => applied)).toHaveLength(1);
    expect((await shop.one(paid.orderId)).history).toHaveLength(paid.history.length + 1);
    expect(await tell(paid, is)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: false });
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
    const told = await tell(paid, { paymentStatus: `PAYMENT_STATUS_${name}` });
    expect(told).toEqual({ status: "ORDER_STATUS_PAID", applied: false });
    expect(await shop.one(paid.orderId)).toEqual(paid);
  });

  test("what is older than what is known changes nothing", async () => {
    const paid = await shop.placed();
    await tell(paid, { paymentStatus: "PAYMENT_STATUS_CAPTURED", occurredAt: at(2) });
    expect(await tell(paid, { occurredAt: at(1) })).toEqual({ status: "ORDER_STATUS_PAID", applied: false });
    expect(await shop.one(paid.orderId)).toEqual(paid);
    expect(await tell(paid, { occurredAt: at(2) })).toEqual({
      status: "ORDER_STATUS_REFUNDED",
      applied: true,
    });
    const late = { paymentStatus: "PAYMENT_STATUS_CAPTURED", occurredAt: at(0) } as const;
    expect(await tell(paid, late)).toEqual({ status: "ORDER_STATUS_REFUNDED", applied: false });
  });

  test("another payment than the order's is refused and changes nothing", async () => {
    const paid = await shop.placed();
    const refusal = await refusalOf(tell({ ...paid, paymentId: randomUUID() }));
    expect(refusal).toMatchObject({ reason: "payment_mismatch", code: "FAILED_PRECONDITION" });
    expect(await shop.one(paid.orderId)).toEqual(paid);
  });

  test("nobody's order is not found", async () => {
    const refusal = await refusalOf(tell({ orderId: randomUUID(), paymentId: randomUUID() }));
    expect(refusal).toMatchObject({ reason: "order_not_found", code: "NOT_FOUND" });
  });

  test("an order that failed is not refunded: that is refused, as often as it is said", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    await refusalOf(shop.place("ada", { paymentMethodToken: "pm_card_chargeDeclined" }));
    const status = "ORDER_STATUS_FAILED";
    const page = await shop.as("ada").listOrders({ status, customerId: "", pageSize: 1, pageToken: "" });
    const failed = page.orders[0] as Order;
    const is = { notificationId: randomUUID() };
    for (let count = 0; count < 2; count += 1) {
      const refusal = await refusalOf(tell({ ...failed, paymentId: randomUUID() }, is));
      expect(refusal).toMatchObject({ reason: "transition_refused", code: "FAILED_PRECONDITION" });
    }
    expect(await shop.one(failed.orderId)).toEqual(failed);
  });

  test("while an order is being placed its saga alone moves it, whatever is told", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const release = shop.subject().authorizing.hold();
    const { order } = await shop.place("ada", { waitMs: 0 });
    await expect.poll(async () => (await listed(shop, order.orderId))?.status).toBe("ORDER_STATUS_PENDING");
    const told = { ...order, paymentId: randomUUID() };
    for (const name of ["REFUNDED", "CAPTURED"] as const) {
      const answer = await tell(told, { paymentStatus: `PAYMENT_STATUS_${name}`, occurredAt: at(-1_000) });
      expect(answer).toEqual({ status: "ORDER_STATUS_PENDING", applied: false });
    }
    release();
    await shop.until(order.orderId, "ORDER_STATUS_PAID");
  });
}

/** The order as the list has it, which it is in from when its stock is reserved. */
async function listed(shop: Shop, orderId: string): Promise<Order | undefined> {
  const all = { status: "ORDER_STATUS_UNSPECIFIED", customerId: "", pageSize: 100, pageToken: "" } as const;
  const { orders } = await shop.as("service").listOrders(all);
  return orders.find((order) => order.orderId === orderId);
}
