// What the order-processor is. It moves orders on when events say so, and keeps nothing of them: what it stores are
// the messages that were given up, by anybody, and what staff did.

import { call, defineService } from "@webstore/kit";
import { orders } from "@webstore/orders/definition";
import { ProcessingServiceDefinition } from "@webstore/proto/processing/v1";

/** Who shares the work on orders; KAFKA_TOPIC and KAFKA_GROUP_ID replace it. */
export const processing = { topic: "order-events", group: "order-processing-group" };

/** Where messages come to lie that were given up. */
export const deadLetters = [
  { topic: "orders-dlq", group: "dead-letters" },
  { topic: "payment-topic-dlq", group: "dead-letters" },
];

const breaker = { failures: 5, coolDownMs: 30_000 };

export const orderProcessor = defineService({
  name: "order-processor",
  serves: ProcessingServiceDefinition,
  ports: { rpc: 5108, admin: 5208 },

  // The consumer tries again, over seconds; one more attempt at once is for a connection that was just lost.
  calls: {
    orders: call(orders, {
      methods: ["getOrder", "priceOrder", "transitionOrder"],
      timeoutMs: 2_000,
      attemptsMax: 2,
      breaker,
    }),
    // Apart from the others, for it waits: a slow refund must not open the breaker of what is quick.
    cancellations: call(orders, {
      methods: ["executeCancellation"],
      timeoutMs: 15_000,
      attemptsMax: 1,
      breaker,
    }),
  },
  stores: { postgres: "order_processor" },
  // Dead letters go back to where they came from, and nowhere else.
  publishes: ["order-events", "payment-topic"],
  consumes: [processing, ...deadLetters],

  promises: {
    listDeadLetters: { availability: 0.999, latencyP95Ms: 200 },
    getDeadLetter: { availability: 0.999, latencyP95Ms: 200 },
    redriveDeadLetters: { availability: 0.999, latencyP95Ms: 1_000 },
    recordAudit: { availability: 0.9995, latencyP95Ms: 100 },
    listAuditEntries: { availability: 0.999, latencyP95Ms: 200 },
  },
  runs: { replicas: { min: 2, max: 8 }, cpuMillis: 200, memoryMiB: 192 },
});
