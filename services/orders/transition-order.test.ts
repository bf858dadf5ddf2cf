// Moving an order on: what it asks the database for, and what it makes of an order that moves meanwhile. What callers see
// of it is in the contract of orders (contract/changing.ts).

import { randomUUID } from "node:crypto";
import type { Postgres } from "@webstore/kit";
import { freshSchema, openOutbox } from "@webstore/kit/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresOrderStore } from "./order-store.postgres.ts";
import type { OrderStore } from "./order-store.ts";
import { at, found, orderIn } from "./testing-order-store.ts";
import { orderMigrations } from "./testing-orders.ts";
import { transitionOrder } from "./transition-order.ts";

let postgres: Postgres;
let store: OrderStore;
beforeAll(async () => {
  postgres = await freshSchema(orderMigrations);
  store = postgresOrderStore(postgres);
});
afterAll(() => postgres?.close());

const nowMs = () => Date.parse(at);
const outbox = openOutbox({ nowMs, newId: randomUUID });
const processing = (orderId: string, by: OrderStore) =>
  transitionOrder({ orderId, to: "processing", reason: "" }, { store: by, outbox, nowMs, wakeRelay() {} });
const eventsOf = async (orderId: string) =>
  (await postgres.query("select 1 from outbox where key = $1", [orderId])).length;

test("takes one look and one commit, whose statements are parsed once a connection", async () => {
  const { orderId } = await orderIn(store, "paid");
  const asked: (string | undefined)[][] = [];
  const counted = postgresOrderStore({
    ...postgres,
    query: (text, values, name) => {
      asked.push([name]);
      return postgres.query(text, values, name);
    },
    commit: (...all) => {
      asked.push(all.flat().map(({ name }) => name));
      return postgres.commit(...all);
    },
  });
  const moved = await processing(orderId, counted);
  expect(moved).toEqual(await found(store, orderId));
  expect(asked).toEqual([["order_found"], ["order_moved_on", "outbox_publish"]]);
});

test("one that was moved there between the look and the commit is there, and nothing is told", async () => {
  const { orderId } = await orderIn(store, "paid");
  const overtaken: OrderStore = {
    ...store,
    async find(id) {
      const seen = await store.find(id);
      if (seen?.status === "paid")
        await store.commit(store.move(id, { from: "paid", to: "processing", reason: "theirs", at }));
      return seen;
    },
  };
  expect((await processing(orderId, overtaken)).history.at(-1)).toMatchObject({ reason: "theirs" });
  expect(await eventsOf(orderId)).toBe(0);
});

test("one whose cancellation is asked for between the look and the commit is refused, and nothing is told", async () => {
  const { orderId } = await orderIn(store, "paid");
  const overtaken: OrderStore = {
    ...store,
    async find(id) {
      const seen = await store.find(id);
      if (seen?.cancelRequested === false) await store.commit(store.requestCancel(id));
      return seen;
    },
  };
  await expect(processing(orderId, overtaken)).rejects.toMatchObject({ reason: "transition_refused" });
  expect(await found(store, orderId)).toMatchObject({ status: "paid", cancelRequested: true });
  expect(await eventsOf(orderId)).toBe(0);
});
