// The catalog's contract: lists, their pages and their filters.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { listAll, noChange, noFilter, refusal } from "../testing-products.ts";
import type { Shop } from "./shop.ts";

export function orderTests({ anybody, create }: Shop): void {
  test("a list is by name, without regard to case and accents, and then by id", async () => {
    const tag = "list-order";
    const ids = Array.from({ length: 3 }, randomUUID).sort();
    for (const productId of [...ids].reverse()) await create({ productId, name: "Same name", tags: [tag] });
    for (const name of ["zebra", "Éclair", "apple", "Banana", "fig", "\u{1f600} Smile", "日本"])
      await create({ name, tags: [tag] });
    const products = await listAll(anybody, { ...noFilter, tag, pageSize: 3 });
    expect(products.map(({ name }) => name)).toEqual([
      "apple",
      "Banana",
      "Éclair",
      "fig",
      "Same name",
      "Same name",
      "Same name",
      "zebra",
      "日本",
      "\u{1f600} Smile",
    ]);
    expect(products.slice(4, 7).map(({ productId }) => productId)).toEqual(ids);
  });

  test("a page has 20 products unless it says another number", async () => {
    const tag = "twenty";
    for (let index = 0; index < 21; index += 1) await create({ tags: [tag] });
    const first = await anybody.listProducts({ ...noFilter, tag });
    expect(first.products).toHaveLength(20);
    expect(first.nextPageToken).not.toBe("");
    const all = await anybody.listProducts({ ...noFilter, tag, pageSize: 21 });
    expect(all.products).toHaveLength(21);
    expect(all.nextPageToken).toBe("");
  });
}

export function pagingTests({ anybody, staff, create }: Shop): void {
  test("products that stay come exactly once, whatever is added between the pages", async () => {
    const tag = "moving";
    const stay = await Promise.all(["b", "d", "f", "h", "j"].map((name) => create({ name, tags: [tag] })));
    const seen: string[] = [];
    let pageToken = "";
    let round = 0;
    do {
      const page = await anybody.listProducts({ ...noFilter, tag, pageSize: 2, pageToken });
      seen.push(...page.products.map(({ productId }) => productId));
      pageToken = page.nextPageToken;
      // One in front of everything, one behind it.
      await create({ name: `a${round}`, tags: [tag] });
      if (round < 2) await create({ name: `z${round}`, tags: [tag] });
      round += 1;
    } while (pageToken !== "" && round < 20);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => stay.some(({ productId }) => productId === id))).toEqual(
      stay.map(({ productId }) => productId),
    );
  });

  test("the next page begins at its place even when the product before it was renamed", async () => {
    const tag = "renamed";
    const [, b] = [
      await create({ name: "a", tags: [tag] }),
      await create({ name: "b", tags: [tag] }),
      await create({ name: "c", tags: [tag] }),
    ];
    const first = await anybody.listProducts({ ...noFilter, tag, pageSize: 2 });
    await staff.updateProduct({ ...noChange, productId: b.productId, name: "0" });
    const rest = await anybody.listProducts({ ...noFilter, tag, pageToken: first.nextPageToken });
    expect(rest.products.map(({ name }) => name)).toEqual(["c"]);
  });
}

export function pageTokenTests({ anybody, create }: Shop): void {
  test("names that are equal for very long are paged too, and the token stays within its limit", async () => {
    const tag = "long";
    for (let index = 0; index < 5; index += 1)
      await create({ name: "\u{1d518}".repeat(98) + index, tags: [tag] });
    const { nextPageToken } = await anybody.listProducts({ ...noFilter, tag, pageSize: 1 });
    expect(nextPageToken.length).toBeLessThanOrEqual(512);
    expect(await listAll(anybody, { ...noFilter, tag, pageSize: 2 })).toHaveLength(5);
  });

  test("a page token that no list gave is refused", async () => {
    const tag = "tokens";
    for (const name of ["a", "b", "c"]) await create({ name, tags: [tag] });
    const { nextPageToken } = await anybody.listProducts({ ...noFilter, tag, pageSize: 1 });
    const middle = nextPageToken.length >> 1;
    const other = nextPageToken[middle] === "A" ? "B" : "A";
    const bad = [
      "x",
      "AAAA",
      "A".repeat(512),
      "' or 1=1 --",
      "%00",
      nextPageToken.slice(1),
      nextPageToken.slice(0, -1),
      `${nextPageToken}A`,
      `${nextPageToken}=`,
      nextPageToken.slice(0, middle) + other + nextPageToken.slice(middle + 1),
    ];
    for (const pageToken of bad)
      expect(await refusal(anybody.listProducts({ ...noFilter, tag, pageToken }))).toBe(
        "INVALID_ARGUMENT kit invalid_request",
      );
    // The same token with another filter.
    const elsewhere = anybody.listProducts({ ...noFilter, tag: "other", pageToken: nextPageToken });
    expect(await refusal(elsewhere)).toBe("INVALID_ARGUMENT kit invalid_request");
  });
}

export function filterTests({ anybody, staff, create }: Shop): void {
  test("a price range is inclusive at both ends", async () => {
    const tag = "prices";
    for (const amountMinor of [100n, 200n, 300n])
      await create({ name: String(amountMinor), amountMinor, tags: [tag] });
    const names = async (range: { minPriceMinor?: bigint; maxPriceMinor?: bigint }) =>
      (await anybody.listProducts({ ...noFilter, tag, ...range })).products.map(({ name }) => name);
    expect(await names({ minPriceMinor: 200n })).toEqual(["200", "300"]);
    expect(await names({ maxPriceMinor: 200n })).toEqual(["100", "200"]);
    expect(await names({ minPriceMinor: 200n, maxPriceMinor: 200n })).toEqual(["200"]);
    expect(await names({ minPriceMinor: 300n, maxPriceMinor: 100n })).toEqual([]);
    expect(await names({ maxPriceMinor: 0n })).toEqual([]);
  });

  test("products that cannot be bought are listed for staff who ask for them, and refused to others", async () => {
    const tag = "inactive";
    const { productId } = await create({ name: "gone", tags: [tag] });
    await create({ name: "here", tags: [tag] });
    await staff.updateProduct({ ...noChange, productId, active: false });
    const all = { ...noFilter, tag, includeInactive: true };
    expect((await staff.listProducts({ ...noFilter, tag })).products).toHaveLength(1);
    expect((await staff.listProducts(all)).products).toHaveLength(2);
    expect(await refusal(anybody.listProducts(all))).toBe("PERMISSION_DENIED kit permission_denied");
  });
}
