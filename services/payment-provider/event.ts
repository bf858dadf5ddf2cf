// Events: what happened to a payment, with the object as it was then. Each is stored by the
// transaction that it tells of; its delivery to the webhook is stored with it.
//
// The webhook is subscribed to every type but `payment_intent.created`, which is only in the list of events.
// Stripe has more types that say the same (charge.succeeded, charge.captured, …); they are left out.

import type { Charge } from "./charge.ts";
import type { Dispute } from "./dispute.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import type { Work } from "./provider.ts";
import type { Refund } from "./refund.ts";

/** The newest version of Stripe's API that this one follows. */
export const apiVersion = "2026-10-28.endive";

export const eventTypes = [
  "payment_intent.amount_capturable_updated",
  "payment_intent.canceled",
  "payment_intent.created",
  "payment_intent.payment_failed",
  "payment_intent.requires_action",
  "payment_intent.succeeded",
  "charge.refunded",
  "charge.dispute.created",
  "charge.dispute.updated",
  "charge.dispute.closed",
  "charge.dispute.funds_withdrawn",
  "charge.dispute.funds_reinstated",
  "refund.created",
  "refund.updated",
  "refund.failed",
] as const;
export type EventType = (typeof eventTypes)[number];

export type ProviderEvent = {
  readonly id: string;
  readonly object: "event";
  readonly api_version: string;
  readonly created: number;
  readonly data: { readonly object: PaymentIntent | Charge | Dispute | Refund };
  readonly livemode: false;
  readonly pending_webhooks: number;
  /** Without an id: it happened by itself. */
  readonly request: { readonly id: string | null; readonly idempotency_key: string | null };
  readonly type: EventType;
};

/** `intent`: whose history this is part of. */
export function emit(
  work: Work,
  type: EventType,
  object: ProviderEvent["data"]["object"],
  intent: PaymentIntent,
): void {
  const { webhooks, scenarios, ids } = work.provider;
  const isDelivered = webhooks.enabled && type !== "payment_intent.created";
  const met = isDelivered
    ? scenarios.meetEvent(
        {
          operation: work.operation,
          attempts: false,
          orderId: intent.metadata.order_id,
          paymentIntent: intent.id,
          token: intent.payment_method ?? undefined,
        },
        type,
      )
    : undefined;
  const event: ProviderEvent = {
    id: ids.next("evt", work.nowSeconds),
    object: "event",
    api_version: apiVersion,
    created: work.nowSeconds,
    data: { object },
    livemode: false,
    pending_webhooks: isDelivered ? 1 : 0,
    request: { id: work.requestId ?? null, idempotency_key: work.idempotencyKey ?? null },
    type,
  };
  const payload = work.store.events.insert(event, type);
  if (isDelivered) webhooks.schedule({ id: event.id, paymentIntent: intent.id, payload }, met);
}
