// Entries and the transactions that they belong to.
//
// Invariants, all of them enforced by the database (migrations/0001-entries.sql, 0003-cheaper-booking.sql):
//   E1. An entry never changes and never goes.
//   E2. The entries of a transaction sum to zero in every currency.
//   E3. A transaction is written at once, whole; nothing is added to it later.

export const accounts = [
  "customer_receivable",
  "provider_clearing",
  "revenue",
  "shipping",
  "discount",
  "fees",
  "refunds",
] as const;
export type Account = (typeof accounts)[number];

/** What happened. `order_created` and `payment_captured` are the first that the books hear of an order. */
export const bookedEvents = [
  "order_created",
  "payment_captured",
  "payment_refunded",
  "order_refunded",
  "order_cancelled",
] as const;
export type BookedEvent = (typeof bookedEvents)[number];

/** One side of a transaction: a debit is positive, a credit negative, and none is zero. */
export type Line = { readonly account: Account; readonly amountMinor: bigint };

/** A transaction that is to be written. */
export type Booking = {
  /** The id of the event that it comes from. */
  readonly transactionId: string;
  readonly event: BookedEvent;
  readonly orderId: string;
  /** Undefined for what only the order knows of. */
  readonly paymentId: string | undefined;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly occurredAtMs: number;
};

export type Entry = Line & {
  readonly transactionId: string;
  /** The transaction's, in the order of writing. */
  readonly position: bigint;
  /** 1 to n within the transaction. */
  readonly line: number;
  readonly orderId: string;
  readonly paymentId: string | undefined;
  readonly currency: string;
  readonly event: string;
  readonly occurredAtMs: number;
  readonly createTimeMs: number;
};
