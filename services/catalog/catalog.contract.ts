// What every catalog promises to whoever calls it, as tests: the fake and the real one both pass all of them.
// What only the pipeline gives (who may call, what a field accepts) is in catalog.test.ts.

import { afterAll, beforeAll, describe } from "vitest";
import { imageRefusalTests, imageTests } from "./contract/images.ts";
import { filterTests, orderTests, pageTokenTests, pagingTests } from "./contract/lists.ts";
import { creationTests, updateTests } from "./contract/products.ts";
import { searchTests } from "./contract/searches.ts";
import type { CatalogUnderTest } from "./contract/shop.ts";
import { shopOf } from "./contract/shop.ts";

export function catalogContract(name: string, open: () => Promise<CatalogUnderTest>): void {
  describe(name, () => {
    let opened: CatalogUnderTest | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    const shop = shopOf(() => {
      if (opened === undefined) throw new Error("a test runs before the catalog is open");
      return opened;
    });
    for (const group of groups) group(shop);
  });
}

const groups = [
  creationTests,
  updateTests,
  orderTests,
  pagingTests,
  pageTokenTests,
  filterTests,
  searchTests,
  imageTests,
  imageRefusalTests,
];
