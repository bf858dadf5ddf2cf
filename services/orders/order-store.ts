// The orders that we keep. What changes an order is a Write, so that it can stand or fall with the
// saga's journal or with an event.
//
// Every implementation promises:
//   O1. A status changes only along the transition table (order.ts), and each change is in the history.
//   O2. A Write whose condition does not hold fails with the words below, and nothing of its commit stands.
//   O3. Pages are by creation, newest first, and stable: what is added later does not shift them.
//   O4. Every change asks for what it was decided on: the status, what was refunded, whether a cancellation is asked for.
//       So a decision that somebody has overtaken is refused (`order_moved`), and not made on top of theirs.

import type { Rows, Write } from "@webstore/kit";
import type { Order, Status } from "./order.ts";
import type { Price } from "./pricing.ts";

/** What a Write's own guard says when its condition does not hold. */
export const orderMoved = "order_moved";

export type PageToken = { readonly createdAt: Date; readonly orderId: string };

export type PaymentNotification = {
  readonly notificationId: string;
  readonly orderId: string;
  readonly paymentId: string;
  readonly paymentStatus: string;
  readonly occurredAt: Date;
  /** What had gone back of the payment in all. */
  readonly refundedMinor: bigint;
};

export type Move = {
  readonly from: Status;
  readonly to: Status;
  readonly reason: string;
  readonly at: string;
};

export type OrderStore = {
  /** A new order, as it is. */
  open(order: Order): Write;
  /** pending → paid; `order_moved` from anywhere else, and when its cancellation is asked for. */
  markPaid(orderId: string, is: { paymentId: string; receiptUrl: string; at: string }): Write;
  /** The order as the commit left it that began with `markPaid` or `move`; undefined where commits give nothing. */
  givenBy(rows: Rows): Order | undefined;
  /** pending → failed or cancelled: it could not be placed; one that is elsewhere is left alone. */
  fail(orderId: string, is: { to: "failed" | "cancelled"; reason: string; at: string }): Write;
  /** Along the table, from exactly `from`; `order_moved` when it is not there, is to be cancelled or has no prices to be packed by. */
  move(orderId: string, is: Move): Write;
  /** Notes that the order is to be cancelled; `order_moved` when it no longer can be, or this was noted before. */
  requestCancel(orderId: string): Write;
  /** Does nothing; `order_moved` unless it is to be cancelled, and can be without the saga that places it. */
  expectCancellable(orderId: string): Write;
  /** → cancelled, from where `expectCancellable` finds it; `order_moved`, too, when more went back than `before` has. */
  cancel(before: Order, is: { feeMinor: bigint; reason: string; at: string }): Write;
  /** Adds to the history why it was not cancelled, if it was not; it stays where it is. */
  noteNotCancelled(orderId: string, is: { reason: string; at: string }): Write;
  /** What went back rises from what `before` has to `refundedMinor`, and the order goes where that takes it (refundedStatus). */
  refund(before: Order, is: { refundedMinor: bigint; reason: string; at: string }): Write;
  /** The prices of an order that is new and has none; `order_moved` otherwise. */
  price(orderId: string, price: Price): Write;
  /** Keeps a notification, by its id; a unique violation says that it is known. */
  noteNotification(notification: PaymentNotification, applied: boolean): Write;
  findNotification(notificationId: string): Promise<{ applied: boolean } | undefined>;

  find(orderId: string): Promise<Order | undefined>;
  list(is: {
    customerId?: string | undefined;
    status?: Status | undefined;
    limit: number;
    after?: PageToken | undefined;
  }): Promise<Order[]>;
  /** Makes writes of this store, all or none. */
  commit(...writes: Write[]): Promise<void>;
  /** Makes a `move` and the writes that stand or fall with it. Gives the order as it is then, without another look. */
  commitMove(orderId: string, is: Move, ...also: Write[]): Promise<Order>;
};
