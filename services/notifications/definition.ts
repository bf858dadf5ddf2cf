// What the notifications service is. It hears what happens to orders and payments, and e-mails the customers.

import { identity } from "@webstore/identity/definition";
import { call, defineService } from "@webstore/kit";
import { orders } from "@webstore/orders/definition";
import { NotificationServiceDefinition } from "@webstore/proto/notifications/v1";

/** One group for both topics: an event belongs to one of them, and its id to it alone. */
export const group = "notifications";

const breaker = { failures: 5, coolDownMs: 30_000 };

export const notifications = defineService({
  name: "notifications",
  serves: NotificationServiceDefinition,
  ports: { rpc: 5107, admin: 5207 },
  calls: {
    // One attempt each: a mail that could not be made is tried again as a whole. Nobody waits for it, so it may take its time.
    identity: call(identity, { methods: ["getUser"], timeoutMs: 5_000, attemptsMax: 1, breaker }),
    // The events say what was bought by its id; the order knows what it was called.
    orders: call(orders, { methods: ["getOrder"], timeoutMs: 5_000, attemptsMax: 1, breaker }),
  },
  stores: { postgres: "notifications" },
  consumes: [
    { topic: "order-events", group },
    { topic: "payment-topic", group },
  ],
  secrets: ["MAIL_URL"],

  promises: {
    listNotifications: { availability: 0.999, latencyP95Ms: 200 },
    resendNotification: { availability: 0.999, latencyP95Ms: 200 },
  },
  runs: { replicas: { min: 1, max: 4 }, cpuMillis: 100, memoryMiB: 160 },
});
