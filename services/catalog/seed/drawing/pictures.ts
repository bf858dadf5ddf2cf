// Which function draws which family.

import type { Family, SeedProduct } from "../products.ts";
import type { Colors } from "./canvas.ts";
import { bag, candle, headphones, notebook, plantPot } from "./carried.ts";
import { chair, clock, cushion, lamp } from "./furniture.ts";
import { mug, teapot, vase } from "./tableware.ts";

const draw: Readonly<Record<Family, (colors: Colors, variant: number) => string>> = {
  mug,
  teapot,
  vase,
  "plant-pot": plantPot,
  lamp,
  chair,
  clock,
  cushion,
  notebook,
  bag,
  headphones,
  candle,
};

/** The product's picture as SVG. */
export function pictureOf(product: SeedProduct): string {
  return draw[product.family](product.colors, product.variant);
}
