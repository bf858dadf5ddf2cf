// What the payments service is: the one that asks the payment provider for money, and remembers
// what it was told.

import { call, defineService, partner } from "@webstore/kit";
import { paymentProvider } from "@webstore/payment-provider/definition";
import { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import { PaymentServiceDefinition } from "@webstore/proto/payments/v1";

export const payments = defineService({
  name: "payments",
  serves: PaymentServiceDefinition,
  ports: { rpc: 5105, admin: 5205 },

  calls: {
    // A back edge: orders' definition imports this one, so its name, contract and port are stated here; a test of
    // the system holds them equal to orders' own. There is no breaker, because every notification has a schedule of
    // its own, and orders answers UNAVAILABLE for one that comes before the order is ready for it.
    orders: call(
      { name: "orders", serves: OrderServiceDefinition, ports: { rpc: 5104 } },
      { methods: ["updateOrderPaymentStatus"], timeoutMs: 2_000, attemptsMax: 1 },
    ),
  },
  partners: {
    // One attempt: whoever repeats an RPC repeats the call, under the key that is stored.
    provider: partner(paymentProvider, {
      timeoutMs: 3_000,
      attemptsMax: 1,
      breaker: { failures: 5, coolDownMs: 30_000 },
    }),
  },
  stores: { postgres: "payments", mongo: "payments" },
  publishes: ["payment-topic"],
  secrets: ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"],

  promises: {
    createPayment: { availability: 0.999, latencyP95Ms: 1_000 },
    getPayment: { availability: 0.9995, latencyP95Ms: 100 },
    capturePayment: { availability: 0.999, latencyP95Ms: 1_000 },
    voidPayment: { availability: 0.999, latencyP95Ms: 1_000 },
    processRefund: { availability: 0.999, latencyP95Ms: 1_000 },
    listPayments: { availability: 0.999, latencyP95Ms: 200 },
    receiveProviderEvent: { availability: 0.999, latencyP95Ms: 100 },
    resolvePayment: { availability: 0.999, latencyP95Ms: 2_000 },
    listProviderPayments: { availability: 0.99, latencyP95Ms: 5_000 },
  },
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 250, memoryMiB: 192 },
});
