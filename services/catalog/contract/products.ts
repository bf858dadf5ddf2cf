// The catalog's contract: products are created, changed and got.

import { randomUUID } from "node:crypto";
import type { Product } from "@webstore/proto/catalog/v1";
import { expect, test } from "vitest";
import { draftOf, noChange, photograph, refusal } from "../testing-products.ts";
import type { Shop } from "./shop.ts";

export function creationTests({ staff, create, one }: Shop): void {
  test("a product is answered as it was created", async () => {
    const draft = draftOf({ name: "Étagère", tags: ["wood", "home", "wood"] });
    const { product } = await staff.createProduct(draft);
    const { createTime, updateTime, ...rest } = product as Product;
    expect(rest).toEqual({ ...draft, tags: ["home", "wood"], images: [], active: true });
    expect(createTime).toBeInstanceOf(Date);
    expect(updateTime).toEqual(createTime);
    expect(await one(draft.productId)).toEqual(product);
  });

  test("creating the same product again answers the one that is there, even after it was changed", async () => {
    const draft = draftOf({ name: "Stool" });
    const first = await staff.createProduct(draft);
    expect(await staff.createProduct(draft)).toEqual(first);
    const { product } = await staff.updateProduct({
      ...noChange,
      productId: draft.productId,
      name: "High stool",
    });
    expect(await staff.createProduct(draft)).toEqual({ product });
  });

  test("of several creations at once one is kept and all get it", async () => {
    const draft = draftOf({});
    const answers = await Promise.all(Array.from({ length: 8 }, () => staff.createProduct(draft)));
    expect(new Set(answers.map(({ product }) => product?.createTime?.getTime())).size).toBe(1);
  });

  test.each<[string, Parameters<typeof draftOf>[0]]>([
    ["name", { name: "Other" }],
    ["description", { description: "other" }],
    ["price", { amountMinor: 1n }],
    ["currency", { currency: "EUR" }],
    ["tags", { tags: ["other"] }],
  ])("the same id with another %s is refused and changes nothing", async (_, other) => {
    const product = await create();
    const again = staff.createProduct(draftOf({ ...other, productId: product.productId }));
    expect(await refusal(again)).toBe("ALREADY_EXISTS catalog product_exists");
    expect(await one(product.productId)).toEqual(product);
  });
}

export function updateTests({ anybody, staff, create, one }: Shop): void {
  test("a product that is not there is refused", async () => {
    const productId = randomUUID();
    const notFound = "NOT_FOUND catalog product_not_found";
    expect(await refusal(anybody.getProduct({ productId }))).toBe(notFound);
    expect(await refusal(staff.updateProduct({ ...noChange, productId, name: "x" }))).toBe(notFound);
    const content = await photograph();
    expect(await refusal(staff.uploadProductImage({ productId, content }))).toBe(notFound);
  });

  test("an update sets what is given and leaves the rest", async () => {
    const { updateTime: _, ...before } = await create({ tags: ["a", "b"] });
    const { productId } = before;
    const price = { amountMinor: 99n, currency: "USD" };
    await staff.updateProduct({ ...noChange, productId, price });
    await staff.updateProduct({ ...noChange, productId, active: false });
    expect(await one(productId)).toMatchObject({ ...before, price, active: false });
    await staff.updateProduct({ ...noChange, productId, tags: { values: [] }, description: "" });
    expect(await one(productId)).toMatchObject({
      ...before,
      price,
      active: false,
      tags: [],
      description: "",
    });
  });

  test("an update that changes nothing does not count as a change", async () => {
    const product = await create({ name: "Same" });
    const { productId, name, price } = product;
    expect(await staff.updateProduct({ ...noChange, productId, name, price })).toEqual({ product });
  });

  test("updates at once are all made", async () => {
    const { productId } = await create();
    const price = { amountMinor: 7n, currency: "USD" };
    await Promise.all([
      staff.updateProduct({ ...noChange, productId, name: "New name" }),
      staff.updateProduct({ ...noChange, productId, price }),
      staff.updateProduct({ ...noChange, productId, tags: { values: ["new"] } }),
      staff.updateProduct({ ...noChange, productId, active: false }),
      staff.updateProduct({ ...noChange, productId, description: "new" }),
    ]);
    expect(await one(productId)).toMatchObject({
      name: "New name",
      price,
      tags: ["new"],
      active: false,
      description: "new",
    });
  });

  test("several products are got at once, each once, and those that do not exist are absent", async () => {
    const [a, b] = [await create(), await create()];
    await staff.updateProduct({ ...noChange, productId: b.productId, active: false });
    const productIds = [a.productId, randomUUID(), b.productId, a.productId];
    const { products } = await anybody.batchGetProducts({ productIds });
    expect(products.map(({ productId }) => productId).sort()).toEqual([a.productId, b.productId].sort());
    expect(products).toContainEqual(a);
  });

  test.each<[string, { name?: string; description?: string; tags?: string[] }]>([
    ["a name with NUL", { name: "Mug\u0000" }],
    ["a name of two lines", { name: "Mug\nmat" }],
    ["a name of nothing but space", { name: "  " }],
    ["a description with NUL", { description: "a\u0000b" }],
    ["an empty tag", { tags: ["a", ""] }],
  ])("%s is refused and changes nothing", async (_, bad) => {
    const refused = "INVALID_ARGUMENT kit invalid_request";
    expect(await refusal(staff.createProduct(draftOf(bad)))).toBe(refused);
    const product = await create();
    const { productId } = product;
    const tags = bad.tags === undefined ? undefined : { values: bad.tags };
    expect(await refusal(staff.updateProduct({ ...noChange, ...bad, productId, tags }))).toBe(refused);
    expect(await one(productId)).toEqual(product);
  });

  test("an update to no name at all is refused", async () => {
    const { productId } = await create();
    const refused = "INVALID_ARGUMENT kit invalid_request";
    expect(await refusal(staff.updateProduct({ ...noChange, productId, name: "" }))).toBe(refused);
  });
}
