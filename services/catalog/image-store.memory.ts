// Image files in memory, for the fake.

import type { ImageFiles } from "./image.ts";
import type { ImageStore } from "./image-store.ts";

export function openMemoryImageStore(): ImageStore {
  const images = new Map<string, ImageFiles>();
  return {
    put: async (imageId, files) => {
      if (!images.has(imageId)) images.set(imageId, files);
    },
    get: async (imageId, size) => images.get(imageId)?.[size],
  };
}
