// What every collection of products promises, as tests; the invariants are those of product-store.ts.

import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newProduct, type Product, sortKeyOf, wordsOf } from "./product.ts";
import { openMemoryProductStore } from "./product-store.memory.ts";
import type { ProductQuery, ProductStore } from "./product-store.ts";

type Opened = { readonly store: ProductStore; close(): Promise<void> };

const everything: ProductQuery = {
  words: [],
  tag: undefined,
  minAmountMinor: undefined,
  maxAmountMinor: undefined,
  includeInactive: true,
  after: undefined,
  limit: 1_000,
};

export function productOf(is: Partial<Product> = {}): Product {
  const draft = {
    productId: is.productId ?? randomUUID(),
    name: is.name ?? "Thing",
    description: is.description ?? "",
    price: is.price ?? { amountMinor: 10_00n, currency: "USD" },
    tags: is.tags ?? [],
  };
  return { ...newProduct(draft, new Date(1_700_000_000_123)), ...is };
}

export function productStoreContract(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    let store: ProductStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened?.close());

    const namesOf = async (query: Partial<ProductQuery>) =>
      (await store.list({ ...everything, ...query })).map((product) => product.name);
    const priced = (amountMinor: bigint, tag: string) =>
      productOf({ name: String(amountMinor), price: { amountMinor, currency: "USD" }, tags: [tag] });

    test.each<[string, Partial<Product>]>([
      ["nothing that may be missing", {}],
      [
        "everything",
        {
          name: "É {$gt: ''} 日本 \u{1f600}",
          description: 'Lines:\n\t"quoted", $dollar, a.b, %_\\',
          tags: ["a", "b-c"],
          images: [
            { imageId: randomUUID(), width: 1200, height: 800 },
            { imageId: randomUUID(), width: 1, height: 1 },
          ],
          active: false,
          createTime: new Date(0),
          revision: 2_000_000_000,
        },
      ],
      ["a name without a letter, which has an empty sort key", { name: "\u0301" }],
    ])("a product with %s comes back as it was", async (_, is) => {
      const product = productOf(is);
      expect(await store.add(product)).toEqual(product);
      expect(await store.get(product.productId)).toEqual(product);
      const next = { ...product, revision: product.revision + 1, description: "New.", images: [] };
      expect(await store.replace(next)).toBe(true);
      expect(await store.get(product.productId)).toEqual(next);
    });

    test("of several additions under one id one is kept, and all get that one", async () => {
      const productId = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => store.add(productOf({ productId, name: `Name ${index}` }))),
      );
      const standing = await store.get(productId);
      expect(new Set(answers.map((product) => product.name))).toEqual(new Set([standing?.name]));
      expect(await store.add(productOf({ productId, name: "Late" }))).toEqual(standing);
    });

    test("of several replacements of one revision one succeeds", async () => {
      const product = await store.add(productOf());
      const next = Array.from({ length: 12 }, (_, index) => ({
        ...product,
        revision: 2,
        name: `Name ${index}`,
      }));
      const succeeded = await Promise.all(next.map((each) => store.replace(each)));
      expect(succeeded.filter(Boolean)).toHaveLength(1);
      expect(await store.get(product.productId)).toEqual(next[succeeded.indexOf(true)]);
    });

    test("what is not the next revision of what stands replaces nothing", async () => {
      const product = await store.add(productOf());
      for (const revision of [1, 3]) expect(await store.replace({ ...product, revision })).toBe(false);
      expect(await store.replace(productOf({ revision: 2 }))).toBe(false);
      expect(await store.get(product.productId)).toEqual(product);
    });

    test("those that exist are got, each once", async () => {
      const [a, b] = [await store.add(productOf({ name: "A" })), await store.add(productOf({ name: "B" }))];
      const found = await store.getMany([a.productId, randomUUID(), b.productId, a.productId]);
      expect(found.sort((one, other) => one.name.localeCompare(other.name))).toEqual([a, b]);
      expect(await store.getMany([])).toEqual([]);
      expect(await store.get(randomUUID())).toBeUndefined();
    });

    test("an amount is exact to its last unit, kept and compared", async () => {
      const tag = "exact";
      const beyondDoubles = 2n ** 53n;
      const amounts = [0n, beyondDoubles, beyondDoubles + 1n, beyondDoubles + 2n, 2n ** 63n - 1n];
      for (const amountMinor of amounts) await store.add(priced(amountMinor, tag));
      const all = await store.list({ ...everything, tag });
      expect(new Set(all.map(({ price }) => price.amountMinor))).toEqual(new Set(amounts));
      const middle = beyondDoubles + 1n;
      const within = await namesOf({ tag, minAmountMinor: middle, maxAmountMinor: middle });
      expect(within).toEqual([String(middle)]);
      expect(await namesOf({ tag, minAmountMinor: 2n ** 63n - 1n })).toEqual([String(2n ** 63n - 1n)]);
    });

    test("a list is ordered by code points, and not by halves of them", async () => {
      const tag = "order";
      // In UTF-16 the face would stand before the two before it.
      const names = ["a", "b", "z", "日本", "\ue000", "\ufffd", "\u{1f600}"];
      for (const name of names.toReversed()) await store.add(productOf({ name, tags: [tag] }));
      expect(await namesOf({ tag })).toEqual(names);
    });

    test("pages go on behind the last product, also where names are equal or it has gone elsewhere", async () => {
      const tag = "pages";
      for (const name of ["b", "b", "b", "a", "c"]) await store.add(productOf({ name, tags: [tag] }));
      const seen: Product[] = [];
      for (let page = 0; page < 5; page += 1) {
        const last = seen.at(-1);
        const after = last && { sortKey: sortKeyOf(last.name), productId: last.productId };
        seen.push(...(await store.list({ ...everything, tag, after, limit: 1 })));
        const shown = seen.at(-1) as Product;
        if (page % 2 === 0) await store.replace({ ...shown, revision: 2, name: "0" });
      }
      expect(seen.map((product) => product.name)).toEqual(["a", "b", "b", "b", "c"]);
      expect(new Set(seen.map(({ productId }) => productId)).size).toBe(5);
    });

    test("whatever is kept and asked, the answer is that of the rules", async () => {
      const ruled = openMemoryProductStore();
      // What other tests have left is not asked for: every product and every question of this one has this word.
      const own = "ruled";
      await fc.assert(
        fc.asyncProperty(fc.array(anyProduct, { maxLength: 6 }), anyQuery, async (products, query) => {
          for (const each of products) {
            const product = productOf({ ...each, description: `${own} ${each.description}` });
            await Promise.all([store.add(product), ruled.add(product)]);
          }
          const asked = { ...query, words: [own, ...query.words] };
          expect(await store.list(asked)).toEqual(await ruled.list(asked));
        }),
        { numRuns: 60 },
      );
    });
  });
}

