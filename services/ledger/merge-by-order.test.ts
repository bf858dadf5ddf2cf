// Four lists become one group an order, whatever is missing in them, in little memory.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Group, mergeByOrder } from "./merge-by-order.ts";
import { openNewestFirst } from "./newest-first.ts";
import { orderView, paymentView, providerView } from "./reconciliation-message.ts";
import { openWorld, type World } from "./testing-world.ts";

const slackMs = 60_000;

/** A list in pages of two, and how many pages were asked for. */
function listOf<T>(items: readonly T[], timeOf: (item: T) => number, sinceMs = 0) {
  const sorted = [...items].sort((a, b) => timeOf(b) - timeOf(a));
  let pages = 0;
  const list = openNewestFirst<T>({
    read: async (pageToken) => {
      pages += 1;
      const at = Number(pageToken || "0");
      const nextPageToken = at + 2 < sorted.length ? String(at + 2) : "";
      return { items: sorted.slice(at, at + 2), nextPageToken };
    },
    timeOf,
    sinceMs,
  });
  return Object.assign(list, { pages: () => pages });
}

const created = ({ createTimeMs }: { createTimeMs: number }) => createTimeMs;

async function groupsOf(world: World, is: { waitingMax?: number; sinceMs?: number } = {}) {
  const { waitingMax = 100, sinceMs = 0 } = is;
  const bookings = world.events
    .filter(({ event }) => event.name === "OrderCreated")
    .map(({ event }) => ({
      orderId: (event.data as { orderId: string }).orderId,
      occurredAtMs: Date.parse(event.occurredAt),
    }));
  const lists = {
    orders: listOf(world.orders.map(orderView), created, sinceMs),
    payments: listOf(world.payments.map(paymentView), created, sinceMs),
    provider: listOf(world.provider.map(providerView), created, sinceMs),
    bookings: listOf(bookings, ({ occurredAtMs }) => occurredAtMs, sinceMs),
  };
  const groups: Group[] = [];
  let overflowed = false;
  const onOverflow = () => {
    overflowed = true;
  };
  for await (const group of mergeByOrder(lists, { slackMs, waitingMax, onTaken() {}, onOverflow })) {
    groups.push(group);
  }
  return { groups, overflowed, lists };
}

test("everything that is listed is in the one group of its order, whatever is missing elsewhere", async () => {
  const kinds = fc.array(fc.constantFrom("sell", "decline", "fail", "import", "hold"), { maxLength: 12 });
  const gone = fc.array(fc.nat(20), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(kinds, gone, gone, gone, async (made, lessOrders, lessPayments, lessProvider) => {
      const world = openWorld();
      for (const kind of made) world[kind as "sell"]();
      for (const at of lessOrders) world.orders.splice(at, 1);
      for (const at of lessPayments) world.payments.splice(at, 1);
      for (const at of lessProvider) world.provider.splice(at, 1);
      const { groups } = await groupsOf(world);
      const ids = (all: readonly { readonly orderId: string }[]) => all.map(({ orderId }) => orderId).sort();
      expect(new Set(groups.map(({ key }) => key)).size).toBe(groups.length);
      expect(ids(groups.filter(({ order }) => order !== undefined))).toEqual(ids(world.orders));
      expect(ids(groups.flatMap(({ payments }) => payments))).toEqual(ids(world.payments));
      expect(ids(groups.flatMap(({ provider }) => provider))).toEqual(ids(world.provider));
      for (const { orderId, payments, provider } of groups) {
        for (const each of [...payments, ...provider]) expect(each.orderId).toBe(orderId);
      }
    }),
  );
});

test("a payment that is much younger than its order waits for it", async () => {
  const world = openWorld();
  const late = world.sell();
  for (let count = 0; count < 10; count += 1) world.sell();
  const days = 3 * 86_400_000;
  late.payment.createTime = new Date((late.payment.createTime?.getTime() ?? 0) + days);
  late.provider.createTime = new Date((late.provider.createTime?.getTime() ?? 0) + days);
  const { groups } = await groupsOf(world);
  expect(groups).toHaveLength(11);
  expect(groups.at(-1)).toMatchObject({
    orderId: late.order.orderId,
    order: { orderId: late.order.orderId },
    payments: [{ paymentId: late.payment.paymentId }],
    provider: [{ paymentId: late.payment.paymentId }],
  });
});

test("what is a little older than its order, by another clock, is in its group", async () => {
  const world = openWorld();
  const [first, second] = [world.sell(), world.sell()];
  const orderMs = second.order.createTime?.getTime() ?? 0;
  second.payment.createTime = new Date(orderMs - slackMs / 2);
  second.provider.createTime = new Date(orderMs - slackMs / 2);
  const { groups } = await groupsOf(world);
  expect(groups.map(({ orderId }) => orderId)).toEqual([second.order.orderId, first.order.orderId]);
  expect(groups[0]).toMatchObject({ payments: [{}], provider: [{}] });
});

test("what the provider lists without its order's id joins the payment that has its reference", async () => {
  const world = openWorld();
  const sale = world.sell();
  sale.provider.orderId = "";
  const { groups } = await groupsOf(world);
  expect(groups).toMatchObject([{ orderId: sale.order.orderId, provider: [{ orderId: "" }] }]);
});

test("what names no order and belongs to no payment stands alone, under the provider's id", async () => {
  const world = openWorld();
  world.sell();
  world.provider.push({ ...world.sell().provider, orderId: "", providerReference: "pi_stray" });
  const { groups } = await groupsOf(world);
  expect(groups.map(({ key }) => key)).toContain("pi_stray");
});

test("when too many wait for their order it ends, and says so, and gives what it has", async () => {
  const world = openWorld();
  for (let count = 0; count < 20; count += 1) world.sell();
  world.orders.splice(0);
  const { groups, overflowed, lists } = await groupsOf(world, { waitingMax: 5 });
  expect(overflowed).toBe(true);
  expect(groups).toHaveLength(6);
  expect(lists.payments.pages()).toBeLessThan(6);
});

test("groups that are complete are let go: a long list needs no room", async () => {
  const world = openWorld();
  for (let count = 0; count < 60; count += 1) world.sell();
  const { groups, overflowed } = await groupsOf(world, { waitingMax: 3 });
  expect(overflowed).toBe(false);
  expect(groups).toHaveLength(60);
});

test("a list ends at the time that it is asked for, and its older pages are not read", async () => {
  const world = openWorld();
  for (let count = 0; count < 20; count += 1) world.sell();
  const sinceMs = world.orders[17]?.createTime?.getTime() ?? 0;
  const { groups, lists } = await groupsOf(world, { sinceMs });
  expect(groups.map(({ orderId }) => orderId)).toEqual(
    world.orders
      .slice(17)
      .map(({ orderId }) => orderId)
      .reverse(),
  );
  expect(lists.orders.pages()).toBeLessThan(5);
});

test("a page that cannot be read ends the merge with its error", async () => {
  const broken = openNewestFirst<{ createTimeMs: number }>({
    read: () => Promise.reject(new Error("away")),
    timeOf: created,
    sinceMs: 0,
  });
  await expect(broken.head()).rejects.toThrow("away");
});
