// The catalog's process.

import { flag, run, service } from "@webstore/kit";
import { z } from "zod";
import { catalog } from "./definition.ts";
import { openImageEncoder } from "./image-encoder.ts";
import { openPostgresImageStore } from "./image-store.postgres.ts";
import { openPostgresProductStore } from "./product-store.postgres.ts";
import { rpc } from "./rpc.ts";
import { seedDemo } from "./seed-demo.ts";

export const program = service(catalog, {
  config: z.object({ SEED_DEMO: flag(false).describe("Add the demo's products, where they are missing.") }),
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ postgres, config, log, nowMs }) => {
    const products = openPostgresProductStore(postgres);
    const images = openPostgresImageStore(postgres);
    if (config.SEED_DEMO) {
      const added = await seedDemo({ products, images, nowMs });
      log.info({ added }, "demo products");
    }
    return { handlers: rpc({ products, images, encode: openImageEncoder(), nowMs }) };
  },
});

if (import.meta.main) await run(program);
