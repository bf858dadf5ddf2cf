// The catalog's contract: what a search finds, and that no text in it is a command.

import { expect, test } from "vitest";
import { noChange, noFilter } from "../testing-products.ts";
import type { Shop } from "./shop.ts";

export function searchTests({ anybody, staff, create }: Shop): void {
  test("a search finds words by their beginnings in name, description and tags", async () => {
    const { productId } = await create({
      name: "Crème brûlée torch",
      description: "For a kitchen's quintessence.",
      tags: ["flambe-tool"],
    });
    const finds = async (search: string) =>
      (await anybody.listProducts({ ...noFilter, search })).products.some(
        (each) => each.productId === productId,
      );
    for (const search of [
      "torch",
      "TORCH",
      "creme",
      "crème br",
      "quintess",
      "flambe",
      "tor quint",
      "flambe-tool",
    ])
      expect([search, await finds(search)]).toEqual([search, true]);
    for (const search of ["orch", "torches", "torch missing", "uintessence"])
      expect([search, await finds(search)]).toEqual([search, false]);
  });

  test("a search follows a change of the text", async () => {
    const { productId } = await create({ name: "Wheelbarrow" });
    await staff.updateProduct({ ...noChange, productId, name: "Perambulator" });
    const count = async (search: string) =>
      (await anybody.listProducts({ ...noFilter, search })).products.length;
    expect([await count("wheelbarrow"), await count("perambulator")]).toEqual([0, 1]);
  });

  test.each([
    "%",
    "_",
    "\\",
    "'",
    '"',
    "''",
    "';drop table products;--",
    "qq:*",
    "!qq",
    "a & !b",
    "(qq",
    "<->",
  ])("a search for %j is taken literally", async (search) => {
    const tag = "hostile";
    await create({ name: "Harmless", tags: [tag] });
    expect((await anybody.listProducts({ ...noFilter, search, tag })).products).toEqual([]);
  });

  test.each(["%", "A", "it's", "{}", "a,b"])(
    "a tag that no product can have (%j) finds nothing",
    async (tag) => {
      expect(await anybody.listProducts({ ...noFilter, tag })).toEqual({ products: [], nextPageToken: "" });
    },
  );

  test("a search of many words or one long one is answered", async () => {
    await anybody.listProducts({ ...noFilter, search: "a ".repeat(50) });
    const name = "x".repeat(95);
    await create({ name, tags: ["long-word"] });
    const { products } = await anybody.listProducts({ ...noFilter, search: name, tag: "long-word" });
    expect(products).toHaveLength(1);
  });
}
