// What the cart service is. It keeps what shoppers mean to buy, and asks the catalog whether they can.

import { catalog } from "@webstore/catalog/definition";
import { call, defineService } from "@webstore/kit";
import { CartServiceDefinition } from "@webstore/proto/cart/v1";

export const cart = defineService({
  name: "cart",
  serves: CartServiceDefinition,
  ports: { rpc: 5103, admin: 5203 },
  calls: {
    catalog: call(catalog, {
      methods: ["batchGetProducts"],
      // Two attempts fit into the two seconds that AddItem has.
      timeoutMs: 800,
      attemptsMax: 2,
      breaker: { failures: 5, coolDownMs: 30_000 },
    }),
  },
  stores: { postgres: "cart", redis: "cart" },
  promises: {
    addItem: { availability: 0.999, latencyP95Ms: 150 },
    getCart: { availability: 0.9995, latencyP95Ms: 50 },
    updateItem: { availability: 0.999, latencyP95Ms: 100 },
    removeItem: { availability: 0.999, latencyP95Ms: 100 },
    clearOrderedLines: { availability: 0.999, latencyP95Ms: 100 },
  },
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 200, memoryMiB: 160 },
});
