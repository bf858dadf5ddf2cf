// Takes, holds or fails to take the money of a payment intent: what confirming it does, and what a
// shopper's answer to the bank's question does.

import { ApiError, noSuch } from "./api-error.ts";
import { type Charge, capturedCharge, newCharge } from "./charge.ts";
import { bookLine, scheduleDispute } from "./charge-back.ts";
import { emit } from "./event.ts";
import {
  authorized,
  awaitingAction,
  canceled,
  failed,
  type NextAction,
  type PaymentError,
  type PaymentIntent,
} from "./payment-intent.ts";
import {
  authenticationDecline,
  type Decline,
  findPaymentMethod,
  genericDecline,
  type PaymentMethod,
} from "./payment-method.ts";
import type { Work } from "./provider.ts";

export type Attempt = {
  readonly method: PaymentMethod;
  /** The shopper proved who they are. */
  readonly authenticated: boolean;
  /** The shopper is not there to prove it. */
  readonly absent: boolean;
  /** The bank asks anyway. */
  readonly asks: boolean;
  readonly returnUrl: string | undefined;
};

export function paymentMethodOf(token: string): PaymentMethod {
  const method = findPaymentMethod(token);
  if (method === undefined) throw noSuch("PaymentMethod", token, "payment_method", 400);
  return method;
}

export function cardError(decline: Decline, chargeId: string | undefined, intent: PaymentIntent): ApiError {
  const { code, declineCode, message } = decline;
  return new ApiError(402, {
    type: "card_error",
    code,
    decline_code: declineCode,
    message,
    charge: chargeId,
    payment_intent: intent,
  });
}

/** How long an authorization holds; then the bank lets it go. */
export const authorizationMs = 7 * 86_400_000;

/** Books a capture: the charge's new state, and the line of our balance. */
export function capture(work: Work, charge: Charge, amount: number): Charge {
  const { id: source, currency } = charge;
  return capturedCharge(charge, amount, bookLine(work, { category: "charge", source, amount, currency }));
}

function charge(
  work: Work,
  intent: PaymentIntent,
  method: PaymentMethod,
  decline: Decline | undefined,
): Charge {
  const id = work.provider.ids.next("ch", work.nowSeconds);
  const receiptUrl = `${work.provider.baseUrl}/receipts/${id}`;
  const now = work.nowSeconds;
  const isManual = intent.capture_method === "manual";
  const captureBefore = decline === undefined && isManual ? now + authorizationMs / 1_000 : undefined;
  const made = newCharge({ id, intent, method, decline, receiptUrl, captureBefore, now });
  const takes = decline === undefined && !isManual;
  const settled = takes ? capture(work, made, intent.amount) : made;
  work.store.charges.insert(settled, intent.id);
  return settled;
}

function paymentError(decline: Decline, chargeId: string, method: PaymentMethod): PaymentError {
  return {
    type: "card_error",
    code: decline.code,
    decline_code: decline.declineCode,
    message: decline.message,
    charge: chargeId,
    payment_method: { id: method.token, object: "payment_method", type: "card" },
  };
}

function nextAction(work: Work, intent: PaymentIntent, returnUrl: string | undefined): NextAction {
  const query = new URLSearchParams({ client_secret: intent.client_secret });
  if (returnUrl !== undefined) query.set("return_url", returnUrl);
  const url = `${work.provider.baseUrl}/authenticate/${intent.id}?${query}`;
  return { type: "redirect_to_url", redirect_to_url: { url, return_url: returnUrl ?? null } };
}

function declineOf(work: Work, attempt: Attempt, needsAction: boolean): Decline | undefined {
  if (work.met?.action === "decline") return genericDecline;
  if (needsAction) return attempt.absent ? authenticationDecline : undefined;
  return attempt.method.decline;
}

/** The shopper may be there and answer the bank without being asked to. */
function scheduleAnswer(work: Work, intent: PaymentIntent, method: PaymentMethod): void {
  const { met } = work;
  const scripted =
    met?.action === "needs_action" && (met.outcome === "succeeded" || met.outcome === "failed")
      ? { delayMs: met.delayMs, outcome: met.outcome }
      : undefined;
  const answer = scripted ?? method.answer;
  if (answer === undefined) return;
  const { delayMs, outcome } = answer;
  const dueAtMs = work.clockMs + delayMs;
  work.provider.timers.set({ kind: "answer_action", subject: intent.id, dueAtMs, details: { outcome } });
}

/**
 * One attempt to be paid. `save` stores the intent; it is called once, before the events. Throws the
 * card error of a decline after all of it is written.
 */
export function pay(
  work: Work,
  intent: PaymentIntent,
  attempt: Attempt,
  save: (intent: PaymentIntent) => void,
): PaymentIntent {
  const { method } = attempt;
  const asks = attempt.asks || method.outcome === "needs_action" || work.met?.action === "needs_action";
  const needsAction = asks && !attempt.authenticated;
  const decline = declineOf(work, attempt, needsAction);
  if (decline !== undefined) {
    const { id } = charge(work, intent, method, decline);
    const after = failed(intent, paymentError(decline, id, method));
    save(after);
    emit(work, "payment_intent.payment_failed", after, after);
    throw cardError(decline, id, after);
  }
  if (needsAction) {
    const after = awaitingAction(intent, method.token, nextAction(work, intent, attempt.returnUrl));
    save(after);
    scheduleAnswer(work, after, method);
    emit(work, "payment_intent.requires_action", after, after);
    return after;
  }
  const made = charge(work, intent, method, undefined);
  const after = authorized(intent, method.token, made.id);
  save(after);
  const done = after.status === "succeeded";
  emit(work, done ? "payment_intent.succeeded" : "payment_intent.amount_capturable_updated", after, after);
  if (done) scheduleDispute(work, made);
  else {
    const dueAtMs = work.clockMs + authorizationMs;
    work.provider.timers.set({ kind: "expire_authorization", subject: after.id, dueAtMs, details: {} });
  }
  return after;
}

/** The shopper could not prove who they are: the intent needs another payment method. */
export function failAuthentication(work: Work, intent: PaymentIntent): PaymentIntent {
  const after = failed(intent, {
    type: "invalid_request_error",
    code: "payment_intent_authentication_failure",
    message:
      "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
  });
  work.store.paymentIntents.update(after);
  emit(work, "payment_intent.payment_failed", after, after);
  return after;
}

/** The shopper proved who they are: the attempt that was waiting goes on. */
export function authenticate(work: Work, intent: PaymentIntent): PaymentIntent {
  const method = paymentMethodOf(intent.payment_method ?? "");
  const attempt = { method, authenticated: true, absent: false, asks: false, returnUrl: undefined };
  return pay(work, intent, attempt, work.store.paymentIntents.update);
}

/** Lets go of what is held, and of what might have been. */
export function cancel(
  work: Work,
  intent: PaymentIntent,
  reason: PaymentIntent["cancellation_reason"],
): PaymentIntent {
  const after = canceled(intent, reason, work.nowSeconds);
  work.store.paymentIntents.update(after);
  work.provider.timers.clear("expire_authorization", intent.id);
  emit(work, "payment_intent.canceled", after, after);
  return after;
}
