// What becomes of an order when a company or a service around it is away: the CRM, the inventory, the cart. And what is
// left of a payment's token in the database: nothing.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { refusalOf, request, shopOf, userIdOf } from "./contract/shop.ts";
import { openRealOrders, type RealOrders, scenario } from "./testing-world.ts";

/** The rows of every table of the database that hold this text, wherever in them. */
async function rowsWith(text: string, { sql }: RealOrders): Promise<string[]> {
  const tables = await sql<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    // A row as text shows binary columns in hexadecimal.
    const rows = await sql(
      `select 1 from ${name} as one where strpos(one::text, $1) > 0 or strpos(one::text, encode($1::bytea, 'hex')) > 0`,
      [text],
    );
    found.push(...rows.map(() => name));
  }
  return found;
}

describe("an order whose surroundings fail", () => {
  let subject: RealOrders;
  beforeAll(async () => {
    subject = await openRealOrders();
  });
  afterAll(() => subject?.stop());
  const shop = shopOf(() => subject);

  const activitiesOf = async (orderId: string) => {
    const customer_id = userIdOf("ada");
    const { activities } = await subject.crm
      .listActivities({ customer_id })
      .catch(() => ({ activities: [] }));
    return activities.filter((activity) => activity.order_id === orderId);
  };

  test("is told to the CRM, once", async () => {
    const { orderId } = await shop.placed("ada");
    await expect
      .poll(() => activitiesOf(orderId), { timeout: 10_000 })
      .toMatchObject([{ type: "order_placed", amount_minor: 19_04, currency: "USD", order_id: orderId }]);
  });

  test("is paid when the CRM is down, and the CRM hears of it when it is back", async () => {
    await scenario(subject.partners.crmUrl, { do: "error", status: 503, times: 1 });
    const { orderId, status } = await shop.placed("ada");
    expect(status).toBe("ORDER_STATUS_PAID");
    await expect.poll(() => activitiesOf(orderId), { timeout: 10_000, interval: 50 }).toHaveLength(1);
    expect(await subject.sql("select 1 from bus.messages where topic = 'orders-dlq'")).toEqual([]);
  });

  test("is told to the CRM once when the CRM did it and its answer was lost", async () => {
    await scenario(subject.partners.crmUrl, { do: "processed_then_timeout", match: { method: "POST" } });
    const { orderId } = await shop.placed("ada");
    await expect.poll(() => activitiesOf(orderId), { timeout: 10_000 }).toHaveLength(1);
    await expect.poll(() => isConsumed(subject, orderId), { timeout: 10_000, interval: 50 }).toBe(true);
    expect(await activitiesOf(orderId)).toHaveLength(1);
  });

  test("is paid when the cart cannot be cleared, which is made up for later", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    subject.clearing.breakDown(3);
    const { order } = await shop.place("ada");
    expect(order.status).toBe("ORDER_STATUS_PAID");
    expect(await subject.eventsOf(order.orderId)).toEqual(["OrderCreated", "CartClearDue"]);
    await expect.poll(() => shop.cartOf("ada"), { timeout: 10_000, interval: 50 }).toEqual([]);
  });

  test("is refused when the inventory company is down, and nothing is left", async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const match = { method: "PUT", path_prefix: "/v1/reservations" };
    await scenario(subject.partners.inventoryUrl, { do: "error", status: 503, match, times: 3 });
    const standing = subject.payments.standing();
    expect(await refusalOf(shop.place("ada"))).toMatchObject({
      reason: "partner_unavailable",
      code: "UNAVAILABLE",
    });
    expect(subject.payments.standing()).toEqual(standing);
    expect((await shop.place("ada")).order.status).toBe("ORDER_STATUS_PAID");
  });

  test("is placed once when the inventory company did it and its answer was lost", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    await subject.setStock(mug, 1);
    const match = { method: "PUT", path_prefix: "/v1/reservations" };
    await scenario(subject.partners.inventoryUrl, { do: "processed_then_timeout", match });
    expect((await shop.place("ada")).order.status).toBe("ORDER_STATUS_PAID");
    expect((await subject.stock.getStock({ product_ids: [mug] })).stock).toMatchObject([
      { available: 0, reserved: 1 },
    ]);
  });

  test("is refused as soon as that is certain, also when taking it back has to wait", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    const match = { method: "DELETE", path_prefix: "/v1/reservations" };
    await scenario(subject.partners.inventoryUrl, { do: "error", status: 503, match, times: 3 });
    const asked = request({ paymentMethodToken: "pm_card_chargeDeclined" });
    expect((await refusalOf(shop.place("ada", asked))).reason).toBe("card_declined");
    const reserved = async () => (await subject.stock.getStock({ product_ids: [mug] })).stock[0]?.reserved;
    expect(await reserved()).toBe(1);
    expect((await refusalOf(shop.place("ada", { ...asked, waitMs: 0 }))).reason).toBe("card_declined");
    await expect.poll(reserved, { timeout: 10_000, interval: 50 }).toBe(0);
    expect((await refusalOf(shop.place("ada", asked))).reason).toBe("card_declined");
  });

  test("is refused in our own words when its money was let go before it could be taken", async () => {
    const mug = await shop.product();
    await shop.fill("ada", [mug, 1]);
    const standing = subject.payments.standing();
    const release = subject.capturing.hold();
    const placing = refusalOf(shop.place("ada"));
    const isHeld = () => subject.payments.standing().heldMinor > 0n;
    await expect.poll(isHeld, { timeout: 5_000, interval: 10 }).toBe(true);
    const [{ id = "" } = {}] = await subject.sql<{ id: string }>(
      "select id from orders.sagas where status = 'running'",
    );
    await subject.payments.voidPayment({ payment: { $case: "orderId", value: id } });
    release();
    expect(await placing).toMatchObject({ service: "orders", reason: "partner_unavailable" });
    expect(subject.payments.standing()).toEqual(standing);
    expect((await subject.stock.getReservation({ reservation_id: id })).status).toBe("released");
  });

  test.each([
    ["paid", "pm_card_visa"],
    ["declined", "pm_card_chargeDeclined"],
  ])(
    "%s or not, leaves nothing of the payment's token in the database, in clear or sealed",
    async (_, card) => {
      // A word that is found nowhere by chance; the fake reads only the end of it.
      const paymentMethodToken = `tok${randomUUID().replaceAll("-", "")}_${card}`;
      await shop.fill("ada", [await shop.product(), 1]);
      const release = subject.authorizing.hold();
      const asked = request({ paymentMethodToken, waitMs: 0 });
      const { order } = await shop.place("ada", asked);
      expect(await rowsWith(order.orderId, subject)).toContain("orders.sagas");
      expect(await rowsWith(paymentMethodToken, subject)).toEqual([]);
      const sealed = "select secrets is not null as sealed from orders.sagas where id = $1";
      expect(await subject.sql(sealed, [order.orderId])).toEqual([{ sealed: true }]);
      release();
      await vi.waitFor(
        async () => expect(await subject.sql(sealed, [order.orderId])).toEqual([{ sealed: false }]),
        { timeout: 10_000, interval: 20 },
      );
      expect(await rowsWith(paymentMethodToken, subject)).toEqual([]);
    },
  );
});

/** Whether the follow-ups of what was told about this order have been done. */
async function isConsumed({ sql }: RealOrders, orderId: string): Promise<boolean> {
  const waiting = await sql(
    `select 1 from bus.messages join bus.claims using (topic, partition)
     where key = $1 and consumer_group = 'orders-followups' and claims.next_offset <= messages."offset"`,
    [orderId],
  );
  return waiting.length === 0;
}
