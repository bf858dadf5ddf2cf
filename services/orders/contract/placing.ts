// The contract of orders: placing one, and asking for it again.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { orderIdOf } from "../order-id.ts";
import { address, refusalOf, request, type Shop, userIdOf } from "./shop.ts";

const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

export function placingTests(shop: Shop): void {
  test("what is in the cart is ordered at the catalog's price, paid for, and told", async () => {
    const [mug, lamp] = [await shop.product(), await shop.product({ amountMinor: 30_25n, name: "Lamp" })];
    await shop.fill("ada", [mug, 2], [lamp, 1]);
    const before = shop.subject().payments.standing();
    const idempotencyKey = randomUUID();
    const { order, replayed } = await shop.place("ada", { idempotencyKey });
    expect(replayed).toBe(false);
    expect(order).toEqual({
      orderId: orderIdOf(userIdOf("ada"), idempotencyKey),
      customerId: userIdOf("ada"),
      status: "ORDER_STATUS_PAID",
      lines: [
        { productId: mug, name: "Mug", quantity: 2, unitPrice: usd(14_50n), lineTotal: usd(29_00n) },
        { productId: lamp, name: "Lamp", quantity: 1, unitPrice: usd(30_25n), lineTotal: usd(30_25n) },
      ],
      subtotal: usd(59_25n),
      shipping: usd(5_99n),
      // 2.90 and 3.025, of which the half goes down to the even 3.02.
      discount: usd(5_92n),
      total: usd(59_32n),
      shippingAddress: address,
      paymentId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      receiptUrl: expect.stringContaining("https://"),
      failureReason: "",
      history: [
        { status: "ORDER_STATUS_PENDING", at: expect.any(Date), reason: "" },
        { status: "ORDER_STATUS_PAID", at: expect.any(Date), reason: "" },
      ],
      createTime: expect.any(Date),
      country: "GB",
      coupon: "",
      campaign: "welcome",
      refunded: usd(0n),
      updateTime: expect.any(Date),
      cancelRequested: false,
      fee: usd(0n),
      channel: "",
      priced: true,
    });
    expect(await shop.one(order.orderId)).toEqual(order);
    expect(await shop.cartOf("ada")).toEqual([]);
    const { heldMinor, takenMinor } = shop.subject().payments.standing();
    expect([heldMinor, takenMinor - before.takenMinor]).toEqual([0n, 59_32n]);
    expect(await shop.subject().eventsOf(order.orderId)).toEqual(["OrderCreated"]);
  });

  test("only what was ordered leaves the cart; what was added meanwhile stays in it", async () => {
    const [mug, lamp] = [await shop.product(), await shop.product()];
    await shop.fill("ada", [mug, 2]);
    const release = shop.subject().authorizing.hold();
    const placing = shop.place("ada");
    await expect.poll(() => ordersUnderWay(shop)).toBe(1);
    const line = { customerId: userIdOf("ada"), quantity: 1 };
    await shop.subject().cart.addItem({ ...line, productId: mug });
    await shop.subject().cart.addItem({ ...line, productId: lamp });
    release();
    const { order } = await placing;
    expect(order.lines.map(({ quantity }) => quantity)).toEqual([2]);
    expect(await shop.cartOf("ada")).toEqual([
      [mug, 1],
      [lamp, 1],
    ]);
  });

  test("who does not wait is shown the order as pending, and finds it paid later", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const release = shop.subject().authorizing.hold();
    const asked = request({ waitMs: 0 });
    const { order, replayed } = await shop.place("ada", asked);
    expect(order).toMatchObject({ status: "ORDER_STATUS_PENDING", paymentId: "", total: usd(19_04n) });
    expect(replayed).toBe(false);
    expect(await shop.one(order.orderId)).toMatchObject({
      status: "ORDER_STATUS_PENDING",
      total: usd(19_04n),
    });
    expect(await shop.place("ada", asked)).toMatchObject({
      order: { orderId: order.orderId },
      replayed: true,
    });
    release();
    const paid = await shop.until(order.orderId, "ORDER_STATUS_PAID");
    expect(await shop.place("ada", asked)).toEqual({ order: paid, replayed: true, paymentClientSecret: "" });
  });

  test("who asks again while it is placed waits for the same order", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const release = shop.subject().authorizing.hold();
    const asked = request();
    const both = [shop.place("ada", asked), shop.place("ada", asked)];
    await expect.poll(() => ordersUnderWay(shop)).toBe(1);
    release();
    const [one, other] = await Promise.all(both);
    expect(other?.order).toEqual(one?.order);
    expect([one?.replayed, other?.replayed].sort()).toEqual([false, true]);
  });
}

