// The books: entries that are only ever added, a transaction at a time.
//
// Every implementation promises:
//   S1. E1 to E3 of entry.ts, against whoever writes.
//   S2. A transaction id is booked once: a second write of it fails with UniqueViolation, and changes nothing.
//   S3. `balances` and `openOrders` agree with the entries at every moment, and cost the same however many there are.
//   S4. Lists go from the newest to the oldest, the entries of a transaction together.

import type { Write } from "@webstore/kit";
import type { Account, Booking, Entry } from "./entry.ts";

export type EntryFilter = { readonly orderId?: string; readonly account?: Account };

/** Where a page begins: behind this entry. */
export type EntryPosition = Pick<Entry, "position" | "line">;

export type Balance = {
  readonly account: Account;
  readonly currency: string;
  /** Debits less credits. */
  readonly amountMinor: bigint;
};

/** A transaction by which the books first heard of an order, or of its money. */
export type FirstBooking = {
  readonly orderId: string;
  readonly transactionId: string;
  readonly occurredAtMs: number;
};

export type EntryStore = {
  book(booking: Booking, nowMs: number): Write;
  list(
    filter: EntryFilter,
    page: { limit: number; after: EntryPosition | undefined },
  ): Promise<readonly Entry[]>;
  balances(): Promise<readonly Balance[]>;
  /** How many orders have a receivable that is not zero. */
  openOrders(): Promise<number>;
  /** All entries of these orders. */
  ofOrders(orderIds: readonly string[]): Promise<readonly Entry[]>;
  /** By when it happened, the newest first; an order may come twice. */
  firstBookings(page: { limit: number; after: FirstBooking | undefined }): Promise<readonly FirstBooking[]>;
};
