// Browse: products that match the filters, each with its stock.

import { minorOf } from "@webstore/kit";
import type { ListProductsRequest, ListProductsResponse } from "@webstore/proto/storefront/v1";
import type { Ports } from "./definition.ts";

import { productViews } from "./product-view.ts";
import { invalidField } from "./refuse-field.ts";

/** `includeInactive`: those that cannot be bought, too; the catalog lets staff do that only. */
export async function listProducts(
  ports: Pick<Ports, "catalog" | "inventory">,
  request: ListProductsRequest,
  is: { currency: string; includeInactive?: boolean },
): Promise<ListProductsResponse> {
  const { products, nextPageToken } = await ports.catalog.listProducts({
    search: request.search,
    tag: request.tag,
    minPriceMinor: boundOf(request.minPrice, "min_price", is.currency),
    maxPriceMinor: boundOf(request.maxPrice, "max_price", is.currency),
    pageSize: request.pageSize,
    pageToken: request.pageToken,
    includeInactive: is.includeInactive ?? false,
  });
  return { products: await productViews(ports, products), nextPageToken };
}

function boundOf(amount: string, field: string, currency: string): bigint | undefined {
  if (amount === "") return undefined;
  const amountMinor = minorOf(amount, currency);
  if (amountMinor === undefined) throw invalidField(field, `must be an amount of ${currency}, such as 5.00`);
  return amountMinor;
}
