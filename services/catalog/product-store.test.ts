// Products in memory, in Postgres and in MongoDB, under one contract; and what only MongoDB has.

import { randomUUID } from "node:crypto";
import { delay, type Mongo, openLog } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { describeWithDocker, openMongo, startMongo } from "@webstore/kit/testing-container";
import mongoose from "mongoose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMongoLeases } from "./lease.mongo.ts";
import { productOf, productStoreContract } from "./product-store.contract.ts";
import { openMemoryProductStore } from "./product-store.memory.ts";
import { openMongoProductStore } from "./product-store.mongo.ts";
import { openPostgresProductStore } from "./product-store.postgres.ts";
import type { ProductStore } from "./product-store.ts";

productStoreContract("products in memory", async () => ({
  store: openMemoryProductStore(),
  close: async () => {},
}));

productStoreContract("products in Postgres", async () => {
  const postgres = await freshSchema(migrationsFrom(new URL("./migrations/", import.meta.url)));
  return { store: openPostgresProductStore(postgres), close: () => postgres.close() };
});

describeWithDocker("with a MongoDB", () => {
  let server: Awaited<ReturnType<typeof startMongo>>;
  let mongo: Mongo;
  let store: ProductStore;
  const open = () =>
    openMongo({
      url: server.url,
      database: "catalog",
      poolMax: 8,
      applicationName: "test",
      log: openLog("test", { level: "silent" }),
    });
  // Time stands still, so that nobody gives up a lease because the machine is slow.
  const storeOn = (on: Mongo) =>
    openMongoProductStore(on, openMongoLeases(on, { nowMs: () => 0, random: Math.random, delayMs: delay }));
  beforeAll(async () => {
    server = await startMongo();
    mongo = await open();
    store = await storeOn(mongo);
  });
  afterAll(async () => {
    await mongo?.close();
    await server?.stop();
  });

  productStoreContract("products in MongoDB", async () => ({ store, close: async () => {} }));

  test("its indexes are made at the first opening, and the next one finds them", async () => {
    const indexes = async () => Object.keys(await mongo.connection.collection("products").indexInformation());
    const expected = ["_id_", "products_place", "products_tags", "products_words"];
    expect((await indexes()).sort()).toEqual(expected);
    const product = await store.add(productOf());
    const other = await open();
    const opened = await storeOn(other);
    expect(await opened.get(product.productId)).toEqual(product);
    await other.close();
    expect((await indexes()).sort()).toEqual(expected);
  });

  test("of replacements of one revision in two processes one succeeds", async () => {
    const other = await open();
    const stores = [store, await storeOn(other)];
    for (let round = 0; round < 5; round += 1) {
      const product = await store.add(productOf());
      const next = { ...product, revision: 2 };
      const succeeded = await Promise.all(
        Array.from({ length: 8 }, (_, index) => stores[index % 2]?.replace(next)),
      );
      expect(succeeded.filter(Boolean)).toHaveLength(1);
    }
    await other.close();
  });

  test("an amount is a 64-bit integer in the database, too", async () => {
    const { productId } = await store.add(productOf({ price: { amountMinor: 5n, currency: "USD" } }));
    const kept = await mongo.connection
      .collection<{ _id: string; price: unknown }>("products")
      .findOne({ _id: productId }, { promoteLongs: false });
    expect(kept?.price).toMatchObject({ amountMinor: mongoose.mongo.Long.fromNumber(5) });
  });

  test("what has a field too many, or breaks the document's rules, is not kept", async () => {
    const product = productOf();
    const wrong = [
      { ...product, colour: "red" },
      { ...product, price: { amountMinor: 1n, currency: "dollars" } },
    ];
    for (const each of wrong) await expect(store.add(each)).rejects.toThrow();
    expect(await store.get(product.productId)).toBeUndefined();
    await store.add(product);
    for (const each of wrong) await expect(store.replace({ ...each, revision: 2 })).rejects.toThrow();
    expect(await store.get(product.productId)).toEqual(product);
  });

  test.each([
    ["has just lost an election", { code: 189 }, "Outage"],
    ["ran out of time", { code: 50 }, "Outage"],
    ["refuses what it is told", { code: 2 }, "MongoServerError"],
  ])("a server that %s is told from an outage", async (_, answer, name) => {
    const error = new mongoose.mongo.MongoServerError({ message: "no", ...answer });
    await expect(mongo.run(() => Promise.reject(error))).rejects.toMatchObject({ name });
  });

  test("without the server every call is an outage", async () => {
    await server.stop();
    const product = productOf();
    const calls = await Promise.allSettled([
      store.get(randomUUID()),
      store.add(product),
      store.replace({ ...product, revision: 2 }),
    ]);
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: { name: "Outage" } });
  });
});
