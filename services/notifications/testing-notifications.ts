// Events, facts and customers for the tests of this service.

import { randomUUID } from "node:crypto";
import { demoUsers, type Event, type PortsOf } from "@webstore/kit";
import { GetUserResponse } from "@webstore/proto/identity/v1";
import { GetOrderResponse } from "@webstore/proto/orders/v1";
import type { notifications } from "./definition.ts";
import type { FactsOf } from "./facts.ts";
import { notificationIdOf } from "./notification.ts";
import type { SendParts } from "./send-notification.ts";
import { subjectOf } from "./template.ts";

export const customerId = demoUsers.ada.userId;
export const mugId = "10000000-0000-4000-8000-000000000001";
export const lampId = "10000000-0000-4000-8000-000000000002";

/** `data` of OrderCreated, as orders publishes it. */
export function orderData(more: object = {}) {
  return {
    orderId: randomUUID() as string,
    customerId,
    totalAmount: "52.97",
    currency: "USD",
    status: "paid",
    items: [
      { productId: mugId, quantity: 2, unitPrice: "12.49", totalPrice: "24.98" },
      { productId: lampId, quantity: 1, unitPrice: "27.10", totalPrice: "27.10" },
    ],
    amounts: { subtotal: "52.08", shipping: "5.99", discount: "5.10" },
    createdAt: "2025-11-21T10:00:00.000Z",
    ...more,
  };
}

export function eventOf(name: string, data: unknown): Event {
  return { id: randomUUID(), name, data, occurredAt: "2025-11-21T10:00:00.000Z", traceparent: "" };
}

export function paidFacts(more: object = {}): FactsOf<"order_paid"> {
  const { status: _, ...data } = orderData(more);
  return { kind: "order_paid", ...data };
}

/** A notification that is not stored yet. */
export function newNotification(createTimeMs: number, facts = paidFacts()) {
  const eventId = randomUUID() as string;
  const { customerId: customer, orderId } = facts;
  const notificationId = notificationIdOf(eventId, customer);
  return {
    notificationId,
    eventId,
    customerId: customer,
    orderId,
    facts,
    subject: subjectOf(facts),
    createTimeMs,
  };
}

/** Everybody is Ada, at this address. */
export const customerAt = (email: string): SendParts["identity"] => ({
  getUser: async ({ userId }) => GetUserResponse.fromPartial({ user: { userId, username: "ada", email } }),
});

/** Every order has these lines. */
export const orderWith = (
  lines: readonly { productId: string; name: string }[],
): PortsOf<typeof notifications>["orders"] => ({
  getOrder: async ({ orderId }) => GetOrderResponse.fromPartial({ order: { orderId, lines: [...lines] } }),
});

export const mugAndLamp = [
  { productId: mugId, name: "Blue mug" },
  { productId: lampId, name: "Desk lamp" },
];
