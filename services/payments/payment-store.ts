// The payments. Each method is one atomic change of one payment, its events and its news for orders included, so that a
// store of documents can keep the promises as well as one of rows.
//
// Every implementation promises:
//   S1. An order has one payment or one mark, never both. Of two opens or marks at once, one succeeds.
//   S2. `replace` makes the change only to the version that it was made for, and counts it up. The events are
//       published if, and only if, the change is made; those of one order in the order of its changes.
//       The news is stored with them, and goes out through notification-store.ts.
//   S3. A list goes from the newest to the oldest, by id within a millisecond.
//   S4. A payment that is due is claimed by one process at a time. The claim is no change: the version stays, and a
//       change that was made meanwhile wins over it.

import type { Payment, PaymentStatus } from "./payment.ts";
import type { PaymentEvent } from "./payment-event.ts";
import type { StatusNotification } from "./status-notification.ts";

/** By the payment's own id, or by its order's. */
export type Which = { readonly paymentId: string } | { readonly orderId: string };

/** `marked`: the order has no payment and must not get one any more. */
export type Found = Payment | "marked";

/** Where a page begins: behind this payment. */
export type PagePosition = { readonly createTimeMs: number; readonly paymentId: string };

export type PaymentFilter = {
  readonly status: PaymentStatus | undefined;
  readonly orderId: string | undefined;
};

/** What is told of a change. */
export type Told = {
  readonly events: readonly PaymentEvent[];
  readonly notification: StatusNotification | undefined;
};

/** How many payments of a status are not resolved, and since when the oldest. */
export type Unresolved = {
  readonly status: PaymentStatus;
  readonly isGivenUp: boolean;
  readonly count: number;
  readonly oldestSinceMs: number;
};

export type PaymentStore = {
  /** Adds it, or gives what its order has already. */
  open(payment: Payment): Promise<Found | undefined>;
  /** Marks an order that has no payment, or gives what it has. */
  mark(orderId: string, nowMs: number): Promise<Found | undefined>;
  find(which: Which): Promise<Found | undefined>;
  /** False: it was changed since `before` was read, and nothing was done. */
  replace(before: Payment, after: Payment, told: Told): Promise<boolean>;
  list(filter: PaymentFilter, page: { limit: number; after: PagePosition | undefined }): Promise<Payment[]>;
  /** Payments whose resolution is due, the longest due first, each claimed until `nowMs + leaseMs` and its ask counted. */
  claimDue(is: { nowMs: number; leaseMs: number; limit: number }): Promise<Payment[]>;
  /** What has been unresolved since before this. */
  unresolved(beforeMs: number): Promise<readonly Unresolved[]>;
};
