// The orders that we keep. What changes an order is a Write, so that it can stand or fall with the
// saga's journal or with an event.
//
// Every implementation promises:
//   O1. A status changes only along the transition table (order.ts), and each change is in the history.
//   O2. A Write whose condition does not hold fails with the words below, and nothing of its commit stands.
//   O3. Pages are by creation, newest first, and stable: what is added later does not shift them.

import type { Write } from "@webstore/kit";
import type { Draft, Order, Status } from "./order.ts";

/** What a Write's own guard says when its condition does not hold. */
export const orderMoved = "order_moved";

export type PageToken = { readonly createdAt: Date; readonly orderId: string };

export type PaymentNotification = {
  readonly notificationId: string;
  readonly orderId: string;
  readonly paymentId: string;
  readonly paymentStatus: string;
  readonly occurredAt: Date;
};

export type OrderStore = {
  /** A new order, `pending`. */
  open(draft: Draft, at: string): Write;
  /** pending → paid; `order_moved` from anywhere else. */
  markPaid(orderId: string, is: { paymentId: string; receiptUrl: string; at: string }): Write;
  /** pending → failed; an order that was cancelled meanwhile stays so. */
  fail(orderId: string, is: { reason: string; at: string }): Write;
  /** Along the table, from exactly `from`; `order_moved` when the order is not there any more. To `refunded`: all of it was. */
  move(orderId: string, is: { from: Status; to: Status; reason: string; at: string }): Write;
  /** Notes that the order is to be cancelled; `order_moved` when it no longer can be, or this was noted before. */
  requestCancel(orderId: string): Write;
  /** Keeps a notification, by its id; a unique violation says that it is known. */
  noteNotification(notification: PaymentNotification, applied: boolean): Write;
  findNotification(notificationId: string): Promise<{ applied: boolean } | undefined>;
  /** When the latest of all that was told of its payment came to be. */
  latestNotificationAt(orderId: string): Promise<Date | undefined>;

  find(orderId: string): Promise<Order | undefined>;
  list(is: {
    customerId?: string | undefined;
    status?: Status | undefined;
    limit: number;
    after?: PageToken | undefined;
  }): Promise<Order[]>;
  /** Makes writes of this store, all or none. */
  commit(...writes: Write[]): Promise<void>;
};
