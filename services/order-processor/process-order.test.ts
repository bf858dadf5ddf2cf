import { randomUUID } from "node:crypto";
import { Outage, openLog } from "@webstore/kit";
import type { OrderStatus } from "@webstore/proto/orders/v1";
import { beforeEach, describe, expect, test } from "vitest";
import { cancelOrder } from "./cancel-order.ts";
import { processOrder } from "./process-order.ts";
import { type FewOrders, fewOrders, orderWith, refused, toldOf, usd } from "./testing-orders.ts";

const log = openLog("test", { level: "silent" });
let shop: FewOrders;
beforeEach(() => {
  shop = fewOrders();
});

const process = (order: ReturnType<typeof orderWith>, told = toldOf(order)) =>
  processOrder({ orderId: order.orderId, customerId: order.customerId, told }, { orders: shop.orders, log });
const processUnpriced = ({ orderId, customerId }: ReturnType<typeof orderWith>) =>
  processOrder({ orderId, customerId, told: undefined }, { orders: shop.orders, log });

describe("an order", () => {
  test("that is paid, and whose price is right, is set going", async () => {
    const order = shop.put(orderWith());
    await process(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PROCESSING");
    expect(shop.calls).toEqual(["getOrder", "transitionOrder"]);
  });

  test("that came without prices is priced first", async () => {
    const order = shop.put(orderWith({ status: "ORDER_STATUS_NEW", priced: false, total: undefined }));
    await processUnpriced(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PROCESSING");
    expect(shop.calls).toEqual(["getOrder", "priceOrder", "transitionOrder"]);
  });

  test("that was priced by an attempt that then failed keeps its prices", async () => {
    const order = shop.put(orderWith({ status: "ORDER_STATUS_NEW" }));
    await processUnpriced(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PROCESSING");
    expect(shop.calls).not.toContain("priceOrder");
  });

  test.each<OrderStatus>([
    "ORDER_STATUS_PROCESSING",
    "ORDER_STATUS_SHIPPED",
    "ORDER_STATUS_DELIVERED",
    "ORDER_STATUS_CANCELLED",
    "ORDER_STATUS_FAILED",
    "ORDER_STATUS_REFUNDED",
  ])("that is %s is done already", async (status) => {
    await process(shop.put(orderWith({ status })));
    expect(shop.calls).toEqual(["getOrder"]);
  });

  test("whose cancellation was asked for is left alone", async () => {
    const order = shop.put(orderWith({ cancelRequested: true }));
    await process(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
    expect(shop.calls).toEqual(["getOrder"]);
  });

  test("whose cancellation is asked for between the look and the change is left alone", async () => {
    const order = shop.put(orderWith());
    shop.before("transitionOrder", () => shop.put({ ...order, cancelRequested: true }));
    await process(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
  });

  test("that was refunded between the look and the change is left alone", async () => {
    const order = shop.put(orderWith());
    shop.before("transitionOrder", () => shop.put({ ...order, status: "ORDER_STATUS_REFUNDED" }));
    await process(order);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_REFUNDED");
  });

  test("that seems still to be placed is tried again", async () => {
    const order = shop.put(orderWith({ status: "ORDER_STATUS_PENDING" }));
    await expect(process(order)).rejects.toBeInstanceOf(Outage);
    expect(shop.calls).toEqual(["getOrder"]);
  });

  test("that cannot be moved although it should be is refused in the words of orders", async () => {
    const order = shop.put(orderWith());
    shop.before("transitionOrder", () => {
      throw refused("transition_refused");
    });
    await expect(process(order)).rejects.toMatchObject({ reason: "transition_refused" });
  });

  test("in a status that nobody here knows is refused", async () => {
    const order = shop.put(orderWith({ status: "UNRECOGNIZED" }));
    await expect(process(order)).rejects.toMatchObject({ reason: "order_not_processable" });
  });

  test("that nobody has is refused in the words of orders", async () => {
    await expect(process(orderWith())).rejects.toMatchObject({
      service: "orders",
      reason: "order_not_found",
    });
  });

  test("of another customer than the event says is refused", async () => {
    const order = shop.put(orderWith());
    const asked = process({ ...order, customerId: randomUUID() });
    await expect(asked).rejects.toMatchObject({ reason: "event_invalid" });
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
  });

  test.each([
    ["does not add up", { total: usd(1_00n) }],
    ["is not what its event told", { shipping: usd(6_00n), total: usd(46_50n) }],
  ])("whose price %s is refused, and untouched", async (_, wrong) => {
    const order = shop.put(orderWith(wrong));
    await expect(process(order, toldOf(order))).rejects.toMatchObject({
      service: "order-processor",
      reason: "price_mismatch",
    });
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
    expect(shop.calls).toEqual(["getOrder"]);
  });
});

describe("a cancellation", () => {
  const cancelled = (status: OrderStatus) =>
    cancelOrder(
      { orderId: randomUUID() },
      { cancellations: { executeCancellation: async () => ({ order: orderWith({ status }) }) } },
    );

  test.each<OrderStatus>([
    "ORDER_STATUS_CANCELLED",
    "ORDER_STATUS_FAILED",
    "ORDER_STATUS_REFUNDED",
    // Left to the saga that places it.
    "ORDER_STATUS_PENDING",
  ])("is done when the order is %s", async (status) => {
    await cancelled(status);
  });

  test.each<OrderStatus>(["ORDER_STATUS_NEW", "ORDER_STATUS_PAID", "ORDER_STATUS_PROCESSING"])(
    "that has not ended while the order is %s is looked at again",
    async (status) => {
      await expect(cancelled(status)).rejects.toBeInstanceOf(Outage);
    },
  );
});
