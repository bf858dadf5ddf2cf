// Adds the demo's products where they are missing. What is there stays as it is, whatever staff have made of it, so
// that it can run at every start: when nothing is missing it costs one statement and loads nothing more.

import { readFile } from "node:fs/promises";
import { type ImageSize, imageIdOf } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { newProduct, withImage } from "./product.ts";
import type { ProductStore } from "./product-store.ts";
import { type SeedProduct, seedCurrency, seedProducts } from "./seed/products.ts";

type Parts = { readonly products: ProductStore; readonly images: ImageStore; readonly nowMs: () => number };

/** How wide and high the pictures are drawn; also that of their large size. */
export const seedPicturePixels = 960;
const atOnceMax = 4;

/** Gives how many it added. */
export async function seedDemo(parts: Parts): Promise<number> {
  const standing = await parts.products.getMany(seedProducts.map(({ productId }) => productId));
  const ids = new Set(standing.map(({ productId }) => productId));
  const missing = seedProducts.filter(({ productId }) => !ids.has(productId));
  const rest = missing.values();
  // Several take from one list until it is empty.
  const worker = async () => {
    for (const product of rest) await addSeed(product, parts);
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return missing.length;
}

async function addSeed(seed: SeedProduct, { products, images, nowMs }: Parts): Promise<void> {
  const read = (size: ImageSize) => readFile(seedImageFile(seed, size));
  const [small, medium, large] = await Promise.all([read("small"), read("medium"), read("large")]);
  const imageId = imageIdOf(seed.productId, large);
  await images.put(imageId, { small, medium, large });
  const { productId, name, description, tags, amountMinor } = seed;
  const price = { amountMinor, currency: seedCurrency };
  const product = newProduct({ productId, name, description, tags, price }, new Date(nowMs()));
  const image = { imageId, width: seedPicturePixels, height: seedPicturePixels };
  await products.add(withImage(product, image));
}

/** Where the picture of a product is checked in. */
export const seedImageFile = ({ slug }: SeedProduct, size: ImageSize): URL =>
  new URL(`./seed/images/${slug}.${size}.webp`, import.meta.url);
