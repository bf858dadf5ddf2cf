// Get the file of an image in one of its sizes.

import type { ImageSize } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { refusals } from "./refusals.ts";

export async function getProductImage(
  imageId: string,
  size: ImageSize,
  { images }: { images: ImageStore },
): Promise<Uint8Array> {
  const file = await images.get(imageId, size);
  if (file === undefined) throw refusals.refuse("image_not_found");
  return file;
}