// Few words, tags and amounts, so that questions and products meet; letters of every length in UTF-8.
const word = fc.constantFrom(
  "mug",
  "mugs",
  "Múg",
  "lamp",
  "350",
  "日本",
  "日",
  "\u{1f600}",
  "\u{1d518}",
  "ß",
);
const words = fc.array(word, { minLength: 1, maxLength: 3 }).map((all) => all.join(" "));
const tag = fc.constantFrom("home", "wood");
const amountMinor = fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 53n + 1n);
const anyProduct = fc.record({
  productId: fc.uuid(),
  name: words,
  description: words,
  tags: fc.uniqueArray(tag).map((tags) => tags.sort()),
  price: fc.record({ amountMinor, currency: fc.constant("USD") }),
  active: fc.boolean(),
});
const anyQuery = fc.record({
  words: fc.oneof(fc.constant([]), words.map(wordsOf)),
  tag: fc.option(tag, { nil: undefined, freq: 1 }),
  minAmountMinor: fc.option(amountMinor, { nil: undefined, freq: 1 }),
  maxAmountMinor: fc.option(amountMinor, { nil: undefined, freq: 1 }),
  includeInactive: fc.boolean(),
  after: fc.option(fc.record({ sortKey: words.map(sortKeyOf), productId: fc.uuid() }), { nil: undefined }),
  limit: fc.constantFrom(1, 5, 100),
});
