// What the gateway is: the store's only face to the world. It has no data and no business
// rules; it turns REST, Connect, gRPC and webhooks into calls of the services that have them.

import { cart } from "@webstore/cart/definition";
import { catalog } from "@webstore/catalog/definition";
import { identity } from "@webstore/identity/definition";
import { inventory } from "@webstore/inventory/definition";
import { call, defineService, type PortsOf, partner } from "@webstore/kit";
import { ledger } from "@webstore/ledger/definition";
import { notifications } from "@webstore/notifications/definition";
import { orderProcessor } from "@webstore/order-processor/definition";
import { orders } from "@webstore/orders/definition";
import { payments } from "@webstore/payments/definition";
import { OpsServiceDefinition } from "@webstore/proto/ops/v1";
import { StorefrontServiceDefinition } from "@webstore/proto/storefront/v1";
import { routes } from "./routes.ts";

const breaker = { failures: 5, coolDownMs: 30_000 };

export const gateway = defineService({
  name: "gateway",
  serves: StorefrontServiceDefinition,
  ports: { rpc: 9080, admin: 5200, http: 8000 },

  // The time limits here bound the slowest method of each service; most requests bring a shorter
  // deadline of their own.
  calls: {
    identity: call(identity, {
      methods: ["register", "login", "refresh", "getJwks"],
      timeoutMs: 3_000,
      attemptsMax: 2,
      breaker,
    }),
    catalog: call(catalog, {
      methods: [
        "listProducts",
        "getProduct",
        "batchGetProducts",
        "createProduct",
        "updateProduct",
        "uploadProductImage",
        "getProductImage",
      ],
      timeoutMs: 10_000,
      attemptsMax: 2,
      breaker,
    }),
    cart: call(cart, {
      methods: ["addItem", "getCart", "updateItem", "removeItem"],
      timeoutMs: 2_000,
      attemptsMax: 2,
      breaker,
    }),
    orders: call(orders, {
      methods: [
        "placeOrder",
        "getOrder",
        "listOrders",
        "cancelOrder",
        "updateOrderPaymentStatus",
        "importOrder",
        "listSagas",
        "getSaga",
        "retrySaga",
        "compensateSaga",
      ],
      timeoutMs: 15_000,
      attemptsMax: 2,
      breaker,
    }),
    payments: call(payments, {
      methods: ["listPayments", "getPayment", "processRefund", "receiveProviderEvent", "resolvePayment"],
      timeoutMs: 5_000,
      attemptsMax: 2,
      breaker,
    }),
    ledger: call(ledger, {
      methods: ["listEntries", "getBalances", "reconcile"],
      // A comparison of everything takes its time.
      timeoutMs: 30_500,
      attemptsMax: 2,
      breaker,
    }),
    notifications: call(notifications, {
      methods: ["listNotifications", "resendNotification"],
      timeoutMs: 5_000,
      attemptsMax: 2,
      breaker,
    }),
    orderProcessor: call(orderProcessor, {
      methods: ["listDeadLetters", "getDeadLetter", "redriveDeadLetters", "recordAudit", "listAuditEntries"],
      timeoutMs: 10_000,
      attemptsMax: 2,
      breaker,
    }),
  },
  // Only to show how many there are: a page without that number is better than a late one.
  partners: { inventory: partner(inventory, { timeoutMs: 300, attemptsMax: 1, breaker }) },
  alsoServes: [OpsServiceDefinition],
  routes,
  secrets: ["PAYMENT_UPDATES_API_KEY"],

  promises: {
    register: { availability: 0.999, latencyP95Ms: 1_000 },
    login: { availability: 0.999, latencyP95Ms: 1_000 },
    refresh: { availability: 0.999, latencyP95Ms: 500 },
    listProducts: { availability: 0.999, latencyP95Ms: 500 },
    getProduct: { availability: 0.999, latencyP95Ms: 500 },
    addToCart: { availability: 0.999, latencyP95Ms: 500 },
    getCart: { availability: 0.999, latencyP95Ms: 500 },
    updateCartItem: { availability: 0.999, latencyP95Ms: 500 },
    removeCartItem: { availability: 0.999, latencyP95Ms: 500 },
    checkout: { availability: 0.999, latencyP95Ms: 1_000 },
    listOrders: { availability: 0.999, latencyP95Ms: 500 },
    getOrder: { availability: 0.999, latencyP95Ms: 500 },
    cancelOrder: { availability: 0.999, latencyP95Ms: 500 },
  },
  runs: { replicas: { min: 2, max: 10 }, cpuMillis: 250, memoryMiB: 192 },
});

/** Everything that the gateway may call. */
export type Ports = PortsOf<typeof gateway>;
