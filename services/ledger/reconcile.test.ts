// The comparison over the real books: what it reports, what it does not, and how much it takes.

import { Outage, openLog, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bookingOf } from "./booking.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";
import { type ReconcileParts, reconcile } from "./reconcile.ts";
import { ordersOf, paymentsOf } from "./testing-lists.ts";
import { story, tell } from "./testing-stories.ts";
import { entriesOf, openWorld, type Published, type World, worldNowMs } from "./testing-world.ts";

const migrations = migrationsFrom(new URL("./migrations/", import.meta.url));
const all = { sinceMs: 0, beforeMs: worldNowMs - 60_000 };
const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

let postgres: Postgres;
beforeEach(async () => {
  postgres = await freshSchema(migrations);
});
afterEach(() => postgres?.close());

async function book(events: readonly Published[]): Promise<void> {
  const store = postgresEntryStore(postgres);
  const bookings = events
    .filter((each) => entriesOf([each]).length > 0)
    .flatMap(({ event }) => bookingOf(event) ?? []);
  for (let at = 0; at < bookings.length; at += 200) {
    await postgres.commit(
      ...bookings.slice(at, at + 200).map((booking) => store.book(booking, booking.occurredAtMs)),
    );
  }
}

type Ports = ReconcileParts["ports"];
type Waits = { readonly waitedMs: number[] };

function partsOf(
  world: World,
  is: { orders?: Partial<Ports["orders"]>; payments?: Partial<Ports["payments"]>; nowMs?: number } = {},
): ReconcileParts & Waits {
  const waitedMs: number[] = [];
  return {
    ports: {
      orders: { ...ordersOf(world), ...is.orders },
      payments: { ...paymentsOf(world), ...is.payments },
    },
    store: postgresEntryStore(postgres),
    log: openLog("ledger", { level: "silent" }),
    nowMs: () => is.nowMs ?? worldNowMs,
    random: () => 0,
    delayMs: async (ms) => {
      waitedMs.push(ms);
    },
    waitedMs,
  };
}

test("hundreds of true stories, told over many pages, have no difference", async () => {
  const world = openWorld();
  for (const each of fc.sample(story, { numRuns: 350, seed: 20260131 })) tell(world, each);
  await book(world.events);
  const { waitedMs, ...parts } = partsOf(world);
  expect(await reconcile(parts, all)).toEqual({
    atMs: worldNowMs,
    durationMs: 0,
    ordersCompared: world.orders.length,
    paymentsCompared: world.payments.length,
    providerPaymentsCompared: world.provider.length,
    differences: [],
    truncated: false,
  });
  expect(world.orders.length).toBe(350);
  expect(waitedMs).toEqual([]);
});

test("one fault of each kind among many true stories is found, each with its ids, and nothing else", async () => {
  const world = openWorld();
  const some = fc.sample(story, { numRuns: 60, seed: 7 });
  for (const each of some) tell(world, each);
  const [lost, unpaid, gone, altered, refunded] = [
    world.sell(),
    world.fail(),
    world.sell(),
    world.sell(),
    world.sell(),
  ];
  for (const each of some) tell(world, each);
  await book(
    world.events.filter(({ event }) => {
      const { orderId } = event.data as { orderId: string };
      return !(event.name === "PaymentDone" && orderId === lost.order.orderId);
    }),
  );
  unpaid.status = "ORDER_STATUS_PAID";
  world.provider.splice(world.provider.indexOf(gone.provider), 1);
  altered.order.total = usd(1_00n);
  refunded.provider.refundedMinor = 7_00n;
  world.provider.push({ ...lost.provider, providerReference: "pi_stray", orderId: "", paymentId: "" });

  const { differences } = await reconcile(partsOf(world), all);
  const total = usd(41_99n);
  expect(differences).toHaveLength(6);
  expect(differences).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        kind: "missing_in_ledger",
        orderId: lost.order.orderId,
        paymentId: lost.payment.paymentId,
        payments: total,
        ledger: undefined,
      }),
      expect.objectContaining({ kind: "unpaid_order", orderId: unpaid.orderId, orders: total }),
      expect.objectContaining({
        kind: "missing_at_provider",
        paymentId: gone.payment.paymentId,
        providerReference: gone.payment.providerReference,
      }),
      expect.objectContaining({ kind: "amount", orderId: altered.order.orderId, orders: usd(1_00n) }),
      expect.objectContaining({
        kind: "amount",
        orderId: refunded.order.orderId,
        provider: usd(7_00n),
        payments: usd(0n),
      }),
      expect.objectContaining({ kind: "unknown_to_store", providerReference: "pi_stray", orderId: "" }),
    ]),
  );
});

