// The rules are written again where the carts are kept: in the functions of Postgres and in the scripts of Redis. Whatever
// is done to a cart, all give the same.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { openLog, type Redis } from "@webstore/kit";
import { freshSchema } from "@webstore/kit/testing";
import { describeWithDocker, openRedis, startRedis } from "@webstore/kit/testing-container";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linesMax, recentOrdersMax } from "./cart.ts";
import { memoryCartStore } from "./cart-store.memory.ts";
import { postgresCartStore } from "./cart-store.postgres.ts";
import { keptMs, redisCartStore } from "./cart-store.redis.ts";
import type { CartStore } from "./cart-store.ts";

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

type Opened = {
  readonly store: CartStore;
  isKept(customerId: string): Promise<boolean>;
  close(): Promise<void>;
};

/** What every implementation is held to. */
function cartStoreContract(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    let store: CartStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened?.close());

    test("it and the rules agree on every sequence of changes", async () => {
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

    test("a cart's memory of orders is bounded, here as in the rules", async () => {
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

    test("setting what a line has already is no change, nor is clearing what is not there", async () => {
      const customerId = randomUUID();
      const line = { productId: id(1), quantity: 2 };
      const { cart } = await store.add(customerId, { ...line, currency: "USD", key: undefined, nowMs: 1 });
      expect(await store.setQuantity(customerId, { ...line, nowMs: 2 })).toEqual(cart);
      const order = { orderId: id(1), lines: [{ ...line, productId: id(2) }], nowMs: 3 };
      expect(await store.clearOrdered(customerId, order)).toEqual(cart);
      expect(await store.get(customerId)).toEqual(cart);
    });

    test("reading and refusing store nothing", async () => {
      const customerId = randomUUID();
      const addition = { productId: id(1), quantity: 1, currency: undefined, key: "k", nowMs: 1 };
      await store.get(customerId);
      await store.add(customerId, addition);
      await store.setQuantity(customerId, addition);
      expect(await opened.isKept(customerId)).toBe(false);
    });
  });
}

cartStoreContract("carts in Postgres", async () => {
  const sql = readFileSync(new URL("./migrations/0001-carts.sql", import.meta.url), "utf8");
  const postgres = await freshSchema([{ id: "0001-carts", sql }]);
  return {
    store: postgresCartStore(postgres),
    isKept: async (customerId) =>
      (await postgres.query("select 1 from carts where customer_id = $1", [customerId])).length > 0,
    close: () => postgres.close(),
  };
});

describeWithDocker("with a Redis", () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let redis: Redis;
  let store: CartStore;
  const open = (prefix: string) =>
    openRedis({ url: server.url, prefix, log: openLog("test", { level: "silent" }) });
  beforeAll(async () => {
    server = await startRedis();
    redis = await open("cart");
    store = redisCartStore(redis);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });
  const mug = { productId: id(1), quantity: 2, currency: "USD", key: undefined, nowMs: 1 };
  const keyOf = (customerId: string) => `${redis.prefix}${customerId}`;

  cartStoreContract("carts in Redis", async () => ({
    store,
    isKept: async (customerId) => (await redis.client.exists(keyOf(customerId))) > 0,
    close: async () => {},
  }));

  test("a cart expires ninety days after its last change, and reading or refusing is none", async () => {
    const customerId = randomUUID();
    const daysLeft = async () => Math.ceil((await redis.client.pTTL(keyOf(customerId))) / 86_400_000);
    const changes = [
      () => store.add(customerId, mug),
      () => store.setQuantity(customerId, { ...mug, quantity: 5 }),
      () => store.clearOrdered(customerId, { orderId: id(9), lines: [mug], nowMs: 3 }),
      () => store.setQuantity(customerId, { ...mug, quantity: 0 }),
      () => store.clearOrdered(customerId, { orderId: id(8), lines: [mug], nowMs: 3 }),
    ];
    for (const change of changes) {
      await change();
      expect(await daysLeft()).toBe(keptMs / 86_400_000);
      await redis.client.pExpire(keyOf(customerId), 86_400_000);
    }
    await store.get(customerId);
    await store.add(customerId, { ...mug, currency: undefined });
    await store.clearOrdered(customerId, { orderId: id(8), lines: [mug], nowMs: 3 });
    await store.setQuantity(customerId, { ...mug, quantity: 1 });
    expect(await daysLeft()).toBe(1);
  });

  test("a server that has forgotten the scripts is told them again", async () => {
    const customerId = randomUUID();
    await store.add(customerId, mug);
    await redis.client.scriptFlush();
    await store.add(customerId, mug);
    await redis.client.scriptFlush();
    await store.setQuantity(customerId, { ...mug, quantity: 9 });
    await redis.client.scriptFlush();
    await store.clearOrdered(customerId, { orderId: id(1), lines: [mug], nowMs: 2 });
    expect((await store.get(customerId)).lines).toEqual([{ productId: id(1), quantity: 7 }]);
  });

  test("changes of one cart at once, from two processes, are all made", async () => {
    const customerId = randomUUID();
    const other = await open("cart");
    const stores = [store, redisCartStore(other)];
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        stores[index % 2]?.add(customerId, { ...mug, productId: id(index % 4), quantity: 1 }),
      ),
    );
    await other.close();
    const { lines } = await store.get(customerId);
    expect(lines.map(({ quantity }) => quantity)).toEqual([10, 10, 10, 10]);
  });

  test("two prefixes on one server have nothing to do with each other", async () => {
    const customerId = randomUUID();
    await store.add(customerId, mug);
    const other = await open("basket");
    expect((await redisCartStore(other).get(customerId)).lines).toEqual([]);
    await other.close();
  });

  test("without the server every call is an outage", async () => {
    const customerId = randomUUID();
    await server.stop();
    const calls = await Promise.allSettled([
      store.get(customerId),
      store.add(customerId, mug),
      store.setQuantity(customerId, mug),
      store.clearOrdered(customerId, { orderId: id(1), lines: [mug], nowMs: 1 }),
    ]);
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: { name: "Outage" } });
  });
});
