// Get a product, whether it can be bought or not: old orders show it too.

import type { Product } from "./product.ts";
import type { ProductStore } from "./product-store.ts";
import { refusals } from "./refusals.ts";

export async function getProduct(
  productId: string,
  { products }: { products: ProductStore },
): Promise<Product> {
  const product = await products.get(productId);
  if (product === undefined) throw refusals.refuse("product_not_found");
  return product;
}
