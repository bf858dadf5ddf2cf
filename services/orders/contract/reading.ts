// The contract of orders: looking at them, one and by the page.

import { randomUUID } from "node:crypto";
import type { ListOrdersRequest, Order } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import type { Who } from "../testing-world.ts";
import { refusalOf, type Shop, userIdOf } from "./shop.ts";

const all: ListOrdersRequest = {
  status: "ORDER_STATUS_UNSPECIFIED",
  customerId: "",
  pageSize: 100,
  pageToken: "",
};

export function readingTests(shop: Shop): void {
  const list = async (who: Who, is: Partial<ListOrdersRequest> = {}): Promise<Order[]> =>
    (await shop.as(who).listOrders({ ...all, ...is })).orders;
  const ids = async (...is: Parameters<typeof list>) => (await list(...is)).map(({ orderId }) => orderId);

  test("an order that nobody placed is not found, by anybody", async () => {
    for (const who of ["ada", "grace", "service"] as const) {
      const refusal = await refusalOf(shop.as(who).getOrder({ orderId: randomUUID() }));
      expect(refusal).toMatchObject({ service: "orders", reason: "order_not_found", code: "NOT_FOUND" });
    }
  });

  test("a shopper sees their own order; to other shoppers it does not exist", async () => {
    const order = await shop.placed("ada");
    const { orderId } = order;
    for (const who of ["ada", "grace", "service"] as const)
      expect((await shop.as(who).getOrder({ orderId })).order).toEqual(order);
    const strange = await refusalOf(shop.as("test").getOrder({ orderId }));
    const missing = await refusalOf(shop.as("test").getOrder({ orderId: randomUUID() }));
    const { reason, code, message, details } = missing;
    expect(strange).toMatchObject({ reason, code, message, details });
  });

  test("an order under way is seen by its customer, and by no other shopper", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const release = shop.subject().authorizing.hold();
    const { order } = await shop.place("ada", { waitMs: 0 });
    const { orderId } = order;
    expect((await shop.as("ada").getOrder({ orderId })).order?.status).toBe("ORDER_STATUS_PENDING");
    expect((await refusalOf(shop.as("test").getOrder({ orderId }))).reason).toBe("order_not_found");
    release();
    await shop.until(orderId, "ORDER_STATUS_PAID");
  });

  test("a list has a shopper's own orders only, whole, and the newest first", async () => {
    const placed: Order[] = [];
    for (let count = 0; count < 3; count += 1) placed.push(await shop.placed("ada"));
    const others = await shop.placed("test");
    const listed = await list("ada");
    const [newest, ...before] = placed.map(({ createTime }) => createTime?.getTime() ?? 0).reverse();
    expect(before.every((each) => each <= (newest ?? 0))).toBe(true);
    const times = listed.map(({ createTime }) => createTime?.getTime() ?? 0);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(new Set(listed.map(({ customerId }) => customerId))).toEqual(new Set([userIdOf("ada")]));
    for (const order of placed) expect(listed).toContainEqual(order);
    expect(await ids("test")).toContain(others.orderId);
    expect(await ids("ada", { customerId: userIdOf("ada") })).toEqual(await ids("ada"));
  });

  test("a shopper who names somebody else has an empty list", async () => {
    await shop.placed("test");
    expect(await list("ada", { customerId: userIdOf("test") })).toEqual([]);
  });

  test("staff and services list everybody's, or one customer's", async () => {
    const [adas, tests] = [await shop.placed("ada"), await shop.placed("test")];
    for (const who of ["grace", "service"] as const) {
      expect(await ids(who)).toEqual(expect.arrayContaining([adas.orderId, tests.orderId]));
      const one = await ids(who, { customerId: userIdOf("test") });
      expect(one).toContain(tests.orderId);
      expect(one).not.toContain(adas.orderId);
      expect(await ids(who, { customerId: randomUUID() })).toEqual([]);
    }
  });

  test("a list may be of one status", async () => {
    const [paid, processing] = [await shop.placed(), await shop.placed()];
    const move = { orderId: processing.orderId, status: "ORDER_STATUS_PROCESSING", reason: "" } as const;
    await shop.as("grace").transitionOrder(move);
    const listed = await ids("ada", { status: "ORDER_STATUS_PROCESSING" });
    expect(listed).toContain(processing.orderId);
    expect(listed).not.toContain(paid.orderId);
    expect(await ids("ada", { status: "ORDER_STATUS_DELIVERED" })).toEqual([]);
  });

  test("the pages together are the list, and orders that come meanwhile do not shift them", async () => {
    while ((await list("ada")).length < 7) await shop.placed();
    const before = await ids("ada");
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await shop.as("ada").listOrders({ ...all, pageSize: 3, pageToken });
      expect(page.orders.length).toBeLessThanOrEqual(3);
      seen.push(...page.orders.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
      await shop.placed();
    } while (pageToken !== "" && seen.length < 100);
    expect(seen).toEqual(before);
  });

  test("a page has 20 orders unless it says another number, and the last one no token", async () => {
    while ((await list("ada")).length < 21) await shop.placed();
    const page = await shop.as("ada").listOrders({ ...all, pageSize: 0 });
    expect(page.orders).toHaveLength(20);
    const count = (await list("ada")).length;
    const whole = await shop.as("ada").listOrders({ ...all, pageSize: count });
    expect([whole.orders.length, whole.nextPageToken]).toEqual([count, ""]);
  });

  test("a token that is not ours is refused, and one of somebody else's shows nobody else's orders", async () => {
    await shop.placed("test");
    for (const pageToken of ["nonsense", "%00", "'; drop table orders; --", "é".repeat(200)])
      await expect(list("ada", { pageToken })).rejects.toMatchObject({ reason: "invalid_request" });
    const { nextPageToken } = await shop.as("service").listOrders({ ...all, pageSize: 1 });
    const listed = await list("ada", { pageToken: nextPageToken });
    expect(listed.every(({ customerId }) => customerId === userIdOf("ada"))).toBe(true);
  });
}
