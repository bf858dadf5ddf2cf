// The contract of orders: asking for them to be cancelled, and moving them on.

import { randomUUID } from "node:crypto";
import type { Order } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { refusalOf, type Shop } from "./shop.ts";

type Status = Order["status"];

const byHand = ["ORDER_STATUS_PROCESSING", "ORDER_STATUS_SHIPPED", "ORDER_STATUS_DELIVERED"] as const;

async function transition(shop: Shop, orderId: string, status: Status, reason = ""): Promise<Order> {
  return (await shop.as("grace").transitionOrder({ orderId, status, reason })).order as Order;
}

/** An order that staff have moved on up to here. */
export async function orderAt(shop: Shop, status: (typeof byHand)[number]): Promise<Order> {
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
      expect(await shop.subject().eventsOf(order.orderId)).not.toContain("OrderCancelRequested");
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

  test.each(byHand)("to %s again changes nothing, and tells nothing", async (status) => {
    const order = await orderAt(shop, status);
    const told = await shop.subject().toldOf(order.orderId);
    expect(await transition(shop, order.orderId, status, "again")).toEqual(order);
    expect(await shop.one(order.orderId)).toEqual(order);
    expect(await shop.subject().toldOf(order.orderId)).toEqual(told);
  });

  test("each step is told once, with what was ordered", async () => {
    const { orderId, customerId, lines } = await orderAt(shop, "ORDER_STATUS_DELIVERED");
    const [created, ...moves] = await shop.subject().toldOf(orderId);
    expect(moves.map(({ name }) => name)).toEqual(["OrderProcessing", "OrderShipped", "OrderDelivered"]);
    const items = [{ productId: lines[0]?.productId, quantity: 1, unitPrice: "14.50", totalPrice: "14.50" }];
    const goods = { orderId, customerId, totalAmount: "19.04", currency: "USD", items };
    for (const { data } of moves) expect(data).toEqual(goods);
    expect(created?.data).toEqual({
      ...goods,
      status: "paid",
      amounts: { subtotal: "14.50", shipping: "5.99", discount: "1.45" },
      createdAt: expect.any(String),
    });
    expect(new Set([created, ...moves].map((each) => each?.id)).size).toBe(4);
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
    expect(await shop.subject().eventsOf(orderId)).toEqual(["OrderCreated", "OrderProcessing"]);
  });
}
