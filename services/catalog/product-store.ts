// The collection of products. Each is one document: it is changed as a whole or not at all, and nothing here needs a
// transaction over several, so that any document database can be behind it.
//
// What every implementation promises:
//   S1. add() is atomic: of several with the same id one is kept, and all get that one.
//   S2. replace() succeeds for one of several that saw the same revision.
//   S3. list() is ordered by sort key and then by id, both by their code points, and begins behind `after` even when
//       that product is gone: a product that stays as it is comes exactly once, whatever is added meanwhile.
//   S4. What was answered is durable, and is seen by every call that begins later.

import type { Position } from "./page-token.ts";
import type { Product } from "./product.ts";

export type ProductQuery = {
  /** Each begins one of the product's words (`wordsOfProduct`). Empty: all products. */
  readonly words: readonly string[];
  readonly tag: string | undefined;
  /** Bounds of the price in minor units, inclusive. */
  readonly minAmountMinor: bigint | undefined;
  readonly maxAmountMinor: bigint | undefined;
  /** Also those that cannot be bought. */
  readonly includeInactive: boolean;
  readonly after: Position | undefined;
  readonly limit: number;
};

export type ProductStore = {
  list(query: ProductQuery): Promise<Product[]>;
  get(productId: string): Promise<Product | undefined>;
  /** Those that exist, each once, in no particular order. */
  getMany(productIds: readonly string[]): Promise<Product[]>;
  /** Keeps it unless its id is taken; gives the product that stands under the id now. */
  add(product: Product): Promise<Product>;
  /** Puts it in the place of its revision before; false when that is not what stands there. */
  replace(product: Product): Promise<boolean>;
};
