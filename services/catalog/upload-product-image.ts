// Upload an image of a product: check it, make its three sizes, keep them, and only then show it.
//
// The files are kept first, because a product must never name an image that is not there. Files that no product names
// are left behind when the process is killed in between; the same upload uses them again.

import type { ImageEncoder } from "./image.ts";
import { imageFormatOf, imageIdOf, uploadBytesMax } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { imagesMax, type ProductImage, withImage } from "./product.ts";
import { refusals } from "./refusals.ts";
import { replaceProduct, type UpdateParts } from "./update-product.ts";

export async function uploadProductImage(
  productId: string,
  content: Uint8Array,
  parts: UpdateParts & { images: ImageStore; encode: ImageEncoder },
): Promise<ProductImage> {
  const product = await parts.products.get(productId);
  if (product === undefined) throw refusals.refuse("product_not_found");
  const imageId = imageIdOf(productId, content);
  const standing = product.images.find((image) => image.imageId === imageId);
  if (standing !== undefined) return standing;
  if (imageFormatOf(content) === undefined) throw refusals.refuse("image_invalid");
  if (content.length > uploadBytesMax) throw refusals.refuse("image_too_large");
  // Again when it is added: others may be uploading too. Here it saves the work.
  if (product.images.length >= imagesMax) throw refusals.refuse("too_many_images");

  const { width, height, files } = await parts.encode(content);
  const image = { imageId, width, height };
  await parts.images.put(imageId, files);
  await replaceProduct(productId, (current) => withImage(current, image), parts);
  return image;
}
