// Price what is ordered: today's prices of the catalog, and the rules of every order (pricing.ts). The refusals that need
// nothing but reading, in this order.

import type { PortsOf } from "@webstore/kit";
import type { orders } from "./definition.ts";
import { limitBroken, type Price, type PriceRules, priceOf } from "./pricing.ts";
import { refuse } from "./refusals.ts";

export async function priceLines(
  lines: readonly { readonly productId: string; readonly quantity: number }[],
  { catalog, rules }: Pick<PortsOf<typeof orders>, "catalog"> & { readonly rules: PriceRules },
): Promise<Price> {
  const { products } = await catalog.batchGetProducts({
    productIds: lines.map(({ productId }) => productId),
  });
  const byId = new Map(products.map((product) => [product.productId, product]));
  const unpriced = lines.map(({ productId, quantity }) => {
    const product = byId.get(productId);
    if (product?.price === undefined || !product.active)
      throw refuse("product_not_found", { product_id: productId });
    return { productId, quantity, name: product.name, unitPriceMinor: product.price.amountMinor };
  });
  const currencies = new Set(products.map(({ price }) => price?.currency));
  const [currency] = currencies;
  if (currencies.size !== 1 || currency === undefined) throw refuse("currency_mismatch");

  const price = priceOf(unpriced, currency, rules);
  const broken = limitBroken(price, rules);
  if (broken !== undefined) throw refuse(broken);
  return price;
}
