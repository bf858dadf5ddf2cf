// A cancellation that an operator turns back when the money has gone back already.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start as startInventory } from "@webstore/inventory/main";
import { openJournal, openLog, openSagaDesk, openSagaEngine, type Postgres } from "@webstore/kit";
import { freshSchema, unrecordedTelemetry } from "@webstore/kit/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cancelOrder } from "./cancel-order.ts";
import { cancellationId, cancelOrderSaga, executeCancellation } from "./execute-cancellation.ts";
import { placeOrder } from "./place-order.ts";
import { draftOrder, orderMigrations, shop } from "./testing-orders.ts";

let postgres: Postgres;
let inventory: Awaited<ReturnType<typeof startInventory>>;
beforeAll(async () => {
  postgres = await freshSchema(orderMigrations);
  inventory = await startInventory({
    INVENTORY_PORT: "0",
    DATA_DIR: mkdtempSync(join(tmpdir(), "webstore-orders-")),
  });
});
afterAll(async () => {
  await inventory.stop();
  await postgres.close();
});

test("it is set in motion anew by whoever asks again, and ends with one refund", async () => {
  const { ports, ...store } = shop(postgres, inventory.urls.http ?? "");
  const draft = draftOrder();
  const { orderId, customerId, currency } = draft;
  const all = [placeOrder, cancelOrderSaga];
  const engine = openSagaEngine({
    journal: openJournal({ postgres, owner: orderId, leaseMs: 10_000, key: "test" }),
    sagas: all,
    ports,
    log: openLog("orders", { level: "silent" }),
    telemetry: unrecordedTelemetry("orders"),
    leaseMs: 10_000,
    random: () => 0,
    delayMs: async () => {},
  });
  const desk = openSagaDesk({ postgres, engine, sagas: all });
  const parts = { ...ports, sagas: engine, wakeRelay: () => {} };
  const ask = () => cancelOrder(orderId, { kind: "service", service: "test" }, parts);
  const asked = async () => {
    const { told } = await store.booksOf(orderId);
    return told.filter((name) => name === "OrderCancelRequested").length;
  };
  const begun = { requestHash: orderId, traceparent: "" };
  const input = { ...draft, paymentMethodToken: "pm_card_visa" };
  await engine.begin(placeOrder, { ...begun, id: orderId, input });
  expect((await engine.settle(orderId, 10_000))?.status).toBe("done");
  await ask();

  const { release } = ports.inventory;
  Object.assign(ports.inventory, { release: () => Promise.reject(new Error("it is away")) });
  const id = cancellationId(orderId, 1);
  await engine.begin(cancelOrderSaga, { ...begun, id, input: { orderId, customerId, currency } });
  const statusOf = async () => (await desk.get(id))?.saga;
  await expect.poll(async () => (await statusOf())?.attempts ?? 0, { timeout: 5_000 }).toBeGreaterThan(0);
  // One that is under way is not asked for again.
  await ask();
  expect(await asked()).toBe(1);
  await desk.compensate(id);
  await expect.poll(async () => (await statusOf())?.status, { timeout: 5_000 }).toBe("undone");
  const left = await ports.store.find(orderId);
  expect(left).toMatchObject({ status: "paid", cancelRequested: true, refundedMinor: 27_07n });

  Object.assign(ports.inventory, { release });
  await ask();
  expect(await asked()).toBe(2);
  const cancelled = await executeCancellation(orderId, parts);
  expect(cancelled).toMatchObject({ status: "cancelled", refundedMinor: 27_07n, feeMinor: 1_42n });
  expect(await store.standingOf(orderId)).toMatchObject({ reserved: false, takenMinor: 1_42n });
  expect(await store.booksOf(orderId)).toMatchObject({ receivableMinor: 0n, feeMinor: 1_42n });
  await ask();
  expect(await asked()).toBe(2);
  await engine.stop(0);
});
