// What calls leave behind, and that nobody else notices how it is let go of.

import { AsyncResource, executionAsyncId } from "node:async_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { expect, test } from "vitest";
import { clientOf, latch, serve } from "./testing-rpc.ts";

const item = { customerId: "", productId: "3f2b8c1e-1234-4abc-8def-1234567890ab", quantity: 1 };

setFlagsFromString("--expose-gc");
const collect: (how?: { type: "minor" }) => void = runInNewContext("gc");
const collectYoung = () => collect({ type: "minor" });

test("what calls leave behind does not outlive the young objects", async () => {
  const served = await serve(CartServiceDefinition);
  const { client } = clientOf(served);
  const calls = async (count: number) => {
    let left = count;
    const one = async () => {
      for (; left > 0; left -= 1) await client.addItem(item);
    };
    await Promise.all(Array.from({ length: 8 }, one));
  };
  await calls(1_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  await calls(800);
  // An object is old when it has outlived two of them.
  for (let round = 0; round < 3; round += 1) collectYoung();
  const keptBytes = (process.memoryUsage().heapUsed - before) / 800;
  expect(keptBytes).toBeLessThan(7_000);
});

test("of a connection that is cut all calls in hand end, and the next call finds another one", async () => {
  const begun = [latch(), latch(), latch()];
  const held = latch();
  let seen = 0;
  const served = await serve(CartServiceDefinition, {
    addItem: async () => {
      begun[seen++]?.open();
      await held.opened;
      return { cart: undefined };
    },
  });
  const { client } = clientOf(served);
  const calls = begun.map(() => client.addItem(item).catch((error: Error) => error.message));
  await Promise.all(begun.map(({ opened }) => opened));
  await served.drain(0);
  expect(await Promise.all(calls)).toEqual(begun.map(() => expect.stringContaining("callee")));
  held.open();
});

test("a bound function knows its arguments, its length, whose method it is, and where it was made", () => {
  const resource = new AsyncResource("test");
  const seen = function (this: unknown, first: number, second: number) {
    return { self: this, sum: first + second, in: executionAsyncId() };
  };
  const bound = resource.bind(seen);
  expect(bound).toHaveLength(2);
  const owner = { bound };
  expect(owner.bound(1, 2)).toEqual({ self: owner, sum: 3, in: resource.asyncId() });
  expect(Reflect.apply(resource.bind, resource, [seen, "given"])(1, 2)).toMatchObject({
    self: "given",
    sum: 3,
  });
  expect(executionAsyncId()).not.toBe(resource.asyncId());
  expect(() => resource.bind(undefined as never)).toThrow(TypeError);
});
