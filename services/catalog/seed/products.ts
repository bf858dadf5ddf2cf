// The demo's 60 products: twelve families of five. Their ids, names, texts and prices are fixed, so that examples,
// tests and the inventory's demo stock can speak of them; each has the picture that its family draws.

import { belongings } from "./belongings.ts";
import type { Colors } from "./drawing/canvas.ts";
import type { FamilyRows, Row } from "./family.ts";
import { furnishings } from "./furnishings.ts";
import { tableware } from "./tableware.ts";

const families = { ...tableware, ...furnishings, ...belongings } satisfies Record<string, FamilyRows>;
export type Family = keyof typeof families;

export type SeedProduct = {
  readonly productId: string;
  readonly name: string;
  readonly description: string;
  readonly amountMinor: bigint;
  readonly tags: readonly string[];
  readonly family: Family;
  /** 0 to 4: which of the family's five. */
  readonly variant: number;
  readonly colors: Colors;
  /** Its picture's file names begin so. */
  readonly slug: string;
};

export const seedCurrency = "USD";

const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll("'", "")
    .replace(/[^a-z]+/g, "-");

function productOf(family: Family, row: Row, variant: number, index: number): SeedProduct {
  const { tags, about } = families[family];
  const [name, amountMinor, ownTags, text, colorText] = row;
  const [main = "", accent = "", backdrop = ""] = colorText.split(" ");
  return {
    productId: `10000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`,
    name,
    description: `${text} ${about}`,
    amountMinor,
    tags: [family, ...tags.split(" "), ...ownTags.split(" ")],
    family,
    variant,
    colors: { main, accent, backdrop },
    slug: slugOf(name),
  };
}

/** In the order of their ids; the first is the stoneware mug that the README buys. */
export const seedProducts: readonly SeedProduct[] = (Object.keys(families) as Family[])
  .flatMap((family) => families[family].rows.map((row, variant) => ({ family, row, variant })))
  .map(({ family, row, variant }, index) => productOf(family, row, variant, index));
