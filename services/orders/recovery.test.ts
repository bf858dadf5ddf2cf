// What becomes of an order whose process dies while it places it: another one finishes it, or takes all of it back.

import { beforeEach, describe, expect, test } from "vitest";
import { refusalOf, request, shopOf } from "./contract/shop.ts";
import { openRealOrders, type RealOrders, scenario } from "./testing-world.ts";

async function isOpened({ sql }: RealOrders): Promise<boolean> {
  return (await sql("select 1 from orders.orders")).length === 1;
}

async function isTaken({ payments }: RealOrders): Promise<boolean> {
  return payments.standing().takenMinor > 0n;
}

describe("a process that dies while it places an order", () => {
  let subject: RealOrders;
  beforeEach(async () => {
    subject = await openRealOrders();
    return () => subject.stop();
  });
  const shop = shopOf(() => subject);

  /** Everything stands once, as if nothing had happened. */
  const expectOnePaid = async (orderId: string, productId: string) => {
    expect(subject.payments.standing()).toEqual({ heldMinor: 0n, takenMinor: 19_04n });
    const { reservations } = await subject.stock.listReservations({});
    expect(reservations).toMatchObject([
      { reservation_id: orderId, status: "reserved", lines: [{ product_id: productId, quantity: 1 }] },
    ]);
    expect(await shop.cartOf("ada")).toEqual([]);
    expect(await subject.eventsOf(orderId)).toEqual(["OrderCreated"]);
  };

  test.each([
    [
      "its stock is being reserved",
      () => {
        const match = { method: "PUT", path_prefix: "/v1/reservations" };
        return scenario(subject.partners.inventoryUrl, { do: "slow", delay_ms: 700, match });
      },
      async () => true,
    ],
    ["its money is being held", async () => subject.authorizing.hold(), isOpened],
    ["its cart is being cleared", async () => subject.clearing.hold(), isTaken],
  ])("when %s, another one finishes it, once", async (_, delayIt, isThere) => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    await delayIt();
    const asked = request({ waitMs: 0 });
    const { order } = await shop.place("ada", asked);
    expect(order.status).toBe("ORDER_STATUS_PENDING");
    await expect.poll(() => isThere(subject), { timeout: 5_000, interval: 10 }).toBe(true);
    await subject.kill();
    const other = await subject.startAnother();
    try {
      const answer = await other.as("ada").placeOrder({ ...asked, waitMs: 10_000 });
      const expected = { orderId: order.orderId, status: "ORDER_STATUS_PAID" };
      expect(answer).toMatchObject({ order: expected, replayed: true });
      await expectOnePaid(order.orderId, mug);
    } finally {
      await other.stop();
    }
  });

  test("when the card is declined in the other one, nothing is left of it", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    subject.authorizing.hold();
    const asked = request({ waitMs: 0, paymentMethodToken: "pm_card_chargeDeclinedLostCard" });
    const { order } = await shop.place("ada", asked);
    await expect.poll(() => isOpened(subject), { timeout: 5_000, interval: 10 }).toBe(true);
    await subject.kill();
    const other = await subject.startAnother();
    try {
      const refusal = await refusalOf(other.as("ada").placeOrder({ ...asked, waitMs: 10_000 }));
      expect(refusal).toMatchObject({ reason: "card_declined", details: { decline_code: "lost_card" } });
      expect(subject.payments.standing()).toEqual({ heldMinor: 0n, takenMinor: 0n });
      const { reservations } = await subject.stock.listReservations({ status: "reserved" });
      expect(reservations).toEqual([]);
      expect(await shop.cartOf("ada")).toEqual([[mug, 1]]);
      expect(await subject.eventsOf(order.orderId)).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});
