// The stores of orders under one contract; and what the tables themselves refuse, whoever writes to them.

import { randomUUID } from "node:crypto";
import type { Postgres } from "@webstore/kit";
import { freshSchema } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openedOrder, statuses, transition } from "./order.ts";
import { orderStoreContract } from "./order-store.contract.ts";
import { memoryOrders } from "./order-store.memory.ts";
import { postgresOrderStore } from "./order-store.postgres.ts";
import { at, paymentId, receiptUrl } from "./testing-order-store.ts";
import { draftOrder, orderMigrations } from "./testing-orders.ts";

orderStoreContract("orders in memory", async () => ({
  store: memoryOrders({ nowMs: Date.now, newId: randomUUID }).store,
  close: async () => {},
}));

orderStoreContract("orders in Postgres", async () => {
  const postgres = await freshSchema(orderMigrations);
  return { store: postgresOrderStore(postgres), close: () => postgres.close() };
});

describe("the tables of orders", () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await freshSchema(orderMigrations);
  });
  afterAll(() => postgres?.close());

  const opened = async () => {
    const draft = draftOrder();
    await postgres.commit(postgresOrderStore(postgres).open(openedOrder(draft, draft.placedAt)));
    return draft;
  };

  test("the commit that makes an order paid gives it as it is then", async () => {
    const store = postgresOrderStore(postgres);
    const { orderId } = await opened();
    const paid = { paymentId, receiptUrl, at };
    const rows = await postgres.commit(store.markPaid(orderId, paid), [{ text: "select 1", values: [] }]);
    expect(store.givenBy(rows)).toMatchObject({ status: "paid", paymentId, receiptUrl });
    expect(store.givenBy(rows)).toEqual(await store.find(orderId));
  });

  test.each([
    ["a status that is none", "status = 'lost'"],
    ["a currency in small letters", "currency = 'usd'"],
    [
      "goods of less than nothing",
      "subtotal_minor = -1, total_minor = -1, shipping_minor = 0, discount_minor = 0",
    ],
    [
      "shipping of less than nothing",
      "shipping_minor = -1, total_minor = subtotal_minor - 1 - discount_minor",
    ],
    [
      "a discount of less than nothing",
      "discount_minor = -1, total_minor = subtotal_minor + shipping_minor + 1",
    ],
    [
      "a discount of more than the goods",
      "discount_minor = subtotal_minor + 1, total_minor = shipping_minor - 1",
    ],
    ["a total that does not add up", "total_minor = total_minor + 1"],
    ["a refund of more than was paid", "refunded_minor = total_minor + 1"],
    ["a refund of less than nothing", "refunded_minor = -1"],
    ["a fee of less than nothing", "fee_minor = -1"],
    ["a fee of more than what is left", "fee_minor = 1, refunded_minor = total_minor"],
    ["an order of the store's own without prices", "priced = false"],
    ["no history", "history = null"],
  ])("%s is not taken", async (_, wrong) => {
    const { orderId } = await opened();
    const before = await postgresOrderStore(postgres).find(orderId);
    const updating = postgres.commit([
      { text: `update orders set ${wrong} where order_id = $1`, values: [orderId] },
    ]);
    await expect(updating).rejects.toMatchObject({ code: expect.stringMatching(/^23(514|502)$/) });
    expect(await postgresOrderStore(postgres).find(orderId)).toEqual(before);
  });

  test("a notification of an order that is not there is not taken", async () => {
    const noting = postgresOrderStore(postgres).noteNotification(
      {
        notificationId: randomUUID(),
        orderId: randomUUID(),
        paymentId: randomUUID(),
        paymentStatus: "PAYMENT_STATUS_CAPTURED",
        occurredAt: new Date(0),
        refundedMinor: 0n,
      },
      false,
    );
    await expect(postgres.commit(noting)).rejects.toMatchObject({ code: "23503" });
  });

  test.each(statuses)("an order from another channel goes from new to %s as the table says", async (to) => {
    const { orderId } = await opened();
    await postgres.commit([
      { text: "update orders set status = 'new' where order_id = $1", values: [orderId] },
    ]);
    const store = postgresOrderStore(postgres);
    const moving = store.commit(
      store.move(orderId, { from: "new", to, reason: "", at: "2026-01-02T00:00:00Z" }),
    );
    if (transition("new", to) === "change") await moving;
    else await expect(moving).rejects.toMatchObject({ what: "order_moved" });
    expect((await store.find(orderId))?.status).toBe(transition("new", to) === "change" ? to : "new");
  });
});
