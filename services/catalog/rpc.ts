// The contract, method by method: message to use case to message.

import type { HandlersOf } from "@webstore/kit";
import {
  type CatalogServiceDefinition,
  type ProductImage as ProductImageMessage,
  type Product as ProductMessage,
  ImageSize as Size,
} from "@webstore/proto/catalog/v1";
import type { Money } from "@webstore/proto/common/v1";
import { createProduct } from "./create-product.ts";
import { getProduct } from "./get-product.ts";
import { getProductImage } from "./get-product-image.ts";
import { type ImageEncoder, type ImageSize, imageContentType } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { listProducts } from "./list-products.ts";
import type { Product, ProductImage } from "./product.ts";
import type { ProductStore } from "./product-store.ts";
import { updateProduct } from "./update-product.ts";
import { uploadProductImage } from "./upload-product-image.ts";

export type CatalogParts = {
  readonly products: ProductStore;
  readonly images: ImageStore;
  readonly encode: ImageEncoder;
  readonly nowMs: () => number;
};

export function rpc(parts: CatalogParts): HandlersOf<typeof CatalogServiceDefinition> {
  return {
    listProducts: async ({
      search,
      tag,
      minPriceMinor,
      maxPriceMinor,
      includeInactive,
      pageSize,
      pageToken,
    }) => {
      const filter = {
        search,
        tag,
        minAmountMinor: minPriceMinor,
        maxAmountMinor: maxPriceMinor,
        includeInactive,
      };
      const page = await listProducts(filter, { size: pageSize, token: pageToken }, parts);
      return { products: page.products.map(productMessage), nextPageToken: page.nextPageToken };
    },
    getProduct: async ({ productId }) => ({ product: productMessage(await getProduct(productId, parts)) }),
    batchGetProducts: async ({ productIds }) => ({
      products: (await parts.products.getMany(productIds)).map(productMessage),
    }),
    createProduct: async (request) => {
      // The contract requires a price.
      const draft = { ...request, price: request.price as Money };
      return { product: productMessage(await createProduct(draft, parts)) };
    },
    updateProduct: async ({ productId, tags, ...change }) => {
      const product = await updateProduct(productId, { ...change, tags: tags?.values }, parts);
      return { product: productMessage(product) };
    },
    uploadProductImage: async ({ productId, content }) => ({
      image: imageMessage(await uploadProductImage(productId, content, parts)),
    }),
    getProductImage: async ({ imageId, size }) => ({
      content: await getProductImage(imageId, sizes[size], parts),
      contentType: imageContentType,
    }),
  };
}

const sizes: Readonly<Record<Size, ImageSize>> = {
  [Size.IMAGE_SIZE_UNSPECIFIED]: "medium",
  [Size.IMAGE_SIZE_SMALL]: "small",
  [Size.IMAGE_SIZE_MEDIUM]: "medium",
  [Size.IMAGE_SIZE_LARGE]: "large",
  [Size.UNRECOGNIZED]: "medium",
};

function productMessage(product: Product): ProductMessage {
  return {
    productId: product.productId,
    name: product.name,
    description: product.description,
    price: product.price,
    tags: [...product.tags],
    images: product.images.map(imageMessage),
    active: product.active,
    createTime: product.createTime,
    updateTime: product.updateTime,
  };
}

function imageMessage({ imageId, width, height }: ProductImage): ProductImageMessage {
  return { imageId, urlPath: `/images/${imageId}`, width, height };
}
