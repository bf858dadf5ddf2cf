// The demo's products: what they are, that they are added once, and that their pictures are those that are drawn today.

import { readFileSync } from "node:fs";
import { postgresCounters } from "@webstore/kit";
import { freshDatabase, testClient } from "@webstore/kit/testing";
import { ImageSize } from "@webstore/proto/catalog/v1";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalog } from "./definition.ts";
import { imageSizePixels, imageSizes } from "./image.ts";
import { pictureSources } from "./seed/draw-images.ts";
import { seedProducts } from "./seed/products.ts";
import { seedImageFile, seedPicturePixels } from "./seed-demo.ts";
import { startCatalog } from "./testing-catalog.ts";
import { listAll, noChange, noFilter } from "./testing-products.ts";

let database: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

/** Starts the catalog with the demo's products, and stops it again. */
async function started<T>(look: (shop: ReturnType<typeof testClient<typeof catalog.serves>>) => Promise<T>) {
  const running = await startCatalog(database.url, { SEED_DEMO: "true" });
  const shop = testClient(catalog, running.urls.rpc ?? "", { token: "admin-token-456" });
  try {
    return await look(shop);
  } finally {
    shop.close();
    await running.stop();
  }
}

test("the first start adds sixty products with an image each", async () => {
  await started(async (shop) => {
    const products = await listAll(shop, { ...noFilter, pageSize: 25 });
    expect(products.map(({ productId }) => productId).sort()).toEqual(
      seedProducts.map(({ productId }) => productId),
    );
    const mug = await shop.getProduct({ productId: "10000000-0000-4000-8000-000000000001" });
    expect(mug.product).toMatchObject({
      name: "Stoneware mug",
      price: { amountMinor: 14_50n, currency: "USD" },
    });
    for (const { images } of products) {
      const { imageId = "", width, height } = images[0] ?? {};
      expect([images.length, width, height]).toEqual([1, seedPicturePixels, seedPicturePixels]);
      const { content } = await shop.getProductImage({ imageId, size: ImageSize.IMAGE_SIZE_SMALL });
      expect((await sharp(content).metadata()).width).toBe(160);
    }
  });
});

test("a later start changes nothing of them, not even what staff have changed, and writes nothing", async () => {
  const price = { amountMinor: 15_00n, currency: "USD" };
  const productId = seedProducts[0]?.productId ?? "";
  const before = await started(async (shop) => {
    await shop.updateProduct({ ...noChange, productId, price, active: false });
    return listAll(shop, { ...noFilter, includeInactive: true, pageSize: 100 });
  });
  const { commits } = postgresCounters;
  const after = await started((shop) => listAll(shop, { ...noFilter, includeInactive: true, pageSize: 100 }));
  expect(after).toEqual(before);
  expect(after.find((product) => product.productId === productId)).toMatchObject({ price, active: false });
  expect(postgresCounters.commits).toBe(commits);
});

test("every demo product keeps the contract's rules and the demo's price range", async () => {
  const amounts = seedProducts.map(({ amountMinor }) => Number(amountMinor));
  expect([Math.min(...amounts), Math.max(...amounts)]).toEqual([3_50, 480_00]);
  expect(new Set(seedProducts.map(({ name }) => name)).size).toBe(60);
  expect(new Set(seedProducts.map(({ slug }) => slug)).size).toBe(60);
  for (const { tags, name, description } of seedProducts) {
    for (const tag of tags) expect(tag).toMatch(/^[a-z0-9-]{1,40}$/);
    expect(tags.length).toBeLessThanOrEqual(20);
    expect(name.length).toBeLessThanOrEqual(200);
    expect(description.length).toBeGreaterThan(60);
    expect(description.length).toBeLessThanOrEqual(5_000);
  }
});

test("the pictures are those that are drawn today (if not: node services/catalog/seed/draw-images.ts)", async () => {
  expect(readFileSync(new URL("./seed/images/sources.json", import.meta.url), "utf8")).toBe(pictureSources());
  let bytes = 0;
  for (const product of seedProducts) {
    for (const size of imageSizes) {
      const file = readFileSync(seedImageFile(product, size));
      const { format, width, height } = await sharp(file).metadata();
      const pixels = Math.min(imageSizePixels[size], seedPicturePixels);
      expect([product.slug, format, width, height]).toEqual([product.slug, "webp", pixels, pixels]);
      bytes += file.length;
    }
  }
  expect(bytes).toBeLessThan(1_500_000);
});