test("the books of an order that orders and payments have lost are found", async () => {
  const world = openWorld();
  const { order, payment } = world.sell();
  await book(world.events);
  const { differences } = await reconcile(partsOf(openWorld()), all);
  expect(differences).toMatchObject([
    { kind: "missing_in_payments", orderId: order.orderId, paymentId: payment.paymentId },
    { kind: "missing_in_orders", orderId: order.orderId },
  ]);
});

test("an event that is booked between the looks is no difference, and is waited for when it is fresh", async () => {
  const world = openWorld();
  const sale = world.sell();
  const { waitedMs, ...parts } = partsOf(world);
  sale.order.updateTime = new Date(worldNowMs - 1_000);
  const delayMs = async (ms: number) => {
    waitedMs.push(ms);
    await book(world.events);
  };
  expect((await reconcile({ ...parts, delayMs }, all)).differences).toEqual([]);
  expect(waitedMs).toHaveLength(1);
});

test("a difference that the second look finds otherwise is not told, unless a third finds that again", async () => {
  const world = openWorld();
  const sale = world.sell();
  await book(world.events);
  let asked = 0;
  const moving = {
    getOrder: async () => {
      asked += 1;
      return { order: { ...sale.order, total: usd(BigInt(asked)) } };
    },
  };
  sale.order.total = usd(99_00n);
  expect((await reconcile(partsOf(world, { orders: moving }), all)).differences).toEqual([]);
  expect(asked).toBe(2);
  const settled = { getOrder: async () => ({ order: { ...sale.order, total: usd(5n) } }) };
  expect((await reconcile(partsOf(world, { orders: settled }), all)).differences).toMatchObject([
    { kind: "amount", orders: usd(5n) },
  ]);
});

test("an order that the lists do not show, and that is there, is no difference", async () => {
  const world = openWorld();
  world.sell();
  await book(world.events);
  const nothing = { listOrders: async () => ({ orders: [], nextPageToken: "" }) };
  expect((await reconcile(partsOf(world, { orders: nothing }), all)).differences).toEqual([]);
});

test("only what was created in the window is compared, and its order is found even if it is older", async () => {
  const world = openWorld();
  const [old, inside, young] = [world.sell(), world.sell(), world.sell()];
  for (const { provider } of [old, inside, young]) provider.refundedMinor = 1_00n;
  const atMs = inside.payment.createTime?.getTime() ?? 0;
  inside.order.createTime = new Date(atMs - 20 * 86_400_000);
  await book(world.events);
  const window = { sinceMs: atMs - 1_000, beforeMs: atMs + 1_000 };
  const comparison = await reconcile(partsOf(world), window);
  expect(comparison.differences).toMatchObject([{ kind: "amount", orderId: inside.order.orderId }]);
  expect(comparison).toMatchObject({ paymentsCompared: 1, ordersCompared: 0, providerPaymentsCompared: 1 });
});

test("what was created in the last minute is left for the next time", async () => {
  const world = openWorld(worldNowMs - 120_000);
  const sale = world.sell();
  sale.provider.refundedMinor = 1_00n;
  sale.payment.createTime = new Date(worldNowMs - 30_000);
  await book(world.events);
  expect((await reconcile(partsOf(world), all)).differences).toEqual([]);
});

test("a thousand differences are told, and that there are more", async () => {
  const world = openWorld();
  for (let count = 0; count < 1_050; count += 1) world.sell();
  const { differences, truncated } = await reconcile(partsOf(world), all);
  expect(differences).toHaveLength(1_000);
  expect(truncated).toBe(true);
});

test("a page that fails is asked for again; a list that stays away ends the comparison", async () => {
  const world = openWorld();
  world.sell();
  await book(world.events);
  const { listPayments } = paymentsOf(world);
  let failures = 3;
  const flaky = {
    listPayments: async (request: Parameters<typeof listPayments>[0]) => {
      failures -= 1;
      if (failures >= 0) throw new Outage("payments", "away");
      return listPayments(request);
    },
  };
  expect((await reconcile(partsOf(world, { payments: flaky }), all)).differences).toEqual([]);
  const away = { listProviderPayments: () => Promise.reject(new Outage("payments", "away")) };
  await expect(reconcile(partsOf(world, { payments: away }), all)).rejects.toMatchObject({ name: "Outage" });
});

test("entries that do not balance, made by somebody who could switch the guards off, are found", async () => {
  const world = openWorld();
  const { order } = world.sell();
  await book(world.events);
  await postgres.query("alter table entry disable trigger entry_refuse_change");
  await postgres.query("update entry set amount_minor = amount_minor + 3 where account = 'discount'");
  const { differences } = await reconcile(partsOf(world), all);
  expect(differences[0]).toMatchObject({ kind: "imbalance", orderId: order.orderId, ledger: usd(3n) });
});
