// Update a product: the given fields change, the others stay.

import { Outage } from "@webstore/kit";
import { changed, type Product, type ProductChange } from "./product.ts";
import type { ProductStore } from "./product-store.ts";
import { refusals } from "./refusals.ts";

export type UpdateParts = { readonly products: ProductStore; readonly nowMs: () => number };

/** Each attempt is lost only to somebody else's change of the same product. */
const attemptsMax = 20;

export function updateProduct(
  productId: string,
  change: ProductChange,
  parts: UpdateParts,
): Promise<Product> {
  return replaceProduct(productId, (product) => changed(product, change), parts);
}

/** Puts what `change` makes of the product in its place. `change` may run again, on what others have made of it meanwhile. */
export async function replaceProduct(
  productId: string,
  change: (product: Product) => Product,
  { products, nowMs }: UpdateParts,
): Promise<Product> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const before = await products.get(productId);
    if (before === undefined) throw refusals.refuse("product_not_found");
    const after = change(before);
    if (after === before) return before;
    const next = { ...after, revision: before.revision + 1, updateTime: new Date(nowMs()) };
    if (await products.replace(next)) return next;
  }
  throw new Outage("catalog", `product ${productId} is being changed by too many at once`);
}
