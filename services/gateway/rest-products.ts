// REST: the catalog, for everybody to read and for staff to edit.

import { minorOf } from "@webstore/kit";
import type { Money } from "@webstore/proto/common/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import { listProducts } from "./list-products.ts";

import { present } from "./present.ts";
import { oneProductView } from "./product-view.ts";
import { audited } from "./record-audit.ts";
import { invalidField } from "./refuse-field.ts";
import {
  amount,
  money,
  pageOf,
  pageSize,
  pageToken,
  productJson,
  productShape,
  text,
  uuid,
} from "./rest-shapes.ts";
import { type Answer, type Route, route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

export type ProductParts = {
  readonly storefront: Storefront;
  readonly ports: Pick<Ports, "catalog" | "inventory" | "orderProcessor">;
  /** What the price filters speak of. */
  readonly currency: string;
  readonly newId: () => string;
};

const productParams = z.object({ product_id: uuid });
const tags = z.array(z.string().regex(/^[a-z0-9-]{1,40}$/, "must be 1 to 40 of a-z 0-9 -")).max(20);
const productAnswer = { description: "The product.", schema: productShape };
const imageShape = z.strictObject({ url: z.string(), width: z.int(), height: z.int() }).meta({ id: "Image" });

export function productRoutes(parts: ProductParts): Route[] {
  return [
    listRoute(parts),
    getRoute(parts),
    createRoute(parts),
    updateRoute(parts),
    uploadRoute(parts),
    imageRoute(parts),
  ];
}

function listRoute({ ports, currency }: ProductParts): Route {
  return route("listProducts", {
    tag: "products",
    summary: "Products that match all the filters given, by name.",
    query: z.object({
      search: text(100, 0).default(""),
      tag: text(40, 0).default(""),
      min_price: amount.optional().meta({ example: "5.00" }),
      max_price: amount.optional().meta({ example: "20.00" }),
      page_size: pageSize,
      page_token: pageToken,
      include_inactive: z.stringbool().default(false).meta({ description: "Staff only." }),
    }),
    answers: { 200: { description: "A page of products.", schema: pageOf("products", productShape) } },
    refusals: [],
    handle: async ({ query }) => {
      const filter = {
        search: query.search,
        tag: query.tag,
        minPrice: query.min_price ?? "",
        maxPrice: query.max_price ?? "",
        pageSize: query.page_size,
        pageToken: query.page_token,
      };
      const is = { currency, includeInactive: query.include_inactive };
      const { products, nextPageToken } = await listProducts(ports, filter, is);
      return { status: 200, body: { products: products.map(productJson), next_page_token: nextPageToken } };
    },
  });
}

function getRoute({ storefront }: ProductParts): Route {
  return route("getProduct", {
    tag: "products",
    summary: "One product.",
    params: productParams,
    answers: { 200: productAnswer },
    refusals: ["product_not_found"],
    handle: async ({ params }) => {
      const { product } = await storefront.getProduct({ productId: params.product_id });
      return { status: 200, body: productJson(present(product, "product")) };
    },
  });
}

function createRoute(parts: ProductParts): Route {
  const { ports, newId } = parts;
  return route("createProduct", {
    tag: "products",
    summary: "Add a product. An Idempotency-Key becomes its id, so that repeating adds one.",
    body: z.strictObject({
      name: text(200),
      description: text(5_000, 0).default(""),
      price: money,
      tags: tags.default([]),
    }),
    idempotencyKey: "optional",
    answers: { 201: productAnswer },
    refusals: ["product_exists"],
    handle: async ({ body, idempotencyKey }) => {
      const productId = idempotencyKey ?? newId();
      const { name, description, tags } = body;
      const price = moneyOf(body.price);
      const audit = { action: "CreateProduct", subject: productId, detail: name };
      const { product } = await audited(parts, audit, () =>
        ports.catalog.createProduct({ productId, name, description, price, tags }),
      );
      const view = await oneProductView(ports, product);
      return { status: 201, headers: { location: `/products/${view.productId}` }, body: productJson(view) };
    },
  });
}

function updateRoute(parts: ProductParts): Route {
  const { ports } = parts;
  return route("updateProduct", {
    tag: "products",
    summary: "Change the fields that are given.",
    params: productParams,
    body: z
      .strictObject({
        name: text(200).optional(),
        description: text(5_000, 0).optional(),
        price: money.optional(),
        tags: tags.optional(),
        active: z.boolean().optional(),
      })
      .refine((body) => Object.keys(body).length > 0, "must have a field to change"),
    answers: { 200: productAnswer },
    refusals: ["product_not_found"],
    handle: async ({ params, body }) => {
      const change = {
        productId: params.product_id,
        name: body.name,
        description: body.description,
        price: body.price === undefined ? undefined : moneyOf(body.price),
        tags: body.tags === undefined ? undefined : { values: body.tags },
        active: body.active,
      };
      const detail = Object.keys(body).join(", ");
      const audit = { action: "UpdateProduct", subject: params.product_id, detail };
      const { product } = await audited(parts, audit, () => ports.catalog.updateProduct(change));
      return { status: 200, body: productJson(await oneProductView(ports, product)) };
    },
  });
}

function uploadRoute(parts: ProductParts): Route {
  return route("uploadProductImage", {
    tag: "products",
    summary: "Add an image to a product: PNG, JPEG or WebP, by its content.",
    params: productParams,
    fileField: "image",
    deadlineMs: 12_000,
    answers: { 201: { description: "The image.", schema: imageShape } },
    refusals: ["product_not_found", "image_invalid", "image_too_large", "too_many_images"],
    handle: async ({ params, file }) => {
      const productId = params.product_id;
      const audit = { action: "UploadProductImage", subject: productId, detail: `${file.length} bytes` };
      const { image } = await audited(parts, audit, () =>
        parts.ports.catalog.uploadProductImage({ productId, content: file }),
      );
      const { urlPath: url, width, height } = present(image, "image");
      return { status: 201, headers: { location: url }, body: { url, width, height } };
    },
  });
}

const imageSizes = {
  small: "IMAGE_SIZE_SMALL",
  medium: "IMAGE_SIZE_MEDIUM",
  large: "IMAGE_SIZE_LARGE",
} as const;

function imageRoute({ ports }: ProductParts): Route {
  return route("getProductImage", {
    tag: "products",
    summary: "The bytes of an image; they never change for an id and size.",
    params: z.object({ image_id: uuid }),
    query: z.object({ size: z.enum(["small", "medium", "large"]).default("medium") }),
    answers: {
      200: { description: "The image.", contentType: "image/webp" },
      304: { description: "As it was." },
    },
    refusals: ["image_not_found"],
    handle: async ({ params, query, ifNoneMatch }) => {
      const etag = `"${params.image_id}-${query.size}"`;
      // Whoever names this tag has the bytes already, and they cannot have changed.
      if (ifNoneMatch?.includes(etag)) return { status: 304, headers: imageHeaders(etag) };
      const image = await ports.catalog.getProductImage({
        imageId: params.image_id,
        size: imageSizes[query.size],
      });
      const headers = { ...imageHeaders(etag), "content-type": image.contentType };
      return { status: 200, headers, bytes: image.content } satisfies Answer;
    },
  });
}

function imageHeaders(etag: string) {
  return {
    etag,
    "cache-control": "public, max-age=31536000, immutable",
    // Pages of other origins may show them: they are as public as the catalog.
    "cross-origin-resource-policy": "cross-origin",
  };
}

function moneyOf(given: z.output<typeof money>): Money {
  const amountMinor = minorOf(given.amount, given.currency);
  if (amountMinor === undefined) throw invalidField("price.amount", `must be an amount of ${given.currency}`);
  return { amountMinor, currency: given.currency };
}
