// Products in memory, for the fake.

import { type Product, sortKeyOf, wordsOfProduct } from "./product.ts";
import type { ProductQuery, ProductStore } from "./product-store.ts";

export function openMemoryProductStore(): ProductStore {
  const products = new Map<string, Product>();
  return {
    list: async (query) =>
      [...products.values()]
        .filter((product) => matches(product, query))
        .map((product) => ({ product, place: placeOf(sortKeyOf(product.name), product.productId) }))
        .filter(
          ({ place }) =>
            query.after === undefined ||
            place.compare(placeOf(query.after.sortKey, query.after.productId)) > 0,
        )
        .sort((a, b) => a.place.compare(b.place))
        .slice(0, query.limit)
        .map(({ product }) => product),
    get: async (productId) => products.get(productId),
    getMany: async (productIds) => [...new Set(productIds)].flatMap((id) => products.get(id) ?? []),
    add: async (product) => {
      const standing = products.get(product.productId) ?? product;
      products.set(product.productId, standing);
      return standing;
    },
    replace: async (product) => {
      if (products.get(product.productId)?.revision !== product.revision - 1) return false;
      products.set(product.productId, product);
      return true;
    },
  };
}

/** UTF-8 is ordered as code points are; JavaScript's own comparison is not. */
const placeOf = (sortKey: string, productId: string): Buffer => Buffer.from(`${sortKey}\0${productId}`);

function matches(product: Product, query: ProductQuery): boolean {
  const { amountMinor } = product.price;
  const words = query.words.length === 0 ? [] : wordsOfProduct(product);
  return (
    (product.active || query.includeInactive) &&
    (query.tag === undefined || product.tags.includes(query.tag)) &&
    (query.minAmountMinor === undefined || amountMinor >= query.minAmountMinor) &&
    (query.maxAmountMinor === undefined || amountMinor <= query.maxAmountMinor) &&
    query.words.every((sought) => words.some((word) => word.startsWith(sought)))
  );
}
