// The rules are written twice, in cart.ts and in the functions of Postgres. Whatever is done to a cart, both give the
// same.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Postgres } from "@webstore/kit";
import { freshSchema } from "@webstore/kit/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { linesMax, recentOrdersMax } from "./cart.ts";
import { memoryCartStore } from "./cart-store.memory.ts";
import { postgresCartStore } from "./cart-store.postgres.ts";
import type { CartStore } from "./cart-store.ts";

let postgres: Postgres;
let store: CartStore;
beforeAll(async () => {
  const sql = readFileSync(new URL("./migrations/0001-carts.sql", import.meta.url), "utf8");
  postgres = await freshSchema([{ id: "0001-carts", sql }]);
  store = postgresCartStore(postgres);
});
afterAll(() => postgres?.close());

const id = (number: number) => `10000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

// Few products, keys and orders, so that they meet; quantities near the limits, so that these are met.
const productId = fc.integer({ min: 1, max: 4 }).map(id);
const quantity = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 45, max: 99 }));
const line = fc.record({ productId, quantity });
const step = fc.oneof(
  fc.record({
    do: fc.constant("add" as const),
    line,
    currency: fc.option(fc.constantFrom("USD", "USD", "USD", "EUR"), { nil: undefined, freq: 10 }),
    key: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
  }),
  fc.record({
    do: fc.constant("set" as const),
    line: fc.record({ productId, quantity: fc.oneof(quantity, fc.constant(0)) }),
  }),
  fc.record({
    do: fc.constant("clear" as const),
    orderId: fc.integer({ min: 1, max: 6 }).map(id),
    lines: fc.array(line, { minLength: 1, maxLength: 4 }),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function take(carts: CartStore, customerId: string, is: Step, nowMs: number): Promise<unknown> {
  switch (is.do) {
    case "add":
      return carts.add(customerId, { ...is.line, currency: is.currency, key: is.key, nowMs });
    case "set":
      return carts.setQuantity(customerId, { ...is.line, nowMs });
    case "clear":
      return carts.clearOrdered(customerId, { orderId: is.orderId, lines: is.lines, nowMs });
  }
}

test("Postgres and the rules agree on every sequence of changes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const memory = memoryCartStore();
      const customerId = randomUUID();
      for (const [index, each] of steps.entries()) {
        const [real, ruled] = await Promise.all([
          take(store, customerId, each, index),
          take(memory, customerId, each, index),
        ]);
        expect(real).toEqual(ruled);
        expect(await store.get(customerId)).toEqual(await memory.get(customerId));
      }
    }),
    { numRuns: 200 },
  );
});

test("a cart's memory of orders is bounded, in Postgres as in the rules", async () => {
  const customerId = randomUUID();
  const memory = memoryCartStore();
  for (const carts of [store, memory]) {
    await carts.add(customerId, {
      productId: id(1),
      quantity: 99,
      currency: "USD",
      key: undefined,
      nowMs: 1,
    });
    const lines = [{ productId: id(1), quantity: 1 }];
    for (let order = 0; order <= recentOrdersMax; order += 1)
      await carts.clearOrdered(customerId, { orderId: id(order), lines, nowMs: 2 });
    await carts.clearOrdered(customerId, { orderId: id(1), lines, nowMs: 2 });
    expect((await carts.get(customerId)).lines).toEqual([{ productId: id(1), quantity: 48 }]);
    await carts.clearOrdered(customerId, { orderId: id(0), lines, nowMs: 2 });
    expect((await carts.get(customerId)).lines).toEqual([{ productId: id(1), quantity: 47 }]);
  }
});

test("a cart of many lines is cleared whole", async () => {
  const customerId = randomUUID();
  const lines = Array.from({ length: linesMax }, (_, index) => ({ productId: id(index), quantity: 2 }));
  for (const each of lines)
    await store.add(customerId, { ...each, currency: "USD", key: undefined, nowMs: 1 });
  const cleared = await store.clearOrdered(customerId, { orderId: id(1), lines, nowMs: 2 });
  expect(cleared).toEqual({ customerId, lines: [], currency: "", updateTimeMs: 2 });
});

test("reading and refusing store nothing", async () => {
  const customerId = randomUUID();
  const addition = { productId: id(1), quantity: 1, currency: undefined, key: "k", nowMs: 1 };
  await store.get(customerId);
  await store.add(customerId, addition);
  await store.setQuantity(customerId, addition);
  const rows = await postgres.query("select 1 from carts where customer_id = $1", [customerId]);
  expect(rows).toHaveLength(0);
});
