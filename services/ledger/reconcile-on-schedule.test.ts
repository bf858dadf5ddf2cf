// Comparisons by the clock: by one process at a time, and again when one could not be made.

import { currentContext, inContext, openLog, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { difference } from "./difference.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";
import { startReconciling } from "./reconcile-on-schedule.ts";
import { postgresReconciliationStore } from "./reconciliation-store.postgres.ts";
import { type Comparison, keptMax, type ReconciliationStore } from "./reconciliation-store.ts";
import { openReconciler } from "./run-reconciliation.ts";
import { openLedger } from "./testing-ledger.ts";
import { ordersOf, paymentsOf } from "./testing-lists.ts";
import { openWorld } from "./testing-world.ts";

const log = openLog("ledger", { level: "silent" });
const soon = { timeout: 15_000, interval: 25 };

let postgres: Postgres;
let store: ReconciliationStore;
beforeEach(async () => {
  postgres = await freshSchema(migrationsFrom(new URL("./migrations/", import.meta.url)));
  store = postgresReconciliationStore(postgres);
});
afterEach(() => postgres?.close());

const comparison = (atMs: number): Comparison => ({
  atMs,
  durationMs: 12,
  ordersCompared: 3,
  paymentsCompared: 2,
  providerPaymentsCompared: 1,
  truncated: false,
  differences: [
    difference("amount", { orderId: "an order" }, { ledger: { amountMinor: -5n, currency: "USD" } }, "Why."),
  ],
});
const id = (number: number) => `40000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

test("the latest comparison is kept as it was, and only the last hundred", async () => {
  expect(await store.latest()).toBeUndefined();
  for (let number = 1; number <= keptMax + 3; number += 1) await store.keep(id(number), comparison(number));
  expect(await store.latest()).toEqual(comparison(keptMax + 3));
  const rows = await postgres.query<{ at: Date }>("select at from reconciliation order by at");
  expect(rows).toHaveLength(keptMax);
  expect(rows[0]?.at.getTime()).toBe(4);
});

test("a turn is given to one of many who ask at once, and not before it is due", async () => {
  await store.beginTurns(1_000);
  await store.beginTurns(5);
  expect(await store.takeTurn(999, 2_000)).toBe(false);
  const taken = await Promise.all(Array.from({ length: 8 }, () => store.takeTurn(1_000, 2_000)));
  expect(taken.filter((each) => each)).toHaveLength(1);
  expect(await store.takeTurn(1_999, 3_000)).toBe(false);
  expect(await store.takeTurn(2_000, 3_000)).toBe(true);
});

test("a turn that could not be used is due again sooner", async () => {
  await store.beginTurns(1_000);
  await store.takeTurn(1_000, 900_000);
  await store.returnTurn(2_000);
  expect(await store.takeTurn(2_000, 900_000)).toBe(true);
});

test("a comparison that fails is tried again, and one in hand ends when the process stops", async () => {
  let runs = 0;
  let nowMs = 0;
  const reconciler = {
    run: async () => {
      runs += 1;
      throw new Error("away");
    },
  };
  const stop = await startReconciling({ everyMs: 10, reconciler, turns: store, log, nowMs: () => nowMs });
  nowMs = 10;
  await expect.poll(() => runs, soon).toBe(1);
  nowMs = 70_000;
  await expect.poll(() => runs, soon).toBeGreaterThan(1);
  await stop();
  const after = runs;
  nowMs = 900_000;
  expect(await store.takeTurn(nowMs, nowMs)).toBe(true);
  expect(runs).toBe(after);
});

test("two processes of one ledger share the turns, and staff may ask in between", async () => {
  const world = openWorld(Date.now() - 86_400_000);
  const subject = await openLedger(world, { RECONCILE_EVERY_MS: "400" });
  try {
    await subject.replicate();
    const runs = () =>
      subject.sql<{ at: Date; duration_ms: number }>(
        "select at, duration_ms from ledger.reconciliation order by at",
      );
    await expect.poll(async () => (await runs()).length, soon).toBeGreaterThan(4);
    const spans = (await runs()).map(
      ({ at, duration_ms }) => [at.getTime() - duration_ms, at.getTime()] as const,
    );
    // No two at a time: each begins after the one before has ended.
    for (const [index, [begin]] of spans.slice(1).entries()) {
      expect(begin).toBeGreaterThanOrEqual(spans[index]?.[1] ?? 0);
    }
    expect(
      (await subject.client().reconcile({ createdSince: undefined, createdBefore: undefined })).differences,
    ).toEqual([]);
  } finally {
    await subject.stop();
  }
});

test("a comparison of everything goes on when who asked has gone, and asking again joins it", async () => {
  const world = openWorld(Date.now() - 86_400_000);
  world.sell();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let asked = 0;
  const payments = {
    ...paymentsOf(world),
    listPayments: async (request: Parameters<ReturnType<typeof paymentsOf>["listPayments"]>[0]) => {
      asked += 1;
      await held;
      return paymentsOf(world).listPayments(request);
    },
  };
  const reconciler = openReconciler({
    ports: { orders: ordersOf(world), payments },
    store: postgresEntryStore(postgres),
    reconciliations: store,
    log,
    nowMs: Date.now,
    newId: () => id(1),
    random: () => 0,
    runMaxMs: 60_000,
    delayMs: async () => {},
  });
  const gone = new AbortController();
  const context = { ...currentContext(), signal: gone.signal, deadlineAtMs: Date.now() };
  const first = inContext(context, () => reconciler.run(undefined, undefined));
  gone.abort();
  const second = reconciler.run(undefined, undefined);
  release();
  expect(await first).toBe(await second);
  expect((await first).differences).not.toEqual([]);
  expect(await store.latest()).toEqual(await first);
  expect(asked).toBe(2);
  await reconciler.stop();
});
