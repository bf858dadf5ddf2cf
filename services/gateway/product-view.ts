// A product as the world sees it: the catalog's, with how many the inventory says there are.

import { Outage, Refusal } from "@webstore/kit";
import type { Product as CatalogProduct } from "@webstore/proto/catalog/v1";
import type { Product } from "@webstore/proto/storefront/v1";
import type { Ports } from "./definition.ts";
import { priceOf } from "./money.ts";
import { present } from "./present.ts";

/** The products with their stock, in the same order. Asks the inventory once for all of them. */
export async function productViews(
  { inventory }: Pick<Ports, "inventory">,
  products: readonly CatalogProduct[],
): Promise<Product[]> {
  const stock = await stockOf(
    inventory,
    products.map(({ productId }) => productId),
  );
  return products.map((product) => productView(product, stock.get(product.productId)));
}

export async function oneProductView(
  ports: Pick<Ports, "inventory">,
  product: CatalogProduct | undefined,
): Promise<Product> {
  const [view] = await productViews(ports, [present(product, "product")]);
  return present(view, "product");
}

function productView(product: CatalogProduct, stock: number | undefined): Product {
  const { productId, name, description, tags } = product;
  return {
    productId,
    name,
    description,
    price: priceOf(present(product.price, "price")),
    tags,
    images: product.images.map(({ urlPath, width, height }) => ({ url: urlPath, width, height })),
    stock,
  };
}

/** Best effort: without the inventory a product is shown without a number, not refused. */
async function stockOf(
  inventory: Ports["inventory"],
  productIds: string[],
): Promise<ReadonlyMap<string, number>> {
  if (productIds.length === 0) return new Map();
  try {
    const { stock } = await inventory.getStock({ product_ids: productIds });
    return new Map(stock.map(({ product_id, available }) => [product_id, available]));
  } catch (error) {
    if (error instanceof Outage || error instanceof Refusal) return new Map();
    throw error;
  }
}
