// A cart as the world sees it: the lines that the cart keeps, with the catalog's names and the prices of now.

import type { Cart as KeptCart } from "@webstore/proto/cart/v1";
import type { Product } from "@webstore/proto/catalog/v1";
import type { Cart, Line } from "@webstore/proto/storefront/v1";
import type { Ports } from "./definition.ts";
import { priceOf } from "./money.ts";
import { present } from "./present.ts";

export async function cartView(
  { catalog }: Pick<Ports, "catalog">,
  kept: KeptCart | undefined,
): Promise<Cart> {
  const { lines, currency } = present(kept, "cart");
  if (lines.length === 0) return { lines: [], subtotal: undefined };
  const { products } = await catalog.batchGetProducts({
    productIds: lines.map(({ productId }) => productId),
  });
  return joined(lines, currency, products);
}

/** Lines whose product is not sold any more are left out. */
function joined(kept: KeptCart["lines"], currency: string, products: readonly Product[]): Cart {
  const sold = new Map(products.map((product) => [product.productId, product]));
  const lines: Line[] = [];
  let subtotalMinor = 0n;
  for (const { productId, quantity } of kept) {
    const product = sold.get(productId);
    if (product === undefined || !product.active) continue;
    const unit = present(product.price, "price");
    const lineTotalMinor = unit.amountMinor * BigInt(quantity);
    subtotalMinor += lineTotalMinor;
    lines.push({
      productId,
      name: product.name,
      quantity,
      unitPrice: priceOf(unit),
      lineTotal: priceOf({ amountMinor: lineTotalMinor, currency: unit.currency }),
    });
  }
  const subtotal = lines.length === 0 ? undefined : priceOf({ amountMinor: subtotalMinor, currency });
  return { lines, subtotal };
}
