// The payment provider, as the use cases see it: what it can be asked, and what can come of it.
//
// What every implementation promises:
//   V1. A call changes something at most once under its key (payment.ts, Y4), however often it is made.
//   V2. `done` is the provider's own word on how the money stands now. `refused` means that nothing happened and that
//       the key is used up. After `obscure` (a kept failure, a key that was used otherwise) the answer does not say
//       what happened, and asking again would give it again: look it up. After `unanswered` anything may have
//       happened, and may happen yet.
//   V3. An Outage with `notSent` is thrown when the provider certainly did not take the call up.
//   V4. Nothing that is returned or thrown holds a payment-method token.

import type { Payment } from "./payment.ts";
import type { Refund } from "./refund.ts";

export type IntentState = "requires_action" | "held" | "taken" | "released" | "declined";

export type Intent = {
  /** Empty when the provider declined it without giving it an id. */
  readonly reference: string;
  readonly state: IntentState;
  readonly takenMinor: bigint;
  readonly receiptUrl: string;
  readonly cardBrand: string;
  readonly declineCode: string;
  /** For the shopper's browser, while an action is required. It is passed on, never stored. */
  readonly clientSecret: string;
};

type Unanswered = { readonly is: "unanswered" };
type Refused = { readonly is: "refused"; readonly code: string };
type Obscure = { readonly is: "obscure" };
type Done = { readonly is: "done"; readonly intent: Intent };

export type Outcome = Done | Refused | Obscure | Unanswered;
export type Lookup = Done | { readonly is: "nothing" } | Unanswered;
export type RefundOutcome =
  | { readonly is: "done"; readonly reference: string }
  | Refused
  | Obscure
  | Unanswered;
export type RefundLookup =
  | { readonly is: "done"; readonly reference: string }
  | { readonly is: "nothing" }
  | Unanswered;

export type Provider = {
  /** Holds the money. */
  authorize(payment: Payment, paymentMethodToken: string): Promise<Outcome>;
  capture(payment: Payment): Promise<Outcome>;
  /** Lets go of what is held. */
  cancel(payment: Payment): Promise<Outcome>;
  refund(payment: Payment, refund: Refund): Promise<RefundOutcome>;
  /** How a payment whose reference is known stands. */
  retrieve(payment: Payment): Promise<Done | Unanswered>;
  /** The same for one whose reference is not known. `nothing`: the provider has none and got no call that is still open. */
  find(payment: Payment): Promise<Lookup>;
  findRefund(payment: Payment, refund: Refund): Promise<RefundLookup>;
  /**
   * Uses up the key of a payment's authorization with something that holds nothing. `closed`: nothing was done under it
   * and nothing will be, even if the call is still on its way. `used`: something was.
   */
  closeAuthorization(payment: Payment): Promise<"closed" | "used" | "unanswered">;
};
