// What the catalog's tests make: drafts of products, photographs, and refusals as one line of text.

import { randomUUID } from "node:crypto";
import { Refusal } from "@webstore/kit";
import type {
  CreateProductRequest,
  ListProductsRequest,
  Product,
  UpdateProductRequest,
} from "@webstore/proto/catalog/v1";
import sharp from "sharp";
import type { FakeCatalog } from "./fake.ts";

export function draftOf(is: {
  productId?: string;
  name?: string;
  description?: string;
  amountMinor?: bigint;
  currency?: string;
  tags?: string[];
}): CreateProductRequest {
  const { productId, name, description, amountMinor, currency, tags } = is;
  return {
    productId: productId ?? randomUUID(),
    name: name ?? "Thing",
    description: description ?? "A thing.",
    price: { amountMinor: amountMinor ?? 10_00n, currency: currency ?? "USD" },
    tags: tags ?? [],
  };
}

export const noFilter: ListProductsRequest = {
  search: "",
  tag: "",
  pageSize: 0,
  pageToken: "",
  includeInactive: false,
};

/** Messages need every field that is a message. */
export const noChange = { price: undefined, tags: undefined } satisfies Partial<UpdateProductRequest>;

/** All pages of a list. */
export async function listAll(catalog: FakeCatalog, request: ListProductsRequest): Promise<Product[]> {
  const products: Product[] = [];
  let pageToken = "";
  do {
    const page = await catalog.listProducts({ ...request, pageToken });
    products.push(...page.products);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && products.length < 1_000);
  return products;
}

/** "answered", or code, service and reason of the refusal. Anything else that is thrown is thrown. */
export async function refusal(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "answered";
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.service} ${error.reason}`;
    throw error;
  }
}

/** A picture of one colour. */
export function photograph(
  is: { width?: number; height?: number; format?: "png" | "jpeg" | "webp"; shade?: number } = {},
): Promise<Buffer> {
  const { width = 40, height = 30, format = "png", shade = 90 } = is;
  const background = { r: shade, g: 120, b: 255 - shade };
  return sharp({ create: { width, height, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}
