// The payment intent: one attempt to be paid, from its creation to money or to nothing.
//
//   requires_payment_method → requires_confirmation → (requires_action) → requires_capture → succeeded
//                                                                     └──────────────────→ succeeded
//   every state but succeeded → canceled
//
// Invariants:
//   P1. amount_received ≤ amount, and it changes once, on the way to `succeeded`.
//   P2. amount_capturable is the amount in `requires_capture`, and 0 elsewhere.
//   P3. What was authorized and never captured is let go, not refunded: no refund speaks of it.

import { unexpectedState } from "./api-error.ts";
import type { Metadata } from "./parameters.ts";

export type PaymentIntentStatus =
  | "requires_payment_method"
  | "requires_confirmation"
  | "requires_action"
  | "processing"
  | "requires_capture"
  | "succeeded"
  | "canceled";

export type PaymentError = {
  readonly type: "card_error" | "invalid_request_error";
  readonly code: string;
  readonly decline_code?: string;
  readonly message: string;
  readonly charge?: string;
  readonly payment_method?: { readonly id: string; readonly object: "payment_method"; readonly type: "card" };
};

export type NextAction = {
  readonly type: "redirect_to_url";
  readonly redirect_to_url: { readonly url: string; readonly return_url: string | null };
};

export const captureMethods = ["automatic", "automatic_async", "manual"] as const;
export const cancellationReasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"] as const;

export type PaymentIntent = {
  readonly id: string;
  readonly object: "payment_intent";
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly canceled_at: number | null;
  /** `automatic`: the authorization ended by itself. */
  readonly cancellation_reason: (typeof cancellationReasons)[number] | "automatic" | null;
  readonly capture_method: (typeof captureMethods)[number];
  readonly client_secret: string;
  readonly confirmation_method: "automatic";
  readonly created: number;
  readonly currency: string;
  readonly customer: null;
  readonly description: string | null;
  readonly last_payment_error: PaymentError | null;
  readonly latest_charge: string | null;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly next_action: NextAction | null;
  readonly payment_method: string | null;
  readonly payment_method_types: readonly string[];
  readonly processing: null;
  readonly receipt_email: string | null;
  readonly status: PaymentIntentStatus;
};

const confirmable: ReadonlySet<PaymentIntentStatus> = new Set([
  "requires_payment_method",
  "requires_confirmation",
  "requires_action",
]);

const cancelable: ReadonlySet<PaymentIntentStatus> = new Set([
  ...confirmable,
  "requires_capture",
  "processing",
]);

/** Refuses unless the intent can be confirmed with this token or the one that it has. */
export function confirmToken(intent: PaymentIntent, token: string | undefined): string {
  if (!confirmable.has(intent.status)) {
    throw unexpectedState(
      intent,
      `You cannot confirm this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be confirmed: ${[...confirmable].join(", ")}.`,
    );
  }
  const method = token ?? intent.payment_method;
  if (method !== null) return method;
  throw unexpectedState(
    intent,
    "You cannot confirm this PaymentIntent because it's missing a payment method. Update the PaymentIntent with a payment method, or confirm it with one.",
  );
}

export function checkCapturable(intent: PaymentIntent): void {
  if (intent.status === "requires_capture") return;
  throw unexpectedState(
    intent,
    `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
  );
}

export function checkCancelable(intent: PaymentIntent): void {
  if (cancelable.has(intent.status)) return;
  throw unexpectedState(
    intent,
    `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${[...cancelable].join(", ")}.`,
  );
}

export function authorized(intent: PaymentIntent, token: string, chargeId: string): PaymentIntent {
  const manual = intent.capture_method === "manual";
  return {
    ...intent,
    payment_method: token,
    latest_charge: chargeId,
    last_payment_error: null,
    next_action: null,
    status: manual ? "requires_capture" : "succeeded",
    amount_capturable: manual ? intent.amount : 0,
    amount_received: manual ? 0 : intent.amount,
  };
}

export function awaitingAction(intent: PaymentIntent, token: string, nextAction: NextAction): PaymentIntent {
  return {
    ...intent,
    payment_method: token,
    last_payment_error: null,
    next_action: nextAction,
    status: "requires_action",
  };
}

export function failed(intent: PaymentIntent, error: PaymentError): PaymentIntent {
  return {
    ...intent,
    payment_method: null,
    latest_charge: error.charge ?? intent.latest_charge,
    last_payment_error: error,
    next_action: null,
    amount_capturable: 0,
    status: "requires_payment_method",
  };
}

export function captured(intent: PaymentIntent, amount: number): PaymentIntent {
  return { ...intent, amount_capturable: 0, amount_received: amount, status: "succeeded" };
}

export function canceled(
  intent: PaymentIntent,
  reason: PaymentIntent["cancellation_reason"],
  now: number,
): PaymentIntent {
  return {
    ...intent,
    amount_capturable: 0,
    next_action: null,
    canceled_at: now,
    cancellation_reason: reason,
    status: "canceled",
  };
}
