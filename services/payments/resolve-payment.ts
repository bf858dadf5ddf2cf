// Resolve a payment: find out from the provider what became of it, and settle it or undo it.
//
// What is unresolved and when it is asked about says resolution.ts; who asks then, resolve-due.ts. An operator asks
// whenever they like, and also what is thought to be known: the provider may know more.

import { findPayment, withPayment } from "./change-payment.ts";
import { observePayment } from "./observe-payment.ts";
import type { Parts } from "./parts.ts";
import { isOver, isTaken, isUnlocated, isUntouched, type Payment } from "./payment.ts";
import { isRefundDoubt, isUnresolved } from "./resolution.ts";
import { closeAuthorization, letGo, settleUnknown } from "./settle-payment.ts";
import { settleRefund } from "./settle-refund.ts";

export function resolvePayment(parts: Parts, paymentId: string): Promise<Payment> {
  const ours: Parts = { ...parts, isAnswer: false };
  return withPayment(ours, { paymentId }, async (found) => {
    const payment = isUnresolved(found) ? await resolve(ours, found) : found;
    const isSeen = isTaken(payment) || (!isOver(payment) && payment.providerReference !== "");
    return isSeen ? observePayment(ours, payment, { isAboutReturns: true }) : payment;
  });
}

/** Asks about everything of it that is not known. Throws an Outage with `notSent` when the provider was not even asked. */
export async function resolve(parts: Parts, payment: Payment): Promise<Payment> {
  let current = payment;
  if (isUnlocated(current) && !isUntouched(current)) {
    current = await closeAuthorization(parts, current);
  } else if (current.status === "requires_action") {
    current = await observePayment(parts, current, { isAboutReturns: false });
  } else {
    current = await settleUnknown(parts, current);
  }
  // Found to be held by somebody who could not let it go.
  if (current.voidWanted && current.status === "authorized") current = await letGo(parts, current);
  for (const refund of current.refunds) {
    if (!isRefundDoubt(refund)) continue;
    current = (await settleRefund(parts, current, refund.refundId, { isTold: false })).payment;
  }
  return current;
}

/** The payment as it is stored now, if something of it is still unresolved. */
export async function stillUnresolved(parts: Parts, orderId: string): Promise<Payment | undefined> {
  const payment = await findPayment(parts, { orderId });
  return isUnresolved(payment) ? payment : undefined;
}
