// List products: a page of those that match the filter, by name.

import { currentContext, kitRefusals } from "@webstore/kit";
import { pageTokenOf, positionOf } from "./page-token.ts";
import { isTag, type Product, sortKeyOf, wordsOf } from "./product.ts";
import type { ProductStore } from "./product-store.ts";

export type ProductFilter = {
  /** Empty: no search. */
  readonly search: string;
  /** Empty: any. */
  readonly tag: string;
  readonly minAmountMinor: bigint | undefined;
  readonly maxAmountMinor: bigint | undefined;
  readonly includeInactive: boolean;
};

/** `size` 0 means 20; `token` is empty for the first page. */
export type Page = { readonly size: number; readonly token: string };

const pageSizeDefault = 20;

export async function listProducts(
  filter: ProductFilter,
  page: Page,
  { products }: { products: ProductStore },
): Promise<{ products: Product[]; nextPageToken: string }> {
  if (filter.includeInactive && !staffAsk()) throw kitRefusals.refuse("permission_denied");
  const search = filter.search.trim();
  const filterText = JSON.stringify([
    search,
    filter.tag,
    String(filter.minAmountMinor),
    String(filter.maxAmountMinor),
    filter.includeInactive,
  ]);
  const after = page.token === "" ? undefined : positionOf(page.token, filterText);

  const words = wordsOf(search);
  // Nothing has a word without letters and digits, or a tag with others.
  if ((search !== "" && words.length === 0) || (filter.tag !== "" && !isTag(filter.tag)))
    return { products: [], nextPageToken: "" };

  const size = page.size === 0 ? pageSizeDefault : page.size;
  const { minAmountMinor, maxAmountMinor, includeInactive } = filter;
  const tag = filter.tag === "" ? undefined : filter.tag;
  // One more than the page tells whether there is another page.
  const limit = size + 1;
  const found = await products.list({
    words,
    tag,
    minAmountMinor,
    maxAmountMinor,
    includeInactive,
    after,
    limit,
  });
  const shown = found.slice(0, size);
  const last = shown.at(-1);
  const nextPageToken =
    found.length <= size || last === undefined
      ? ""
      : pageTokenOf({ sortKey: sortKeyOf(last.name), productId: last.productId }, filterText);
  return { products: shown, nextPageToken };
}

function staffAsk(): boolean {
  const { principal } = currentContext();
  return principal.kind === "user" && principal.role === "admin";
}
