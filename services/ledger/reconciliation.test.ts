// Four sides that agree give no difference, whatever happened; and any event that is lost is found.

import fc from "fast-check";
import { expect, test } from "vitest";
import { differencesOf } from "./reconciliation.ts";
import { entriesOf, openWorld, viewsOf, type World, worldNowMs } from "./testing-world.ts";

const found = (world: World, entries = entriesOf(world.events), nowMs = worldNowMs) =>
  viewsOf(world, entries).flatMap((views) => differencesOf(views, nowMs));

const amounts = fc.record({
  subtotalMinor: fc.bigInt({ min: 1n, max: 99_900n }),
  shippingMinor: fc.constantFrom(0n, 5_99n),
  currency: fc.constantFrom("USD", "JPY", "KWD"),
});
const change = fc.oneof(
  fc.record({ do: fc.constant("refund" as const), minor: fc.bigInt({ min: 1n, max: 60_000n }) }),
  fc.record({ do: fc.constantFrom("cancel", "deliver", "win", "lose"), minor: fc.constant(0n) }),
);
const story = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant("sell" as const),
      amounts,
      changes: fc.array(change, { maxLength: 6 }),
    }),
  },
  fc.record({
    is: fc.constantFrom("undo", "undo by cancel", "decline", "release", "fail", "import"),
    amounts,
    changes: fc.constant([]),
  }),
);

function tell(
  world: World,
  { is, amounts, changes }: typeof story extends fc.Arbitrary<infer S> ? S : never,
) {
  if (is === "undo by cancel") world.undo("ORDER_STATUS_CANCELLED");
  if (is === "undo") world.undo();
  if (is === "decline") world.decline();
  if (is === "release") world.release();
  if (is === "fail") world.fail();
  if (is === "import") world.import();
  if (is !== "sell") return;
  const sale = world.sell({ ...amounts, discountMinor: amounts.subtotalMinor / 10n });
  for (const each of changes) {
    if (each.do === "refund") world.refund(sale, each.minor);
    if (each.do === "cancel") world.cancel(sale);
    if (each.do === "deliver") world.deliver(sale);
    if (each.do === "win" || each.do === "lose") world.dispute(sale, each.do === "lose");
  }
}

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
