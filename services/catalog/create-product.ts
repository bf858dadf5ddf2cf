// Create a product under the id that the caller chose. The same again, even after the product was changed, gives the
// product that stands.

import { newProduct, type Product, type ProductDraft } from "./product.ts";
import type { ProductStore } from "./product-store.ts";
import { refusals } from "./refusals.ts";

export async function createProduct(
  draft: ProductDraft,
  { products, nowMs }: { products: ProductStore; nowMs: () => number },
): Promise<Product> {
  const product = newProduct(draft, new Date(nowMs()));
  const standing = await products.add(product);
  if (standing.draftDigest !== product.draftDigest) throw refusals.refuse("product_exists");
  return standing;
}
