// REST for machines outside of the store: the payment provider's events, and what other systems know of payments.
//
// Invariants:
//   W1. An event of the provider reaches payments byte for byte: its signature is over these bytes, and payments
//       alone judges it. It is answered 200 only after payments has stored it; anything else makes the provider try again.
//   W2. A payment update is looked at only after its sender has proved to have the key (exchange.ts).

import { minorOf } from "@webstore/kit";
import type { UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import type { PaymentStatus } from "@webstore/proto/payments/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import { statusName } from "./order-view.ts";
import { present } from "./present.ts";
import { invalidField } from "./refuse-field.ts";
import { money, orderStatuses, paymentStatuses, time, uuid } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

/** As the contract of payments has it. */
const eventBytesMax = 256 * 1_024;

/** `paymentUpdates`: whether there is a key for those who send them. */
export function webhookRoutes(
  ports: Pick<Ports, "orders" | "payments">,
  is: { paymentUpdates: boolean },
): Route[] {
  return [providerRoute(ports), ...(is.paymentUpdates ? [paymentUpdatesRoute(ports)] : [])];
}

function providerRoute({ payments }: Pick<Ports, "payments">): Route {
  return route("receiveProviderEvent", {
    tag: "webhooks",
    summary: "Takes in an event of the payment provider, once its signature is found to be good.",
    bytesMax: eventBytesMax,
    headers: z.object({ "stripe-signature": z.string().max(2_000).default("") }),
    countedWith: "provider",
    deadlineMs: 6_000,
    answers: {
      200: { description: "It is stored.", schema: z.strictObject({ received: z.literal(true) }) },
    },
    refusals: ["webhook_signature_invalid"],
    handle: async ({ bytes, headers }) => {
      await payments.receiveProviderEvent({ payload: bytes, signature: headers["stripe-signature"] });
      return { status: 200, body: { received: true } };
    },
  });
}

const updateShape = z.strictObject({
  order_id: uuid,
  payment_id: uuid,
  payment_status: z.enum(paymentStatuses),
  occurred_at: time,
  refunded_amount: money.optional().describe("All that went back until then; without it nothing did."),
});

function paymentUpdatesRoute({ orders }: Pick<Ports, "orders">): Route {
  return route("updatePayment", {
    tag: "webhooks",
    summary:
      "Tells an order what became of its payment. One that is late, doubled or out of order changes nothing.",
    idempotencyKey: "required",
    idempotencyKeyHeader: "x-idempotency-key",
    body: updateShape,
    answers: {
      200: {
        description: "Where the order stands now, and whether this moved it or was known already.",
        schema: z.strictObject({ status: z.enum(orderStatuses), applied: z.boolean() }),
      },
    },
    refusals: ["order_not_found", "transition_refused", "payment_mismatch"],
    handle: async ({ body, idempotencyKey }) => {
      const request: UpdateOrderPaymentStatusRequest = {
        orderId: body.order_id,
        paymentId: body.payment_id,
        paymentStatus: `PAYMENT_STATUS_${body.payment_status.toUpperCase()}` as PaymentStatus,
        notificationId: present(idempotencyKey, "idempotency key"),
        occurredAt: body.occurred_at,
        refundedMinor: await refundedMinorOf(body, orders),
      };
      const { status, applied } = await orders.updateOrderPaymentStatus(request);
      return { status: 200, body: { status: statusName(status), applied } };
    },
  });
}

/** The notification itself names no currency: an amount of another one would be taken for the order's. */
async function refundedMinorOf(
  { order_id: orderId, refunded_amount: given }: z.output<typeof updateShape>,
  orders: Pick<Ports["orders"], "getOrder">,
): Promise<bigint> {
  if (given === undefined) return 0n;
  const order = present((await orders.getOrder({ orderId })).order, "order");
  // One that has no prices has no currency either.
  const currency = order.total?.currency ?? given.currency;
  if (given.currency !== currency) {
    throw invalidField("refunded_amount.currency", `must be ${currency}, as the order's`);
  }
  const amountMinor = minorOf(given.amount, currency);
  if (amountMinor === undefined) {
    throw invalidField("refunded_amount.amount", `must be an amount of ${currency}`);
  }
  return amountMinor;
}
