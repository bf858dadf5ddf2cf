// What the payments service is: the one that asks the payment provider for money, and remembers
// what it was told.

import { defineService, partner } from "@webstore/kit";
import { paymentProvider } from "@webstore/payment-provider/definition";
import { PaymentServiceDefinition } from "@webstore/proto/payments/v1";

export const payments = defineService({
  name: "payments",
  serves: PaymentServiceDefinition,
  ports: { rpc: 5105, admin: 5205 },
  partners: {
    // One attempt: whoever repeats an RPC repeats the call, under the key that is stored.
    provider: partner(paymentProvider, {
      timeoutMs: 3_000,
      attemptsMax: 1,
      breaker: { failures: 5, coolDownMs: 30_000 },
    }),
  },
  stores: { postgres: "payments" },
  publishes: ["payment-topic"],
  promises: {
    createPayment: { availability: 0.999, latencyP95Ms: 1_000 },
    getPayment: { availability: 0.9995, latencyP95Ms: 100 },
    capturePayment: { availability: 0.999, latencyP95Ms: 1_000 },
    voidPayment: { availability: 0.999, latencyP95Ms: 1_000 },
    processRefund: { availability: 0.999, latencyP95Ms: 1_000 },
    listPayments: { availability: 0.999, latencyP95Ms: 200 },
  },
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 250, memoryMiB: 192 },
});