async function ordersUnderWay(shop: Shop): Promise<number> {
  const status = "ORDER_STATUS_PENDING";
  const all = { status, customerId: "", pageSize: 100, pageToken: "" } as const;
  return (await shop.as("service").listOrders(all)).orders.length;
}

export function repeatingTests(shop: Shop): void {
  test("the same key is the same order, with an emptied, a refilled and a dearer cart", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 2]);
    const before = shop.subject().payments.standing().takenMinor;
    const asked = request();
    const { order } = await shop.place("ada", asked);
    expect(await shop.place("ada", asked)).toEqual({ order, replayed: true, paymentClientSecret: "" });
    await shop.fill("ada", [mug, 5]);
    expect(await shop.place("ada", asked)).toEqual({ order, replayed: true, paymentClientSecret: "" });
    const price = { amountMinor: 99_99n, currency: "USD" };
    const change = { productId: mug, name: undefined, description: undefined, tags: undefined };
    await shop.subject().catalog.updateProduct({ ...change, price, active: undefined });
    expect(await shop.place("ada", asked)).toEqual({ order, replayed: true, paymentClientSecret: "" });
    await shop.subject().catalog.updateProduct({ ...change, price, active: false });
    expect(await shop.place("ada", asked)).toEqual({ order, replayed: true, paymentClientSecret: "" });
    expect(await shop.cartOf("ada")).toEqual([[mug, 5]]);
    expect(shop.subject().payments.standing().takenMinor - before).toBe(order.total?.amountMinor);
    expect(await shop.subject().eventsOf(order.orderId)).toEqual(["OrderCreated"]);
  });

  test("of twenty who ask the same at once, one places the order and all have it", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    const before = shop.subject().payments.standing().takenMinor;
    const asked = request();
    const answers = await Promise.all(Array.from({ length: 20 }, () => shop.place("ada", asked)));
    expect(new Set(answers.map(({ order }) => order.orderId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ order }) => order.status))).toEqual(new Set(["ORDER_STATUS_PAID"]));
    expect(shop.subject().payments.standing().takenMinor - before).toBe(19_04n);
    expect(await shop.cartOf("ada")).toEqual([]);
    expect(await shop.subject().eventsOf(answers[0]?.order.orderId ?? "")).toEqual(["OrderCreated"]);
  });

  test("two customers who chose the same key have an order each", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    await shop.fill("test", [mug, 3]);
    const asked = request();
    const { order: adas } = await shop.place("ada", asked);
    const { order: tests, replayed } = await shop.place("test", asked);
    expect(replayed).toBe(false);
    expect(tests.orderId).not.toBe(adas.orderId);
    expect([adas.lines[0]?.quantity, tests.lines[0]?.quantity]).toEqual([1, 3]);
    expect([adas.customerId, tests.customerId]).toEqual([userIdOf("ada"), userIdOf("test")]);
  });

  test("one customer with two keys has two orders", async () => {
    const [one, other] = [await shop.placed("ada"), await shop.placed("ada")];
    expect(other.orderId).not.toBe(one.orderId);
  });

  test.each([
    ["another card", { paymentMethodToken: "pm_card_mastercard" }],
    ["a coupon", { coupon: "SPRING" }],
    ["another address", { shippingAddress: { ...address, line1: "13 St James's Square" } }],
    [
      "a word moved from one field to the next",
      { shippingAddress: { ...address, name: "Ada", line1: "Lovelace 12 St James's Square" } },
    ],
  ])("the same key with %s is refused and changes nothing", async (_, other) => {
    await shop.fill("ada", [await shop.product(), 1]);
    const asked = request();
    const { order } = await shop.place("ada", asked);
    const before = shop.subject().payments.standing();
    for (const lines of [[], [[await shop.product(), 1] as const]]) {
      await shop.fill("ada", ...lines);
      expect(await refusalOf(shop.place("ada", { ...asked, ...other }))).toMatchObject({
        service: "orders",
        reason: "idempotency_key_reused",
        code: "ALREADY_EXISTS",
      });
    }
    expect(shop.subject().payments.standing()).toEqual(before);
    expect(await shop.place("ada", asked)).toEqual({ order, replayed: true, paymentClientSecret: "" });
  });
}
