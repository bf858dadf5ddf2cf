// A product and its rules: how it is made and changed, how it is found, and where it stands in a list.
//
// Invariants:
//   P1. Tags are each there once, sorted.
//   P2. A product has at most 10 images, each once.
//   P3. A change raises the revision by one; what changes nothing is no change.
//   P4. Products are listed by sort key and then by id. The key has at most 80 characters, so that a page token can
//       hold it; names that are equal so far are in the order of their ids.

import { createHash } from "node:crypto";
import { invalidRequest } from "@webstore/kit";
import type { Money } from "@webstore/proto/common/v1";
import { refusals } from "./refusals.ts";

export type ProductImage = {
  /** UUID; also the key of its files in the image store. */
  readonly imageId: string;
  /** Of the large size, in pixels. */
  readonly width: number;
  readonly height: number;
};

/** What staff say of a product. */
export type ProductText = {
  readonly name: string;
  readonly description: string;
  readonly price: Money;
  readonly tags: readonly string[];
};

export type ProductDraft = ProductText & { readonly productId: string };

export type Product = ProductDraft & {
  /** In the order of their upload. */
  readonly images: readonly ProductImage[];
  readonly active: boolean;
  readonly createTime: Date;
  readonly updateTime: Date;
  readonly revision: number;
  /** Tells whether a repeated creation is the same one, even when the product has changed since. */
  readonly draftDigest: string;
};

/** A field that is undefined stays as it is. */
export type ProductChange = { readonly [Field in keyof ProductText]?: ProductText[Field] | undefined } & {
  readonly active?: boolean | undefined;
};

export const imagesMax = 10;
const sortKeyMax = 80;

export function newProduct(draft: ProductDraft, now: Date): Product {
  const { productId, name, description, price } = draft;
  refuseUnfitText(draft);
  const tags = sortedOnce(draft.tags);
  return {
    productId,
    name,
    description,
    price,
    tags,
    images: [],
    active: true,
    createTime: now,
    updateTime: now,
    revision: 1,
    draftDigest: digest([name, description, String(price.amountMinor), price.currency, ...tags]),
  };
}

/** The product with the change; the same object when that is no change. */
export function changed(product: Product, change: ProductChange): Product {
  refuseUnfitText(change);
  const after: Product = {
    ...product,
    name: change.name ?? product.name,
    description: change.description ?? product.description,
    price: change.price ?? product.price,
    tags: change.tags === undefined ? product.tags : sortedOnce(change.tags),
    active: change.active ?? product.active,
  };
  const same =
    after.name === product.name &&
    after.description === product.description &&
    after.price.amountMinor === product.price.amountMinor &&
    after.price.currency === product.price.currency &&
    after.tags.join() === product.tags.join() &&
    after.active === product.active;
  return same ? product : after;
}

/** The product with the image; the same object when it has it already. */
export function withImage(product: Product, image: ProductImage): Product {
  if (product.images.some(({ imageId }) => imageId === image.imageId)) return product;
  if (product.images.length >= imagesMax) throw refusals.refuse("too_many_images");
  return { ...product, images: [...product.images, image] };
}

/** What a product with this name is listed by: its letters without case and accents. */
export function sortKeyOf(name: string): string {
  return Array.from(folded(name)).slice(0, sortKeyMax).join("");
}

/** The words that a search compares, each once: runs of letters and digits, without case and accents. */
export function wordsOf(text: string): string[] {
  // A longer run counts as several words: an index has a limit on the length of its entries.
  return [...new Set(folded(text).match(/[\p{L}\p{N}]{1,40}/gu) ?? [])];
}

/** The words by which a product is found: a search finds it if each word of the search begins one of these. */
export function wordsOfProduct(product: ProductText): string[] {
  return wordsOf([product.name, product.description, ...product.tags].join(" "));
}

/** Whether any product could have this tag. */
export const isTag = (text: string): boolean => /^[a-z0-9-]{1,40}$/.test(text);

function folded(text: string): string {
  return text.normalize("NFKD").toLowerCase().replaceAll(/\p{M}/gu, "");
}

const sortedOnce = (tags: readonly string[]): string[] => [...new Set(tags)].sort();

const digest = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** What the contract's rules leave open: they say nothing of text that is empty. A description may have several lines. */
function refuseUnfitText({ name, description, tags }: ProductChange): void {
  if (name !== undefined && name.trim() === "") throw invalidRequest("name", "must not be empty");
  if (name !== undefined && /\p{Cc}/u.test(name)) throw invalidRequest("name", "has control characters");
  if (description !== undefined && /[^\P{Cc}\n\r\t]/u.test(description))
    throw invalidRequest("description", "has control characters");
  if (tags?.includes("")) throw invalidRequest("tags", "must not have an empty one");
}
