// Draws the pictures of the demo's products and writes them to images/, with a note of what each was drawn from.
// Run it after changing a drawing or a colour: node services/catalog/seed/draw-images.ts
//
// They are checked in because drawing them takes some seconds, which the first start of a store does not have.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import sharp from "sharp";
import { imageSizePixels, imageSizes } from "../image.ts";
import { seedImageFile, seedPicturePixels } from "../seed-demo.ts";
import { pictureOf } from "./drawing/pictures.ts";
import { type SeedProduct, seedProducts } from "./products.ts";

const folder = new URL("./images/", import.meta.url);
const sourcesFile = new URL("sources.json", folder);
const webp = { quality: 76, effort: 6 };

/** What the pictures are drawn from, as a digest each. */
export function pictureSources(): string {
  const digests = seedProducts.map((product) => [
    product.slug,
    createHash("sha256").update(pictureOf(product)).digest("hex").slice(0, 16),
  ]);
  return `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`;
}

async function draw(product: SeedProduct): Promise<void> {
  const { data, info } = await sharp(Buffer.from(pictureOf(product)))
    .resize(seedPicturePixels)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  for (const size of imageSizes) {
    const pixels = Math.min(imageSizePixels[size], seedPicturePixels);
    const file = await sharp(data, { raw: info }).resize(pixels).webp(webp).toBuffer();
    writeFileSync(seedImageFile(product, size), file);
  }
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) rmSync(new URL(file, folder));
  for (const product of seedProducts) await draw(product);
  writeFileSync(sourcesFile, pictureSources());
}
