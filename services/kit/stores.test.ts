// The connections to Redis and MongoDB, on real servers: what a lost one becomes, and that it comes back.

import { expect, test, vi } from "vitest";
import { connectPatiently } from "./connect.ts";
import { openLog } from "./log.ts";
import { openMongo } from "./mongo.ts";
import { openRedis } from "./redis.ts";
import { Outage } from "./refusal.ts";
import { describeWithDocker, startMongo, startRedis } from "./testing-container.ts";

const log = openLog("test", { level: "silent", file: undefined });
const waitMs = { timeout: 20_000, interval: 50 };

test("the first connection is tried again after 1, 2, 4, 8 and 16 seconds, and then given up", async () => {
  const waitsMs: number[] = [];
  const gone = new Error("nobody there");
  const opening = connectPatiently(() => Promise.reject(gone), {
    what: "a store",
    log,
    isOutage: () => true,
    delayMs: async (ms) => void waitsMs.push(ms),
  });
  await expect(opening).rejects.toBe(gone);
  expect(waitsMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});

test("who is refused does not try again", async () => {
  const connect = vi.fn(() => Promise.reject(new Error("wrong password")));
  await expect(connectPatiently(connect, { what: "a store", log, isOutage: () => false })).rejects.toThrow(
    "wrong password",
  );
  expect(connect).toHaveBeenCalledTimes(1);
});

describeWithDocker("Redis", () => {
  test("a connection that is lost is made again, and a server that is gone is an outage at once", async () => {
    const server = await startRedis();
    const redis = await openRedis({ url: server.url, prefix: "cart", log });
    try {
      expect(redis.prefix).toBe("cart:");
      expect(await redis.ready()).toBe(true);
      await server.container.exec(["redis-cli", "client", "kill", "type", "normal"]);
      await expect.poll(() => redis.ready(), waitMs).toBe(true);
      expect(await redis.run((client) => client.get("a"))).toBeNull();
      await server.stop();
      await expect.poll(() => redis.ready(), waitMs).toBe(false);
      await expect(redis.run((client) => client.get("a"))).rejects.toThrow(Outage);
    } finally {
      await redis.close();
    }
  });
});

describeWithDocker("MongoDB", () => {
  test("a server that stops is an outage; what it refuses is not", async () => {
    const server = await startMongo();
    const mongo = await openMongo({
      url: server.url,
      database: "test",
      poolMax: 2,
      applicationName: "test",
      log,
    });
    const collection = mongo.connection.collection<{ _id: string }>("things");
    expect(await mongo.ready()).toBe(true);
    await mongo.run(() => collection.insertOne({ _id: "one" }));
    await expect(mongo.run(() => collection.insertOne({ _id: "one" }))).rejects.toMatchObject({
      code: 11_000,
    });
    await server.stop();
    expect(await mongo.ready()).toBe(false);
    await expect(mongo.run(() => collection.findOne({ _id: "one" }))).rejects.toThrow(Outage);
    await mongo.close();
  });
});
