// The catalog's process.

import { delay, flag, type Mongo, run, service } from "@webstore/kit";
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
  start: async ({ store, config, log, nowMs, random }) => {
    const { products, images } =
      store.kind === "mongo"
        ? await openMongoStores(store.mongo, { nowMs, random })
        : {
            products: openPostgresProductStore(store.postgres),
            images: openPostgresImageStore(store.postgres),
          };
    if (config.SEED_DEMO) {
      const added = await seedDemo({ products, images, nowMs });
      log.info({ added }, "demo products");
    }
    return { handlers: rpc({ products, images, encode: openImageEncoder(), nowMs }) };
  },
});

/** Read where it is used: mongoose costs a process time and memory that has no need of it. */
async function openMongoStores(mongo: Mongo, clock: { nowMs: () => number; random: () => number }) {
  const { openMongoLeases } = await import("./lease.mongo.ts");
  const { openMongoProductStore } = await import("./product-store.mongo.ts");
  const { openMongoImageStore } = await import("./image-store.mongo.ts");
  const leases = openMongoLeases(mongo, { ...clock, delayMs: delay });
  return { products: await openMongoProductStore(mongo, leases), images: openMongoImageStore(mongo) };
}

if (import.meta.main) await run(program);
