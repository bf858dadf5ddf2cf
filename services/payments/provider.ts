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

import type { Dispute } from "./dispute.ts";
import type { Payment } from "./payment.ts";
import type { ProviderEvent } from "./provider-event.ts";
import type { ProviderRefund, Refund } from "./refund.ts";

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
  /** `pending`: it was taken up, and the provider does not know yet whether the card's bank takes it. */
  { readonly is: "done" | "pending"; readonly reference: string } | Refused | Obscure | Unanswered;

/** What went back of a payment, and what is demanded back. */
export type Returns = {
  readonly is: "done";
  readonly refunds: readonly ProviderRefund[];
  readonly disputes: readonly Dispute[];
};

/** A payment in the provider's own list. */
export type ListedPayment = {
  readonly reference: string;
  /** What the provider was told when it was asked; empty when nothing, or nothing that we would say. */
  readonly orderId: string;
  readonly paymentId: string;
  /** The provider's word for where it stands. */
  readonly status: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly capturedMinor: bigint;
  /** Refunds and lost disputes together. */
  readonly refundedMinor: bigint;
  readonly createTimeMs: number;
};

/** Created at or after the one and before the other, behind this one. */
export type ListedRange = {
  readonly createdSinceMs: number | undefined;
  readonly createdBeforeMs: number | undefined;
  readonly after: string | undefined;
  readonly limit: number;
};

export type ListedPage = {
  readonly is: "done";
  /** The newest first. */
  readonly payments: readonly ListedPayment[];
  readonly hasMore: boolean;
};

export type EventRange = {
  readonly type: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** An event's id: the page begins behind it. */
  readonly after: string | undefined;
};

export type EventPage = {
  readonly is: "done";
  readonly events: readonly ProviderEvent[];
  /** What the next page begins behind; undefined: there is none. */
  readonly next: string | undefined;
};

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
  /** All refunds and disputes of a payment whose reference is known. */
  returns(payment: Payment): Promise<Returns | Unanswered>;
  /** Which payment of ours the provider was told that this reference is. */
  paymentIdOf(reference: string): Promise<
    /** Empty: none of ours. */
    { readonly is: "done"; readonly paymentId: string } | { readonly is: "nothing" } | Unanswered
  >;
  /** A page of its own list of events of one type, the newest first: created from the one second until the other. */
  events(range: EventRange): Promise<EventPage | Unanswered>;
  /** A page of all that it has. `refused`: there is nothing behind which the page could begin. */
  list(range: ListedRange): Promise<ListedPage | { readonly is: "refused" } | Unanswered>;
  /**
   * Uses up the key of a payment's authorization with something that holds nothing. `closed`: nothing was done under it
   * and nothing will be, even if the call is still on its way. `used`: something was.
   */
  closeAuthorization(payment: Payment): Promise<"closed" | "used" | "unanswered">;
};
