// Events of the provider: what is kept of one, and when it is worth asking about. All of it is pure.
//
// Invariants:
//   E1. An event is never believed: it says when to look, and what is then seen is taken down. So one that is late,
//       doubled or out of order changes nothing.
//   E2. Of an event, only ids, its type and its time are kept.

import { z } from "zod";
import { isOver, isTaken, type Payment, type PaymentStatus } from "./payment.ts";

export type ProviderEvent = {
  readonly eventId: string;
  readonly type: string;
  /** The provider's id of the payment; empty: the event is about none. */
  readonly paymentReference: string;
  /** Ours, as the provider was told it; empty when the event does not say. */
  readonly paymentId: string;
  readonly createTimeMs: number;
};

const id = z.string().regex(/^[A-Za-z0-9_]{1,255}$/);
const reference = z.union([id, z.object({ id }).transform((object) => object.id)]).nullish();

/** What we read of an event; it may have anything else. */
export const eventShape = z.object({
  id,
  type: z.string().regex(/^[a-z0-9_.]{1,255}$/),
  created: z.int().min(0).max(253_402_300_799),
  data: z.object({
    object: z.object({
      object: z.string().max(255),
      // What is none is no payment of ours; a value that the database refuses would keep out the events beside it.
      id: id.nullish().catch(null),
      payment_intent: reference,
      metadata: z.record(z.string(), z.unknown()).nullish(),
    }),
  }),
});

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function eventOf({ id: eventId, type, created, data }: z.output<typeof eventShape>): ProviderEvent {
  const { object, id: objectId, payment_intent, metadata } = data.object;
  const paymentId = metadata?.payment_id;
  return {
    eventId,
    type,
    paymentReference: (object === "payment_intent" ? objectId : payment_intent) ?? "",
    paymentId: typeof paymentId === "string" && uuid.test(paymentId) ? paymentId : "",
    createTimeMs: created * 1_000,
  };
}

/** What an event about the payment itself can have to say, by where the payment stands. */
const opens: ReadonlySet<PaymentStatus> = new Set(["created", "unknown", "requires_action"]);
const newsBy: Readonly<Record<string, (payment: Payment) => boolean>> = {
  "payment_intent.requires_action": ({ status }) => status === "created" || status === "unknown",
  // Also money that somebody holds after the payment was given up.
  "payment_intent.amount_capturable_updated": (payment) =>
    opens.has(payment.status) || payment.status === "failed" || payment.voidWanted,
  "payment_intent.succeeded": (payment) => !isTaken(payment),
  "payment_intent.payment_failed": (payment) => !isOver(payment) && !isTaken(payment),
  "payment_intent.canceled": (payment) => !isOver(payment) && !isTaken(payment),
};

/** Whether it may say that money went back, or is demanded back. */
export function isAboutReturns(type: string): boolean {
  return /^(charge\.refund|refund\.|charge\.dispute\.)/.test(type);
}

export function isOfInterest({ type, paymentReference }: ProviderEvent): boolean {
  return paymentReference !== "" && (type in newsBy || isAboutReturns(type));
}

/** How long a call of ours about the payment may still be on its way, whose answer will say what the event says. */
const callMs = 4_000;

/** `later`: we are probably about to be answered the same. `never`: it is known already. */
export function whenToAsk(event: ProviderEvent, payment: Payment, nowMs: number): "now" | "later" | "never" {
  const isNews = newsBy[event.type];
  if (isNews === undefined) return "now";
  if (!isNews(payment)) return "never";
  const isInHand = payment.status === "created" || payment.status === "authorized";
  return isInHand && nowMs - payment.updateTimeMs < callMs ? "later" : "now";
}
