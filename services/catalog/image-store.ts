// The collection of image files, by image id and size. The files of an id never change and are never removed.
//
// What every implementation promises:
//   S1. put() keeps the first files of an id, all three or none; a repetition changes nothing.

import type { ImageFiles, ImageSize } from "./image.ts";

export type ImageStore = {
  put(imageId: string, files: ImageFiles): Promise<void>;
  get(imageId: string, size: ImageSize): Promise<Uint8Array | undefined>;
};
