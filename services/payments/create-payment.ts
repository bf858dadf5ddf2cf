// Create a payment: hold the money of an order.
//
// Commits, each one round trip:
//   1. the payment, with what makes its key, before the provider is asked
//   2. authorized, with the provider's reference and what makes the capture's key
// and then, by capture-payment.ts:
//   3. captured, with its event
// Fewer would not do: without 1 a crash forgets that money may be held, without 2 nobody knows under which
// reference, and 3 is the end. The capture needs no commit of its own before its call, because 2 has stored its key.
//
// Invariants:
//   C1. An ask is committed before it is sent, also when it is repeated. So when the only one was certainly not sent,
//       the payment can be marked untouched again, and voiding it needs no provider.
//   C2. Whoever finds the payment asked for and not settled asks again under the same key, which gives the
//       first answer if there was one.
//   C3. Once the payment is wanted voided, nobody asks for money any more.

import { Outage } from "@webstore/kit";
import { changePayment } from "./change-payment.ts";
import { checkText } from "./check-text.ts";
import type { Parts } from "./parts.ts";
import { isUnlocated, isUntouched, newPayment, type Payment } from "./payment.ts";
import { type Amount, checkAmount } from "./payment-amount.ts";
import type { Outcome } from "./provider.ts";
import { refusals } from "./refusals.ts";
import {
  isKeyAlive,
  leaveUnknown,
  lookUpAuthorization,
  nextAttempt,
  settle,
  settleUnknown,
} from "./settle-payment.ts";

/** The invoice, and what it is paid with. The token is passed on and kept nowhere. */
export type CreatePayment = {
  readonly orderId: string;
  readonly customerId: string;
  readonly amount: Amount | undefined;
  readonly paymentMethodToken: string;
  readonly country: string;
  readonly description: string;
};

/** `clientSecret` is empty unless the shopper has to do something. */
export type CreatedPayment = { readonly payment: Payment; readonly clientSecret: string };

export function createPayment(parts: Parts, asked: CreatePayment): Promise<CreatedPayment> {
  const { paymentMethodToken, amount: given, ...rest } = asked;
  const amount = checkAmount(given);
  checkText("description", rest.description);
  return parts.inTurn(asked.orderId, async () => {
    const fresh = newPayment({ ...rest, ...amount, paymentId: parts.newId(), nowMs: parts.nowMs() });
    const there = await parts.store.open(fresh);
    if (there === undefined) return authorize(parts, fresh, { paymentMethodToken, isFirst: true });
    if (there === "marked" || there.voidWanted || there.status === "voided") {
      throw refusals.refuse("payment_voided");
    }
    const isSame = there.customerId === fresh.customerId && there.amountMinor === fresh.amountMinor;
    if (!isSame || there.currency !== fresh.currency) throw refusals.refuse("payment_conflict");
    return repeated(parts, there, paymentMethodToken);
  });
}

async function repeated(parts: Parts, there: Payment, paymentMethodToken: string): Promise<CreatedPayment> {
  if (there.status === "requires_action") return withClientSecret(parts, there);
  if (!isUnlocated(there)) return answer(await settleUnknown(parts, there));
  if (!isUntouched(there) && !isKeyAlive(there.createTimeMs, parts.nowMs())) {
    return answer(await lookUpAuthorization(parts, there));
  }
  const asking = await changePayment(parts, there, (current, nowMs) =>
    isUnlocated(current) && !current.voidWanted
      ? { ...current, asked: "authorize", updateTimeMs: nowMs }
      : current,
  );
  if (!isUnlocated(asking) || asking.voidWanted) return answer(asking);
  const isFirst = isUntouched(there) && asking.version === there.version + 1;
  return authorize(parts, asking, { paymentMethodToken, isFirst });
}

async function authorize(
  parts: Parts,
  payment: Payment,
  is: { paymentMethodToken: string; isFirst: boolean },
): Promise<CreatedPayment> {
  let outcome: Outcome;
  try {
    outcome = await parts.provider.authorize(payment, is.paymentMethodToken);
  } catch (error) {
    if (is.isFirst && error instanceof Outage && error.notSent) await markUntouched(parts, payment);
    throw error;
  }
  switch (outcome.is) {
    case "done": {
      const settled = await settle(parts, payment, outcome.intent);
      return answer(settled, outcome.intent.clientSecret);
    }
    case "unanswered":
      return answer(await leaveUnknown(parts, payment, "authorize"));
    case "obscure":
      return answer(await lookUpAuthorization(parts, payment));
    case "refused":
      return answer(await nextAttempt(parts, payment, "authorize"));
  }
}

/** Unless somebody else has asked since this ask was committed: it was not sent, and it was the only one. */
function markUntouched(parts: Parts, asking: Payment): Promise<Payment> {
  return changePayment(parts, asking, (current, nowMs) =>
    current.version === asking.version ? { ...current, asked: undefined, updateTimeMs: nowMs } : current,
  );
}

/** The shopper may have done what was required; only the provider knows. */
async function withClientSecret(parts: Parts, payment: Payment): Promise<CreatedPayment> {
  const seen = await parts.provider.retrieve(payment);
  if (seen.is === "unanswered") throw new Outage("payment-provider", "the provider has not answered");
  return answer(await settle(parts, payment, seen.intent), seen.intent.clientSecret);
}

function answer(payment: Payment, clientSecret = ""): CreatedPayment {
  if (payment.voidWanted || payment.status === "voided") throw refusals.refuse("payment_voided");
  if (payment.status === "failed") {
    throw refusals.refuse("card_declined", { decline_code: payment.declineCode });
  }
  if (isUntouched(payment)) throw new Outage("payment-provider", "the provider did not take the payment up");
  return { payment, clientSecret: payment.status === "requires_action" ? clientSecret : "" };
}
