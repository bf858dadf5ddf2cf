// The demo's products: what they are, that they are added once, and that their pictures are those that are drawn today.

import { readFileSync } from "node:fs";
import { testClient } from "@webstore/kit/testing";
import { describeWithDocker } from "@webstore/kit/testing-container";
import { ImageSize } from "@webstore/proto/catalog/v1";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalog } from "./definition.ts";
import { imageSizePixels, imageSizes } from "./image.ts";
import { openMemoryImageStore } from "./image-store.memory.ts";
import { openMemoryProductStore } from "./product-store.memory.ts";
import { pictureSources } from "./seed/draw-images.ts";
import { seedProducts } from "./seed/products.ts";
import { seedDemo, seedImageFile, seedPicturePixels } from "./seed-demo.ts";
import { inMongo, inPostgres, type Kept, startCatalog } from "./testing-catalog.ts";
import { listAll, noChange, noFilter } from "./testing-products.ts";

/** Starts the catalog with the demo's products, and stops it again. */
async function started<T>(
  kept: Kept,
  look: (shop: ReturnType<typeof testClient<typeof catalog.serves>>) => Promise<T>,
) {
  const running = await startCatalog(kept, { SEED_DEMO: "true" });
  const shop = testClient(catalog, running.urls.rpc ?? "", { token: "admin-token-456" });
  try {
    return await look(shop);
  } finally {
    shop.close();
    await running.stop();
  }
}

function seedContract(name: string, keep: () => Promise<Kept>): void {
  describe(name, () => {
    let kept: Kept;
    beforeAll(async () => {
      kept = await keep();
    });
    afterAll(() => kept?.stop());

    test("the first start adds sixty products with an image each", async () => {
      await started(kept, async (shop) => {
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

    test("a later start changes nothing of them, not even what staff have changed", async () => {
      const price = { amountMinor: 15_00n, currency: "USD" };
      const productId = seedProducts[0]?.productId ?? "";
      const before = await started(kept, async (shop) => {
        await shop.updateProduct({ ...noChange, productId, price, active: false });
        return listAll(shop, { ...noFilter, includeInactive: true, pageSize: 100 });
      });
      const after = await started(kept, (shop) =>
        listAll(shop, { ...noFilter, includeInactive: true, pageSize: 100 }),
      );
      expect(after).toEqual(before);
      expect(after.find((product) => product.productId === productId)).toMatchObject({
        price,
        active: false,
      });
    });
  });
}

seedContract("the demo in Postgres", inPostgres);
describeWithDocker("with a MongoDB", () => {
  seedContract("the demo in MongoDB", inMongo);
});

test("when nothing is missing nothing is written", async () => {
  const parts = { products: openMemoryProductStore(), images: openMemoryImageStore(), nowMs: () => 0 };
  expect(await seedDemo(parts)).toBe(60);
  const fail = () => expect.fail("written");
  const closed = { ...parts.products, add: fail, replace: fail };
  expect(await seedDemo({ ...parts, products: closed, images: { ...parts.images, put: fail } })).toBe(0);
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
