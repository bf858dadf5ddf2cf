// How a payment stands at the provider now, taken down whatever we thought of it: for events of the provider, of which
// nobody here asked, and for operators.

import { Outage } from "@webstore/kit";
import type { Parts } from "./parts.ts";
import { isOver, isTaken, type Payment } from "./payment.ts";
import type { IntentState } from "./provider.ts";
import { settle } from "./settle-payment.ts";
import { settleReturns } from "./settle-refund.ts";

const heldStates: ReadonlySet<IntentState> = new Set(["held", "requires_action"]);

/** `isAboutReturns`: it may be that money went back, or is demanded back. */
export async function observePayment(
  parts: Parts,
  payment: Payment,
  is: { isAboutReturns: boolean },
): Promise<Payment> {
  const seen = await parts.provider.retrieve(payment);
  if (seen.is === "unanswered") throw new Outage("payment-provider", "the provider has not answered");
  const after = await settle(parts, payment, seen.intent);
  // A shopper whose bank said no may still pay with another card; nobody waits for that money any more.
  if (isOver(after) && heldStates.has(seen.intent.state)) {
    const { providerReference } = payment;
    const outcome = await parts.provider.cancel({ ...after, providerReference });
    if (outcome.is !== "done") throw new Outage("payment-provider", "money is held that nobody wants");
  }
  if (!is.isAboutReturns || !isTaken(after)) return after;
  const returned = await settleReturns(parts, after);
  if (returned === undefined) throw new Outage("payment-provider", "the provider has not answered");
  return returned;
}
