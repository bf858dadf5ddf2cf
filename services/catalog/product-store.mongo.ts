// Products in MongoDB: a document each, under the product's id. A document is all of the product, so that every change is
// the replacement of one document, and what it is found by: its words and its place in a list.
//
// Invariants:
//   M1. MongoDB compares texts by their bytes in UTF-8, which is the order of their code points, because no collation is
//       set anywhere here.
//   M2. Amounts are 64-bit integers from end to end. A double would round those above 2^53.
//   M3. A search looks into the words that the service made, never into a text index: what a word is would be MongoDB's
//       to say there.
//   M4. A product is replaced under its revision before, and under a lease for servers on which the first is not atomic;
//       see lease.mongo.ts.

import { type Mongo, Outage } from "@webstore/kit";
import { type QueryFilter, Schema } from "mongoose";
import { isDuplicateKey } from "./duplicate-key.mongo.ts";
import type { Leases } from "./lease.mongo.ts";
import { type Product, type ProductImage, sortKeyOf, wordsOfProduct } from "./product.ts";
import type { ProductQuery, ProductStore } from "./product-store.ts";

type ProductDocument = {
  _id: string;
  name: string;
  description: string;
  price: { amountMinor: bigint; currency: string };
  tags: string[];
  images: ProductImage[];
  active: boolean;
  createTime: Date;
  updateTime: Date;
  revision: number;
  draftDigest: string;
  sortKey: string;
  words: string[];
};

const collection = "products";
const listTimeoutMs = 5_000;
/** 64-bit integers come as bigint; what is only there to find by does not come. */
const asShown = [{ words: 0, sortKey: 0 }, { useBigInt64: true }] as const;

export async function openMongoProductStore(mongo: Mongo, leases: Leases): Promise<ProductStore> {
  const documents = mongo.connection.model("Product", productSchema, collection);
  // Those that are there already are left as they are.
  await mongo.run(() => documents.createIndexes());

  const getMany = async (productIds: readonly string[]) => {
    const found = await mongo.run(() => documents.find({ _id: { $in: [...productIds] } }, ...asShown).lean());
    return found.map(productOf);
  };
  return {
    list: async (query) => {
      const found = await mongo.run(() =>
        documents
          .find(filterOf(query), ...asShown)
          .sort({ sortKey: 1, _id: 1 })
          .limit(query.limit)
          .maxTimeMS(listTimeoutMs)
          .lean(),
      );
      return found.map(productOf);
    },
    get: async (productId) => (await getMany([productId]))[0],
    getMany,
    add: (product) =>
      mongo.run(async () => {
        try {
          await documents.insertOne(documentOf(product));
          return product;
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
        }
        const [standing] = await getMany([product.productId]);
        if (standing === undefined) throw new Outage("mongodb", "a product that stands cannot be read");
        return standing;
      }),
    replace: async (product) => {
      const before = { _id: product.productId, revision: product.revision - 1 };
      const { matchedCount } = await leases.hold(product.productId, () =>
        mongo.run(() => documents.replaceOne(before, documentOf(product), { runValidators: true })),
      );
      return matchedCount === 1;
    },
  };
}

// `required` would refuse a text that is empty; those that may be are given whole by documentOf().
const text = { type: String, default: "" } as const;
const required = true;

const imageSchema = new Schema<ProductImage>(
  {
    imageId: { type: String, required },
    width: { type: Number, required },
    height: { type: Number, required },
  },
  { _id: false, strict: "throw" },
);

const priceSchema = new Schema<ProductDocument["price"]>(
  {
    amountMinor: { type: Schema.Types.BigInt, required },
    currency: { type: String, required, match: /^[A-Z]{3}$/ },
  },
  { _id: false, strict: "throw" },
);

const productSchema = new Schema<ProductDocument>(
  {
    _id: { type: String, required },
    name: { type: String, required },
    description: text,
    price: { type: priceSchema, required },
    tags: { type: [String], required },
    images: { type: [imageSchema], required },
    active: { type: Boolean, required },
    createTime: { type: Date, required },
    updateTime: { type: Date, required },
    revision: { type: Number, required, min: 1 },
    draftDigest: { type: String, required },
    sortKey: text,
    words: { type: [String], required },
  },
  {
    strict: "throw",
    strictQuery: "throw",
    versionKey: false,
    timestamps: false,
    id: false,
    autoIndex: false,
    autoCreate: false,
  },
);
productSchema.index({ sortKey: 1, _id: 1 }, { name: "products_place" });
productSchema.index({ words: 1 }, { name: "products_words" });
productSchema.index({ tags: 1 }, { name: "products_tags" });

function filterOf(query: ProductQuery): QueryFilter<ProductDocument> {
  const conditions: QueryFilter<ProductDocument>[] = [];
  if (!query.includeInactive) conditions.push({ active: true });
  // Words hold nothing but letters and digits, so there is nothing to escape; the anchor is what lets the index serve.
  for (const word of query.words) conditions.push({ words: new RegExp(`^${word}`) });
  if (query.tag !== undefined) conditions.push({ tags: query.tag });
  if (query.minAmountMinor !== undefined)
    conditions.push({ "price.amountMinor": { $gte: query.minAmountMinor } });
  if (query.maxAmountMinor !== undefined)
    conditions.push({ "price.amountMinor": { $lte: query.maxAmountMinor } });
  if (query.after !== undefined) {
    const { sortKey, productId } = query.after;
    // The first says nothing that the second does not, but an index can begin there.
    conditions.push({ sortKey: { $gte: sortKey } });
    conditions.push({ $or: [{ sortKey: { $gt: sortKey } }, { _id: { $gt: productId } }] });
  }
  return conditions.length === 0 ? {} : { $and: conditions };
}

function documentOf(product: Product): ProductDocument {
  const { productId, tags, images, price, ...rest } = product;
  return {
    ...rest,
    _id: productId,
    price: { ...price },
    tags: [...tags],
    images: [...images],
    sortKey: sortKeyOf(product.name),
    words: wordsOfProduct(product),
  };
}

function productOf(document: Omit<ProductDocument, "sortKey" | "words">): Product {
  const { _id: productId, ...rest } = document;
  return { productId, ...rest };
}
