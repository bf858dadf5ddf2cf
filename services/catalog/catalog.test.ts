// The fake and the real catalog under one contract, and what only the real one does: it checks who asks and what is asked.

import { randomUUID } from "node:crypto";
import { currentContext, demoUsers, inContext } from "@webstore/kit";
import { describeWithDocker } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogContract } from "./catalog.contract.ts";
import { type FakeCatalog, fakeCatalog } from "./fake.ts";
import { inMongo, openRealCatalog } from "./testing-catalog.ts";
import { draftOf, noChange, noFilter, photograph, refusal } from "./testing-products.ts";

catalogContract("the fake catalog", async () => {
  const anybody = fakeCatalog();
  const { userId, role } = demoUsers.grace;
  const asStaff = Object.entries<(request: never) => Promise<unknown>>(anybody as never).map(
    ([name, method]) => [
      name,
      (request: never) =>
        inContext({ ...currentContext(), principal: { kind: "user", userId, role } }, () => method(request)),
    ],
  );
  return { anybody, staff: Object.fromEntries(asStaff) as FakeCatalog, close: async () => {} };
});

catalogContract("the real catalog on Postgres", () => openRealCatalog());

describeWithDocker("with a MongoDB", () => {
  catalogContract("the real catalog on MongoDB", () => openRealCatalog(inMongo));
});

test("the fake has the products that it is given, and the same prices", async () => {
  const [a, b] = [randomUUID(), randomUUID()];
  const price = { amountMinor: 14_50n, currency: "USD" };
  const fake = fakeCatalog({
    products: [
      { productId: a, price, name: "Stoneware mug" },
      { productId: b, price, active: false },
    ],
    nowMs: () => 0,
  });
  const { products } = await fake.batchGetProducts({ productIds: [a, b] });
  expect(products).toMatchObject([
    { productId: a, price, name: "Stoneware mug", active: true, createTime: new Date(0) },
    { productId: b, price, active: false },
  ]);
});

describe("the real catalog's door", () => {
  let shop: Awaited<ReturnType<typeof openRealCatalog>>;
  beforeAll(async () => {
    shop = await openRealCatalog();
  });
  afterAll(() => shop.close());

  const invalid = "INVALID_ARGUMENT kit invalid_request";
  const long = (length: number) => "x".repeat(length);

  test("only staff may change anything", async () => {
    const content = await photograph();
    const attempts = (as: FakeCatalog) => [
      refusal(as.createProduct(draftOf({}))),
      refusal(as.updateProduct({ ...noChange, productId: randomUUID(), name: "x" })),
      refusal(as.uploadProductImage({ productId: randomUUID(), content })),
    ];
    const all = (text: string) => [text, text, text];
    expect(await Promise.all(attempts(shop.anybody))).toEqual(all("UNAUTHENTICATED kit unauthenticated"));
    expect(await Promise.all(attempts(shop.shopper))).toEqual(all("PERMISSION_DENIED kit permission_denied"));
    expect(await Promise.all(attempts(shop.colleague))).toEqual(
      all("PERMISSION_DENIED kit permission_denied"),
    );
    expect((await shop.anybody.listProducts(noFilter)).products).toEqual([]);
  });

  test("shoppers and other services do not see what cannot be bought", async () => {
    for (const as of [shop.shopper, shop.colleague])
      expect(await refusal(as.listProducts({ ...noFilter, includeInactive: true }))).toBe(
        "PERMISSION_DENIED kit permission_denied",
      );
  });

  test.each([
    ["a search of ten thousand characters", { search: long(10_000) }],
    ["a search of 101 characters", { search: long(101) }],
    ["a long tag", { tag: long(41) }],
    ["a negative price", { minPriceMinor: -1n }],
    ["a page of 101", { pageSize: 101 }],
    ["a long page token", { pageToken: long(513) }],
  ])("%s is refused", async (_, request) => {
    expect(await refusal(shop.anybody.listProducts({ ...noFilter, ...request }))).toBe(invalid);
  });

  test.each([
    ["an id that is not a UUID", { productId: "1' or '1'='1" }],
    ["no name", { name: "" }],
    ["a long name", { name: long(201) }],
    ["a long description", { description: long(5_001) }],
    ["a negative price", { amountMinor: -1n }],
    ["a currency that is none", { currency: "usd" }],
    ["a tag with capitals", { tags: ["Mug"] }],
    ["an empty tag", { tags: [""] }],
    ["21 tags", { tags: Array.from({ length: 21 }, (_, index) => `t${index}`) }],
  ])("a product with %s is refused", async (_, is) => {
    expect(await refusal(shop.staff.createProduct(draftOf(is)))).toBe(invalid);
    expect((await shop.staff.listProducts({ ...noFilter, includeInactive: true })).products).toEqual([]);
  });

  test("a product without a price, and a batch of none or of 101, are refused", async () => {
    expect(await refusal(shop.staff.createProduct({ ...draftOf({}), price: undefined }))).toBe(invalid);
    for (const productIds of [[], Array.from({ length: 101 }, randomUUID)])
      expect(await refusal(shop.anybody.batchGetProducts({ productIds }))).toBe(invalid);
  });
});
