// What calls leave behind, and that nobody else notices how it is let go of.

import { AsyncResource, executionAsyncId } from "node:async_hooks";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type ServiceError, status } from "@grpc/grpc-js";
import { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { expect, test } from "vitest";
import { atEnd, clientOf, latch, serve } from "./testing-rpc.ts";
import { keepGarbageYoung } from "./young-garbage.ts";

const item = { customerId: "", productId: "3f2b8c1e-1234-4abc-8def-1234567890ab", quantity: 1 };

setFlagsFromString("--expose-gc");
const collect: (how?: { type: "minor" }) => void = runInNewContext("gc");

const youngBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_used_size ?? 0;

/** Until nothing is young: an object is collected, or old when it has outlived two collections. */
async function collectYoung() {
  // While the whole heap is being marked, one may do nothing.
  for (let round = 0; round < 100 && youngBytes() > 100_000; round += 1) {
    collect({ type: "minor" });
    await new Promise(setImmediate);
  }
}

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
  await collectYoung();
  const keptBytes = (process.memoryUsage().heapUsed - before) / 800;
  expect(keptBytes).toBeLessThan(7_000);
});

test("all calls in hand on a connection that is cut are told so, and the next call finds another connection", async () => {
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
  const between = await proxyTo(served.port);
  const { client } = clientOf({ ...served, address: `127.0.0.1:${between.port}` });
  const codes = begun.map(() => client.addItem(item).catch(({ cause }) => (cause as ServiceError).code));
  await Promise.all(begun.map(({ opened }) => opened));
  between.cut();
  expect(await Promise.all(codes)).toEqual(begun.map(() => status.UNAVAILABLE));
  held.open();
  expect(await client.addItem(item)).toEqual({ cart: undefined });
});

/** Passes on what comes, until it is cut. */
async function proxyTo(port: number): Promise<{ port: number; cut(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(port, "127.0.0.1");
    for (const socket of [inner, outer]) sockets.add(socket.on("error", () => {}));
    inner.pipe(outer).pipe(inner);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  atEnd(() => {
    server.close();
    cut();
  });
  return { port: (server.address() as AddressInfo).port, cut };
}

test("a bound function knows its arguments, its length, whose method it is, and where it was made", () => {
  keepGarbageYoung();
  const resource = new AsyncResource("test");
  const seen = function (this: unknown, first: number, second: number) {
    return { self: this, sum: first + second, in: executionAsyncId() };
  };
  const bound = resource.bind(seen);
  expect(bound).toHaveLength(2);
  expect(bound).not.toHaveProperty("asyncResource");
  const owner = { bound };
  expect(owner.bound(1, 2)).toEqual({ self: owner, sum: 3, in: resource.asyncId() });
  expect(Reflect.apply(resource.bind, resource, [seen, "given"])(1, 2)).toMatchObject({
    self: "given",
    sum: 3,
  });
  expect(executionAsyncId()).not.toBe(resource.asyncId());
  for (const none of [undefined, "text", { length: 1 }])
    expect(() => resource.bind(none as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }),
    );
});
