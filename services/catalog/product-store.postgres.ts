// Products in Postgres: a row each. Words are a tsvector that the service fills itself, so that every
// implementation of the store finds the same.

import type { Postgres } from "@webstore/kit";
import { type Product, type ProductImage, sortKeyOf, wordsOfProduct } from "./product.ts";
import type { ProductQuery, ProductStore } from "./product-store.ts";

type Row = {
  product_id: string;
  name: string;
  description: string;
  amount_minor: bigint;
  currency: string;
  tags: string[];
  images: ProductImage[];
  active: boolean;
  create_time: Date;
  update_time: Date;
  revision: number;
  draft_digest: string;
};

const columns =
  "product_id, name, description, amount_minor, currency, tags, images, active, create_time, update_time, revision, draft_digest";

export function openPostgresProductStore(postgres: Postgres): ProductStore {
  const getMany = async (productIds: readonly string[]) => {
    const rows = await postgres.query<Row>(
      `select ${columns} from products where product_id = any($1::uuid[])`,
      [productIds],
      "products_get_many",
    );
    return rows.map(productOf);
  };
  return {
    list: async (query) => {
      const { name, text, values } = listStatement(query);
      return (await postgres.query<Row>(text, values, name)).map(productOf);
    },
    get: async (productId) => (await getMany([productId]))[0],
    getMany,
    add: async (product) => {
      // Two statements, one round trip. The second sees a row that the first had to wait for.
      const [, rows] = await postgres.commit([
        { name: "products_add", text: addText, values: valuesOf(product) },
        {
          name: "products_get",
          text: `select ${columns} from products where product_id = $1`,
          values: [product.productId],
        },
      ]);
      return productOf((rows as Row[])[0] as Row);
    },
    replace: async (product) => {
      const [rows] = await postgres.commit([
        { name: "products_replace", text: replaceText, values: valuesOf(product) },
      ]);
      return rows?.length === 1;
    },
  };
}

const addText = `
  insert into products (${columns}, sort_key, words)
  values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13, array_to_tsvector($14))
  on conflict (product_id) do nothing`;

const replaceText = `
  update products
  set name = $2, description = $3, amount_minor = $4, currency = $5, tags = $6, images = $7::jsonb, active = $8,
      create_time = $9, update_time = $10, revision = $11, draft_digest = $12, sort_key = $13,
      words = array_to_tsvector($14)
  where product_id = $1 and revision = $11 - 1
  returning product_id`;

function valuesOf(product: Product): unknown[] {
  return [
    product.productId,
    product.name,
    product.description,
    product.price.amountMinor,
    product.price.currency,
    product.tags,
    JSON.stringify(product.images),
    product.active,
    product.createTime,
    product.updateTime,
    product.revision,
    product.draftDigest,
    sortKeyOf(product.name),
    wordsOfProduct(product),
  ];
}

/** Only the conditions that are asked for, so that each combination gets the plan and the index that fit it. */
function listStatement(query: ProductQuery): { name: string; text: string; values: unknown[] } {
  const values: unknown[] = [query.limit];
  const conditions: string[] = [];
  let name = "products_list";
  const where = (label: string, condition: (...places: string[]) => string, ...given: unknown[]) => {
    name += `_${label}`;
    conditions.push(condition(...given.map((value) => `$${values.push(value)}`)));
  };
  if (!query.includeInactive) where("active", () => "active");
  if (query.words.length > 0) where("words", (words) => `words @@ ${words}::tsquery`, tsqueryOf(query.words));
  if (query.tag !== undefined) where("tag", (tag) => `tags @> array[${tag}]`, query.tag);
  if (query.minAmountMinor !== undefined)
    where("min", (least) => `amount_minor >= ${least}::int8`, query.minAmountMinor);
  if (query.maxAmountMinor !== undefined)
    where("max", (most) => `amount_minor <= ${most}::int8`, query.maxAmountMinor);
  if (query.after !== undefined) {
    const { sortKey, productId } = query.after;
    where("after", (key, id) => `(sort_key, product_id) > (${key}, ${id}::uuid)`, sortKey, productId);
  }
  const filter = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  return {
    name,
    text: `select ${columns} from products ${filter} order by sort_key, product_id limit $1::int4`,
    values,
  };
}

/** Words hold nothing but letters and digits, so there is nothing to escape between the quotes. */
const tsqueryOf = (words: readonly string[]): string => words.map((word) => `'${word}':*`).join(" & ");

function productOf(row: Row): Product {
  return {
    productId: row.product_id,
    name: row.name,
    description: row.description,
    price: { amountMinor: row.amount_minor, currency: row.currency },
    tags: row.tags,
    images: row.images,
    active: row.active,
    createTime: row.create_time,
    updateTime: row.update_time,
    revision: row.revision,
    draftDigest: row.draft_digest,
  };
}
