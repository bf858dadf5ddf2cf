// What the ledger is: the books. It writes them from the events of orders and payments, and calls both only to compare.

import { call, defineService } from "@webstore/kit";
import { orders } from "@webstore/orders/definition";
import { payments } from "@webstore/payments/definition";
import { LedgerServiceDefinition } from "@webstore/proto/ledger/v1";

/** Where its entries come from. */
export const orderEvents = { topic: "order-events", group: "ledger" };
export const paymentEvents = { topic: "payment-topic", group: "ledger" };

const breaker = { failures: 5, coolDownMs: 30_000 };

export const ledger = defineService({
  name: "ledger",
  serves: LedgerServiceDefinition,
  ports: { rpc: 5106, admin: 5206 },

  calls: {
    orders: call(orders, { methods: ["listOrders", "getOrder"], timeoutMs: 1_000, attemptsMax: 3, breaker }),
    payments: call(payments, {
      methods: ["listPayments", "listProviderPayments"],
      timeoutMs: 10_000,
      attemptsMax: 3,
      breaker,
    }),
  },
  stores: { postgres: "ledger" },
  consumes: [orderEvents, paymentEvents],

  promises: {
    listEntries: { availability: 0.9995, latencyP95Ms: 100 },
    getBalances: { availability: 0.9995, latencyP95Ms: 100 },
    // It reads everything that the store and the provider have.
    reconcile: { availability: 0.99, latencyP95Ms: 20_000 },
  },
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 100, memoryMiB: 192 },
});
