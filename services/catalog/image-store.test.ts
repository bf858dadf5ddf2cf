// Image files in memory, in Postgres and in MongoDB, under one contract; and MongoDB's limit.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type Mongo, openLog } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { describeWithDocker, openMongo, startMongo } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileBytesMax, type ImageFiles, imageSizes } from "./image.ts";
import { openMemoryImageStore } from "./image-store.memory.ts";
import { openMongoImageStore } from "./image-store.mongo.ts";
import { openPostgresImageStore } from "./image-store.postgres.ts";
import type { ImageStore } from "./image-store.ts";

const filesOf = (bytes: number): ImageFiles => ({
  small: randomBytes(bytes),
  medium: randomBytes(bytes),
  large: randomBytes(bytes),
});

/** The files of an id, by size. */
async function kept(store: ImageStore, imageId: string): Promise<(Buffer | undefined)[]> {
  const files = await Promise.all(imageSizes.map((size) => store.get(imageId, size)));
  return files.map((file) => (file === undefined ? undefined : Buffer.from(file)));
}

const digestOf = (file: Buffer | undefined) => file && createHash("sha256").update(file).digest("hex");

const listed = (files: ImageFiles) => imageSizes.map((size) => Buffer.from(files[size]));

function imageStoreContract(
  name: string,
  open: () => Promise<{ store: ImageStore; close(): Promise<void> }>,
): void {
  describe(name, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: ImageStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened?.close());

    test.each([1, 1_000, fileBytesMax])("three files of %i bytes come back as they were", async (bytes) => {
      const [imageId, files] = [randomUUID(), filesOf(bytes)];
      await store.put(imageId, files);
      // Compared as digests, so that a difference of a MiB is said in a line.
      expect((await kept(store, imageId)).map(digestOf)).toEqual(listed(files).map(digestOf));
    });

    test("a part of a larger buffer is kept as that part", async () => {
      const [imageId, whole] = [randomUUID(), randomBytes(300)];
      await store.put(imageId, {
        small: whole.subarray(0, 100),
        medium: whole.subarray(100, 200),
        large: new Uint8Array(whole.subarray(200)),
      });
      expect(Buffer.concat((await kept(store, imageId)) as Buffer[])).toEqual(whole);
    });

    test("an id that nobody has put has no files", async () => {
      expect(await kept(store, randomUUID())).toEqual([undefined, undefined, undefined]);
    });

    test("the first files of an id stay", async () => {
      const [imageId, first] = [randomUUID(), filesOf(100)];
      await store.put(imageId, first);
      await store.put(imageId, first);
      await store.put(imageId, filesOf(50));
      expect(await kept(store, imageId)).toEqual(listed(first));
    });

    test("of several at once under one id, the three files of one are kept", async () => {
      const imageId = randomUUID();
      const all = Array.from({ length: 8 }, () => filesOf(100));
      await Promise.all(all.map((files) => store.put(imageId, files)));
      expect(all.map(listed)).toContainEqual(await kept(store, imageId));
    });
  });
}

imageStoreContract("images in memory", async () => ({
  store: openMemoryImageStore(),
  close: async () => {},
}));

imageStoreContract("images in Postgres", async () => {
  const postgres = await freshSchema(migrationsFrom(new URL("./migrations/", import.meta.url)));
  return { store: openPostgresImageStore(postgres), close: () => postgres.close() };
});

describeWithDocker("with a MongoDB", () => {
  let server: Awaited<ReturnType<typeof startMongo>>;
  let mongo: Mongo;
  let store: ImageStore;
  beforeAll(async () => {
    server = await startMongo();
    const log = openLog("test", { level: "silent" });
    mongo = await openMongo({
      url: server.url,
      database: "catalog",
      poolMax: 8,
      applicationName: "test",
      log,
    });
    store = openMongoImageStore(mongo);
  });
  afterAll(async () => {
    await mongo?.close();
    await server?.stop();
  });

  imageStoreContract("images in MongoDB", async () => ({ store, close: async () => {} }));

  test.each(imageSizes)("when the %s file is larger than a file may be, none is kept", async (size) => {
    const imageId = randomUUID();
    const put = store.put(imageId, { ...filesOf(100), [size]: randomBytes(fileBytesMax + 1) });
    await expect(put).rejects.toThrow(`must have 1 to ${fileBytesMax} bytes`);
    expect(await kept(store, imageId)).toEqual([undefined, undefined, undefined]);
  });
});
