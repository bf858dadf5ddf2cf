// The fake of orders, held to the service's contract; and what tests of other services make it do.

import { randomUUID } from "node:crypto";
import { fakeCart } from "@webstore/cart/fake";
import { fakeCatalog } from "@webstore/catalog/fake";
import { currentContext, demoUsers, inContext } from "@webstore/kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { refusalOf, request } from "./contract/shop.ts";
import { fakeOrders } from "./fake.ts";
import { ordersContract } from "./orders.contract.ts";
import { openFakeOrders } from "./testing-world.ts";

ordersContract("the fake of orders", openFakeOrders);

describe("the fake of orders as a test directs it", () => {
  const productId = randomUUID();
  const { userId, role } = demoUsers.ada;
  let orders: ReturnType<typeof fakeOrders>;
  let cart: ReturnType<typeof fakeCart>;
  const asAda = <T>(work: () => Promise<T>) =>
    inContext({ ...currentContext(), principal: { kind: "user", userId, role } }, work);
  const place = (is = request()) => asAda(() => orders.placeOrder(is));

  beforeEach(async () => {
    const catalog = fakeCatalog({
      products: [{ productId, price: { amountMinor: 14_50n, currency: "USD" } }],
    });
    cart = fakeCart({ catalog });
    orders = fakeOrders({ catalog, cart });
    await cart.addItem({ customerId: userId, productId, quantity: 2 });
  });
  afterEach(() => orders.stop());

  test("the next order is refused as it is told, always the same, and only that one", async () => {
    orders.refuseNext("card_declined", { decline_code: "lost_card" });
    const asked = request();
    for (let count = 0; count < 2; count += 1) {
      const refusal = await refusalOf(place(asked));
      expect(refusal).toMatchObject({ reason: "card_declined", details: { decline_code: "lost_card" } });
    }
    expect((await place()).order?.status).toBe("ORDER_STATUS_PAID");
  });

  test("the next order stays pending until it is let go", async () => {
    const release = orders.holdNext();
    const { order } = await place(request({ waitMs: 0 }));
    const { orderId = "" } = order ?? {};
    const status = async () => (await asAda(() => orders.getOrder({ orderId }))).order?.status;
    expect(await status()).toBe("ORDER_STATUS_PENDING");
    release();
    await expect.poll(status).toBe("ORDER_STATUS_PAID");
  });

  test("the next call breaks as it is told, and nothing is ordered", async () => {
    orders.breakNext(new Error("a bug"));
    await expect(place()).rejects.toThrow("a bug");
    expect(orders.events()).toEqual([]);
    expect((await place()).replayed).toBe(false);
  });

  test("a product whose stock is told runs out, and its events can be read", async () => {
    orders.setStock(productId, 2);
    const { order } = await place();
    expect(orders.events()).toMatchObject([
      {
        name: "OrderCreated",
        key: order?.orderId,
        data: { totalAmount: "32.09", currency: "USD", items: [{ unitPrice: "14.50", totalPrice: "29.00" }] },
      },
    ]);
    orders.setStock(productId, 1);
    await cart.addItem({ customerId: userId, productId, quantity: 2 });
    const refusal = await refusalOf(place());
    expect(refusal).toMatchObject({ reason: "out_of_stock", details: { product_id: productId } });
  });
});
