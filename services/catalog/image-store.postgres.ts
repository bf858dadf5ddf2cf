// Image files in Postgres: a row a size.

import type { Postgres } from "@webstore/kit";
import { imageSizes } from "./image.ts";
import type { ImageStore } from "./image-store.ts";

const putText = `
  insert into image_files (image_id, size, content)
  values ($1, $2, $3), ($1, $4, $5), ($1, $6, $7)
  on conflict do nothing`;

export function openPostgresImageStore(postgres: Postgres): ImageStore {
  return {
    put: async (imageId, files) => {
      const values = [imageId, ...imageSizes.flatMap((size) => [size, files[size]])];
      await postgres.commit([{ name: "image_files_put", text: putText, values }]);
    },
    get: async (imageId, size) => {
      const rows = await postgres.query<{ content: Buffer }>(
        "select content from image_files where image_id = $1 and size = $2",
        [imageId, size],
        "image_files_get",
      );
      return rows[0]?.content;
    },
  };
}
