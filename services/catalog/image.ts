// Images of products and their rules. What is kept of an upload is never its bytes but a picture made from them.
//
// Invariants:
//   I1. An image's id is made from the product and the uploaded bytes, so the same upload is the same image, and what is
//       stored under an id never changes.
//   I2. What counts is the content: a file's first bytes say its format.

import { createHash } from "node:crypto";

/** From the least to the greatest. */
export const imageSizes = ["small", "medium", "large"] as const;
export type ImageSize = (typeof imageSizes)[number];

/** How wide and how high each size is at most; a smaller image is not enlarged. */
export const imageSizePixels: Readonly<Record<ImageSize, number>> = { small: 160, medium: 480, large: 1200 };

/** An image's files, in the media type `image/webp`. */
export type ImageFiles = Readonly<Record<ImageSize, Uint8Array>>;

/** An image made from an upload; width and height are those of its large size. */
export type EncodedImage = { readonly width: number; readonly height: number; readonly files: ImageFiles };

/** Makes the three sizes; refuses with `image_invalid` or `image_too_large`. */
export type ImageEncoder = (content: Uint8Array) => Promise<EncodedImage>;

export const imageContentType = "image/webp";
export const uploadBytesMax = 5 * 1024 * 1024;
export const uploadPixelsMax = 40_000_000;
export const fileBytesMax = 1024 * 1024;

export type ImageFormat = "png" | "jpeg" | "webp";

/** The format that a file's first bytes announce, if it is one that the store takes. */
export function imageFormatOf(content: Uint8Array): ImageFormat | undefined {
  const begins = (at: number, ...bytes: readonly number[]) =>
    bytes.every((byte, index) => content[at + index] === byte);
  if (begins(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "png";
  if (begins(0, 0xff, 0xd8, 0xff)) return "jpeg";
  if (begins(0, 0x52, 0x49, 0x46, 0x46) && begins(8, 0x57, 0x45, 0x42, 0x50)) return "webp";
  return undefined;
}

/** A UUID (version 8: made from a digest). */
export function imageIdOf(productId: string, content: Uint8Array): string {
  const bytes = createHash("sha256").update(productId).update(content).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
