// How a payment comes to be known: what the provider says is written down, and what it does not say is looked up.
// Every repeat of an RPC goes through here, and so does whoever resolves payments in the background.
//
// Invariants:
//   N1. Nothing is guessed. A payment leaves `unknown` only by the provider's word.
//   N2. Money that is found to be held for a payment that somebody wants voided is let go, by whoever finds it.
//   N3. A payment that failed is not said to be voided before the provider lets nobody pay it any more.

import { Outage } from "@webstore/kit";
import { changePayment } from "./change-payment.ts";
import type { Parts } from "./parts.ts";
import { type Payment, type ProviderCall, settledBy, unansweredBy, withNextAttempt } from "./payment.ts";
import type { Intent } from "./provider.ts";

/** The provider forgets keys after a day. Beyond this age a call is looked up instead of made again. */
const keyLifetimeMs = 20 * 3_600_000;

/** Whether a call that was first made then may be made again under its key. */
export function isKeyAlive(firstUsedAtMs: number, nowMs: number): boolean {
  return nowMs - firstUsedAtMs < keyLifetimeMs;
}

/** Writes down what the provider said. */
export async function settle(parts: Parts, payment: Payment, intent: Intent): Promise<Payment> {
  const after = await changePayment(parts, payment, (current, nowMs) => settledBy(current, intent, nowMs));
  const isHeld = after.status === "authorized" || after.status === "requires_action";
  return after.voidWanted && isHeld ? letGo(parts, after) : after;
}

export function leaveUnknown(parts: Parts, payment: Payment, call: ProviderCall): Promise<Payment> {
  return changePayment(parts, payment, (current, nowMs) => unansweredBy(current, call, nowMs));
}

/** The provider said that this attempt of a call did nothing. */
export function nextAttempt(parts: Parts, payment: Payment, call: ProviderCall): Promise<Payment> {
  const refused = { call, attempt: payment.attempts[call] };
  return changePayment(parts, payment, (current, nowMs) => withNextAttempt(current, refused, nowMs));
}

/** Asks how an unknown payment stands, if there is a reference to ask by. */
export async function settleUnknown(parts: Parts, payment: Payment): Promise<Payment> {
  if (payment.status !== "unknown" || payment.providerReference === "") return payment;
  const seen = await parts.provider.retrieve(payment);
  return seen.is === "done" ? settle(parts, payment, seen.intent) : payment;
}

/** Finds out what became of an authorization whose answer does not say. No call of it may still be on its way. */
export async function lookUpAuthorization(parts: Parts, payment: Payment): Promise<Payment> {
  const found = await parts.provider.find(payment);
  if (found.is === "done") return settle(parts, payment, found.intent);
  if (found.is === "nothing") return nextAttempt(parts, payment, "authorize");
  return leaveUnknown(parts, payment, "authorize");
}

/**
 * Uses up the key of an authorization that may be on its way, with something that holds nothing. Then either the provider
 * has done it already and it is found, or it never will be.
 */
export async function closeAuthorization(parts: Parts, payment: Payment): Promise<Payment> {
  if (!isKeyAlive(payment.createTimeMs, parts.nowMs())) return lookUpAuthorization(parts, payment);
  const closed = await parts.provider.closeAuthorization(payment);
  if (closed === "used") return lookUpAuthorization(parts, payment);
  if (closed === "unanswered") return leaveUnknown(parts, payment, "authorize");
  return nextAttempt(parts, payment, "authorize");
}

/**
 * Finds out how a payment stands after a capture or void that did not do what it should. What is
 * still held can be asked for again under a new key, which is left to whoever repeats the RPC.
 */
export async function lookUpRefused(
  parts: Parts,
  payment: Payment,
  call: "capture" | "void",
): Promise<Payment> {
  const seen = await parts.provider.retrieve(payment);
  if (seen.is === "unanswered") return leaveUnknown(parts, payment, call);
  const after = await changePayment(parts, payment, (current, nowMs) =>
    settledBy(current, seen.intent, nowMs),
  );
  if (after.status !== "authorized" && after.status !== "requires_action") return after;
  await nextAttempt(parts, after, call);
  throw new Outage("payment-provider", `the provider did not ${call} payment ${payment.paymentId}`);
}

/**
 * Sees to it that nobody can pay any more what failed: at the provider, a shopper whose bank said no may still confirm with
 * another card. A payment that did not fail is left as it is.
 */
export async function closeFailed(parts: Parts, payment: Payment): Promise<Payment> {
  if (payment.status !== "failed" || payment.providerReference === "") return payment;
  const outcome = await parts.provider.cancel(payment);
  if (outcome.is === "done") return payment;
  const seen = await parts.provider.retrieve(payment);
  if (seen.is === "done" && seen.intent.state === "released") return payment;
  // Whatever the provider answered, it answers again for this key.
  if (outcome.is !== "unanswered") await nextAttempt(parts, payment, "void");
  throw new Outage("payment-provider", `the provider did not close payment ${payment.paymentId}`);
}

/** Asks the provider to let go of what is held. */
export async function letGo(parts: Parts, payment: Payment): Promise<Payment> {
  const outcome = await parts.provider.cancel(payment);
  if (outcome.is === "done") {
    return changePayment(parts, payment, (current, nowMs) => settledBy(current, outcome.intent, nowMs));
  }
  if (outcome.is === "unanswered") return leaveUnknown(parts, payment, "void");
  return lookUpRefused(parts, payment, "void");
}
