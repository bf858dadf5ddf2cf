// The contract of orders: those that another channel took, and their prices.

import { randomUUID } from "node:crypto";
import type { ImportOrderRequest, Order } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { address, refusalOf, type Shop, userIdOf } from "./shop.ts";

const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

export function importingTests(shop: Shop): void {
  const asked = async (is: Partial<ImportOrderRequest> = {}): Promise<ImportOrderRequest> => ({
    orderId: randomUUID(),
    customerId: userIdOf("ada"),
    lines: [{ productId: await shop.product(), quantity: 2 }],
    shippingAddress: address,
    channel: "phone",
    ...is,
  });
  const take = async (is: ImportOrderRequest) => {
    const { order, replayed } = await shop.as("service").importOrder(is);
    return { order: order as Order, replayed };
  };
  const price = async (orderId: string) => (await shop.as("service").priceOrder({ orderId })).order as Order;
  const pack = (orderId: string) =>
    shop.as("service").transitionOrder({ orderId, status: "ORDER_STATUS_PROCESSING", reason: "" });

  test("an order is taken down as it comes, without prices, and told", async () => {
    const is = await asked();
    const { order, replayed } = await take(is);
    const nothing = { amountMinor: 0n, currency: "XXX" };
    expect(replayed).toBe(false);
    expect(order).toMatchObject({
      orderId: is.orderId,
      customerId: is.customerId,
      status: "ORDER_STATUS_NEW",
      channel: "phone",
      priced: false,
      lines: [{ productId: is.lines[0]?.productId, quantity: 2, unitPrice: nothing, lineTotal: nothing }],
      total: nothing,
      shippingAddress: address,
      paymentId: "",
    });
    expect(await shop.one(is.orderId)).toEqual(order);
    expect((await shop.as("ada").getOrder({ orderId: is.orderId })).order).toEqual(order);
    const none = { subtotal: "0.00", shipping: "0.00", discount: "0.00" };
    expect(await shop.subject().toldOf(is.orderId)).toMatchObject([
      { name: "OrderCreated", data: { status: "new", totalAmount: "0.00", currency: "XXX", amounts: none } },
    ]);
  });

  test("the same again is the same order, once, also ten times at once", async () => {
    const is = await asked();
    const answers = await Promise.all(Array.from({ length: 10 }, () => take(is)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const priced = await price(is.orderId);
    expect(await take(is)).toEqual({ order: priced, replayed: true });
    expect(await shop.subject().eventsOf(is.orderId)).toEqual(["OrderCreated"]);
  });

  test.each([
    ["another customer", { customerId: userIdOf("test") }],
    ["another channel", { channel: "fair" }],
    ["another address", { shippingAddress: { ...address, line1: "13 St James's Square" } }],
    ["other goods", { lines: [{ productId: randomUUID(), quantity: 2 }] }],
  ])("the same id with %s is refused and changes nothing", async (_, other) => {
    const is = await asked();
    const { order } = await take(is);
    const refusal = await refusalOf(take({ ...is, ...other }));
    expect(refusal).toMatchObject({ reason: "idempotency_key_reused", code: "ALREADY_EXISTS" });
    expect(await shop.one(is.orderId)).toEqual(order);
    expect(await shop.subject().eventsOf(is.orderId)).toEqual(["OrderCreated"]);
  });

  test("an order of the store's own is nobody else's", async () => {
    const paid = await shop.placed();
    const refusal = await refusalOf(take(await asked({ orderId: paid.orderId })));
    expect(refusal.reason).toBe("idempotency_key_reused");
    expect(await shop.one(paid.orderId)).toEqual(paid);
  });

  test("a product that comes twice is refused", async () => {
    const line = { productId: await shop.product(), quantity: 1 };
    const is = await asked({ lines: [line, line] });
    expect(await refusalOf(take(is))).toMatchObject({ reason: "invalid_request", service: "kit" });
    expect((await refusalOf(shop.one(is.orderId))).reason).toBe("order_not_found");
  });

  test("it gets the prices of today by the rules of every order, once", async () => {
    const is = await asked();
    const { order } = await take(is);
    const priced = await price(is.orderId);
    expect(priced).toEqual({
      ...order,
      priced: true,
      lines: [{ ...order.lines[0], name: "Mug", unitPrice: usd(14_50n), lineTotal: usd(29_00n) }],
      subtotal: usd(29_00n),
      shipping: usd(5_99n),
      discount: usd(2_90n),
      total: usd(32_09n),
      refunded: usd(0n),
      fee: usd(0n),
      campaign: "welcome",
      updateTime: expect.any(Date),
    });
    const change = { name: undefined, description: undefined, tags: undefined, active: undefined };
    const dearer = { ...change, productId: is.lines[0]?.productId ?? "", price: usd(99_00n) };
    await shop.subject().catalog.updateProduct(dearer);
    expect(await price(is.orderId)).toEqual(priced);
  });

  test("an order of the store's own keeps its prices", async () => {
    const paid = await shop.placed();
    expect(await price(paid.orderId)).toEqual(paid);
  });

  test("ten who price it at once all find the same prices", async () => {
    const { orderId } = (await take(await asked())).order;
    const all = await Promise.all(Array.from({ length: 10 }, () => price(orderId)));
    expect(new Set(all.map(({ total }) => total?.amountMinor))).toEqual(new Set([32_09n]));
  });

  test.each([
    ["product_not_found", async () => [{ productId: randomUUID(), quantity: 1 }]],
    [
      "amount_too_large",
      async () => [{ productId: await shop.product({ amountMinor: 1_111_11n }), quantity: 1 }],
    ],
    [
      "currency_mismatch",
      async () => [
        { productId: await shop.product(), quantity: 1 },
        { productId: await shop.product({ currency: "EUR" }), quantity: 1 },
      ],
    ],
  ] as const)("%s: it stays without prices, and is not packed", async (reason, lines) => {
    const is = await asked({ lines: await lines() });
    const { order } = await take(is);
    const refusal = await refusalOf(price(is.orderId));
    expect(refusal).toMatchObject({ service: "orders", reason });
    expect((await refusalOf(pack(is.orderId))).reason).toBe("transition_refused");
    expect(await shop.one(is.orderId)).toEqual(order);
  });

  test("it is packed once it has prices, and told", async () => {
    const { orderId } = (await take(await asked())).order;
    expect((await refusalOf(pack(orderId))).reason).toBe("transition_refused");
    await price(orderId);
    expect((await pack(orderId)).order?.status).toBe("ORDER_STATUS_PROCESSING");
    const told = await shop.subject().toldOf(orderId);
    expect(told.map(({ name }) => name)).toEqual(["OrderCreated", "OrderProcessing"]);
    expect(told[1]?.data).toMatchObject({ totalAmount: "32.09", currency: "USD" });
  });

  test("nobody's order is not found", async () => {
    expect((await refusalOf(price(randomUUID()))).reason).toBe("order_not_found");
  });

  test.each(["without prices", "with prices", "being packed"])(
    "it is cancelled %s, and nothing goes back because nothing was paid here",
    async (is) => {
      const { orderId } = (await take(await asked())).order;
      if (is !== "without prices") await price(orderId);
      if (is === "being packed") await pack(orderId);
      await shop.as("ada").cancelOrder({ orderId });
      const { order } = await shop.as("service").executeCancellation({ orderId });
      expect(order).toMatchObject({
        status: "ORDER_STATUS_CANCELLED",
        fee: { amountMinor: 0n },
        refunded: { amountMinor: 0n },
      });
      const told = await shop.subject().toldOf(orderId);
      expect(told.at(-1)).toMatchObject({
        name: "OrderCancelled",
        data: { refundAmount: "0.00", feeAmount: "0.00" },
      });
      expect(told.map(({ name }) => name)).not.toContain("OrderRefunded");
    },
  );
}
