// Void a payment: let go of the money that is held, or see to it that none ever will be.
//
// The wish is committed before anything is asked (C3 of create-payment.ts). When an authorization may be on its way and
// its reference is not known, its key is used up with something that holds nothing: then either the provider has
// done it already and it is found, or it never will. So `voided` is only said when it is certain.
//
// A payment that failed stays so, and is closed at the provider first: its order is dead, and nobody must pay for it.

import { changePayment, withPayment } from "./change-payment.ts";
import type { Parts } from "./parts.ts";
import { isOver, isTaken, isUnlocated, type Payment, withVoidWanted } from "./payment.ts";
import type { Which } from "./payment-store.ts";
import { refusals } from "./refusals.ts";
import { closeAuthorization, closeFailed, letGo } from "./settle-payment.ts";

/** Undefined: the order had no payment, and is marked so that it gets none. */
export function voidPayment(parts: Parts, which: Which): Promise<Payment | undefined> {
  if (!("orderId" in which)) return withPayment(parts, which, (payment) => voidFound(parts, payment));
  return parts.inTurn(which.orderId, async () => {
    const there = (await parts.store.find(which)) ?? (await parts.store.mark(which.orderId, parts.nowMs()));
    return there === undefined || there === "marked" ? undefined : voidFound(parts, there);
  });
}

async function voidFound(parts: Parts, payment: Payment): Promise<Payment> {
  const wanted = await changePayment(parts, payment, withVoidWanted);
  if (isOver(wanted)) return closeFailed(parts, wanted);
  if (isTaken(wanted)) throw refusals.refuse("payment_not_voidable");
  const after = await (isUnlocated(wanted) ? closeAuthorization(parts, wanted) : letGo(parts, wanted));
  if (isTaken(after) && !isOver(after)) throw refusals.refuse("payment_not_voidable");
  return closeFailed(parts, after);
}
