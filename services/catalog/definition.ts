// What the catalog service is. Its process, chart, mesh policy, SLOs and dashboard follow from this value.

import { defineService } from "@webstore/kit";
import { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";

export const catalog = defineService({
  name: "catalog",
  serves: CatalogServiceDefinition,
  ports: { rpc: 5102, admin: 5202 },
  stores: { postgres: "catalog", mongo: "catalog" },
  promises: {
    listProducts: { availability: 0.9995, latencyP95Ms: 100 },
    getProduct: { availability: 0.9995, latencyP95Ms: 50 },
    // Every checkout waits for this one.
    batchGetProducts: { availability: 0.9995, latencyP95Ms: 50 },
    createProduct: { availability: 0.999, latencyP95Ms: 200 },
    updateProduct: { availability: 0.999, latencyP95Ms: 200 },
    // Decodes and encodes up to 40 million pixels.
    uploadProductImage: { availability: 0.999, latencyP95Ms: 5_000 },
    getProductImage: { availability: 0.9995, latencyP95Ms: 100 },
  },
  // Memory is for one image in the making.
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 250, memoryMiB: 512 },
});
