// The cart process.

import { run, service } from "@webstore/kit";
import { postgresCartStore } from "./cart-store.postgres.ts";
import { redisCartStore } from "./cart-store.redis.ts";
import { cart } from "./definition.ts";
import { rpc } from "./rpc.ts";

export const program = service(cart, {
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ store, ports, telemetry, nowMs }) => {
    const additions = telemetry.counter("webstore.cart.additions", {
      description: "Times a product was put into a cart.",
    });
    return {
      handlers: rpc({
        store: store.kind === "redis" ? redisCartStore(store.redis) : postgresCartStore(store.postgres),
        ports,
        onAdded: (productId) => additions.add(1, { product_id: productId }),
        nowMs,
      }),
    };
  },
});

if (import.meta.main) await run(program);
