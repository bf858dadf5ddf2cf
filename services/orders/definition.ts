// What the orders service is. Everything that depends on it is derived from this value: the
// process (main.ts), its chart, who may call whom, its alerts and its dashboard.

import { cart } from "@webstore/cart/definition";
import { catalog } from "@webstore/catalog/definition";
import { crm } from "@webstore/crm/definition";
import { inventory } from "@webstore/inventory/definition";
import { call, defineService, partner } from "@webstore/kit";
import { payments } from "@webstore/payments/definition";
import { OrderServiceDefinition } from "@webstore/proto/orders/v1";

/** Its own events: what an order sets in motion and nobody waits for. */
export const followups = { topic: "order-events", group: "orders-followups" };

const breaker = { failures: 5, coolDownMs: 30_000 };

export const orders = defineService({
  name: "orders",
  serves: OrderServiceDefinition,
  ports: { rpc: 5104, admin: 5204 },

  calls: {
    cart: call(cart, {
      methods: ["getCart", "clearOrderedLines"],
      timeoutMs: 1_000,
      attemptsMax: 2,
      breaker,
    }),
    catalog: call(catalog, { methods: ["batchGetProducts"], timeoutMs: 1_000, attemptsMax: 2, breaker }),
    payments: call(payments, {
      methods: ["createPayment", "getPayment", "capturePayment", "voidPayment", "processRefund"],
      timeoutMs: 5_000,
      // One attempt: the saga, which knows the idempotency key, does the retrying.
      attemptsMax: 1,
      breaker,
    }),
  },
  partners: {
    inventory: partner(inventory, { timeoutMs: 800, attemptsMax: 1, breaker }),
    crm: partner(crm, { timeoutMs: 2_000, attemptsMax: 1, breaker }),
  },
  stores: { postgres: "orders" },
  publishes: ["order-events"],
  consumes: [followups],
  secrets: ["JOURNAL_KEY"],

  promises: {
    placeOrder: { availability: 0.999, latencyP95Ms: 1_000 },
    getOrder: { availability: 0.9995, latencyP95Ms: 100 },
    listOrders: { availability: 0.9995, latencyP95Ms: 200 },
    cancelOrder: { availability: 0.999, latencyP95Ms: 300 },
    updateOrderPaymentStatus: { availability: 0.999, latencyP95Ms: 200 },
    executeCancellation: { availability: 0.999, latencyP95Ms: 2_000 },
    importOrder: { availability: 0.999, latencyP95Ms: 200 },
    priceOrder: { availability: 0.999, latencyP95Ms: 300 },
    listSagas: { availability: 0.999, latencyP95Ms: 300 },
    getSaga: { availability: 0.999, latencyP95Ms: 200 },
    retrySaga: { availability: 0.999, latencyP95Ms: 500 },
    compensateSaga: { availability: 0.999, latencyP95Ms: 500 },
    transitionOrder: { availability: 0.999, latencyP95Ms: 200 },
  },
  runs: { replicas: { min: 2, max: 12 }, cpuMillis: 250, memoryMiB: 192 },
});
