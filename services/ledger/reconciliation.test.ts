// Four sides that agree give no difference, whatever happened; and any event that is lost is found.

import fc from "fast-check";
import { expect, test } from "vitest";
import { differencesOf } from "./reconciliation.ts";
import { amounts, change, story, tell } from "./testing-stories.ts";
import { entriesOf, openWorld, viewsOf, type World, worldNowMs } from "./testing-world.ts";

const found = (world: World, entries = entriesOf(world.events), nowMs = worldNowMs) =>
  viewsOf(world, entries).flatMap((views) => differencesOf(views, nowMs));

test("a true history has no difference, whatever happened in it", () => {
  fc.assert(
    fc.property(fc.array(story, { minLength: 1, maxLength: 8 }), (stories) => {
      const world = openWorld();
      for (const each of stories) tell(world, each);
      expect(found(world)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("an order that is being placed has no difference for 15 minutes, and then its held money is told", () => {
  const world = openWorld();
  const { order } = world.hold();
  const placedMs = order.createTime?.getTime() ?? 0;
  expect(found(world, [], placedMs + 10 * 60_000)).toEqual([]);
  expect(found(world, [], placedMs + 16 * 60_000)).toMatchObject([
    { kind: "status", orderId: order.orderId },
  ]);
});

test("of a random true history any one event that is lost is found, and nothing else", () => {
  const sales = fc.array(
    fc.record({ is: fc.constant("sell" as const), amounts, changes: fc.array(change, { maxLength: 4 }) }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(sales, fc.nat(), (stories, lost) => {
      const world = openWorld();
      for (const each of stories) tell(world, each);
      const booked = world.events.filter(
        ({ event }) => entriesOf([{ topic: "order-events", event }]).length > 0,
      );
      const gone = booked[lost % booked.length];
      const left = found(world, entriesOf(world.events.filter((each) => each !== gone)));
      const { orderId } = (gone?.event.data ?? {}) as { orderId: string };
      expect(new Set(left.map((each) => each.orderId))).toEqual(new Set([orderId]));
      // One of several refunds makes the sums differ; every other event is missing as such.
      for (const each of left) expect(["missing_in_ledger", "amount"]).toContain(each.kind);
    }),
    { numRuns: 300 },
  );
});
