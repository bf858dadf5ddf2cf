// The catalog in memory, for the tests of who calls it: the same use cases on stores that forget.
// catalog.test.ts holds it to the same contract as the real one. What the kit does before a handler runs (who may call,
// which values a field accepts) it does not do.

import type { HandlersOf } from "@webstore/kit";
import type { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";
import type { Money } from "@webstore/proto/common/v1";
import { openImageEncoder } from "./image-encoder.ts";
import { openMemoryImageStore } from "./image-store.memory.ts";
import { newProduct } from "./product.ts";
import { openMemoryProductStore } from "./product-store.memory.ts";
import { rpc } from "./rpc.ts";

/** What the catalog has from the start; what is left out does not matter to the test. */
export type FakeProduct = {
  readonly productId: string;
  readonly price: Money;
  readonly name?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly active?: boolean;
};

export type FakeCatalog = HandlersOf<typeof CatalogServiceDefinition>;

export function fakeCatalog(
  is: { products?: readonly FakeProduct[]; nowMs?: () => number } = {},
): FakeCatalog {
  const nowMs = is.nowMs ?? Date.now;
  const products = openMemoryProductStore();
  for (const given of is.products ?? []) {
    const draft = { name: `Product ${given.productId}`, description: "", tags: [], ...given };
    void products.add({ ...newProduct(draft, new Date(nowMs())), active: given.active ?? true });
  }
  return rpc({ products, images: openMemoryImageStore(), encode: openImageEncoder(), nowMs });
}
