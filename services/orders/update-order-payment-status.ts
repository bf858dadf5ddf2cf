// Take in what became of an order's payment. Notifications come late, twice and out of order; each is
// kept by its id, and one that is older than any before it changes nothing.
//
// The saga that places an order hears of authorizing and capturing from its own calls. So while an order
// is pending a notification is kept and moves nothing: two who settle one payment would be one too many.

import { UniqueViolation, WriteRefused } from "@webstore/kit";
import type { PaymentStatus } from "@webstore/proto/payments/v1";
import { type Order, type Status, transition } from "./order.ts";
import type { OrderStore, PaymentNotification } from "./order-store.ts";
import { refuse } from "./refusals.ts";

/** Where a payment's end puts its order; the others say nothing that an order has a status for. */
const statusAfter: Partial<Record<PaymentStatus, Status>> = {
  PAYMENT_STATUS_REFUNDED: "refunded",
};
const triesMax = 3;

export async function updateOrderPaymentStatus(
  notification: PaymentNotification & { readonly paymentStatus: PaymentStatus },
  { store, nowMs }: { store: OrderStore; nowMs: () => number },
): Promise<{ status: Status; applied: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const order = await store.find(notification.orderId);
    if (order === undefined) throw refuse("order_not_found");
    if (order.paymentId !== "" && order.paymentId !== notification.paymentId)
      throw refuse("payment_mismatch");
    if ((await store.findNotification(notification.notificationId)) !== undefined) {
      return { status: order.status, applied: false };
    }
    try {
      return await apply(notification, order, store, nowMs);
    } catch (error) {
      const again = error instanceof WriteRefused || error instanceof UniqueViolation;
      if (!again || attempt >= triesMax) throw error;
    }
  }
}

async function apply(
  notification: PaymentNotification & { readonly paymentStatus: PaymentStatus },
  order: Order,
  store: OrderStore,
  nowMs: () => number,
): Promise<{ status: Status; applied: boolean }> {
  const latestAt = await store.latestNotificationAt(order.orderId);
  const isLate = latestAt !== undefined && latestAt > notification.occurredAt;
  const isBeingPlaced = order.status === "pending";
  const to = isLate || isBeingPlaced ? undefined : statusAfter[notification.paymentStatus];
  const answer = to === undefined ? "none" : transition(order.status, to);
  if (answer === "refused") throw refuse("transition_refused");
  if (to === undefined || answer === "none") {
    await store.commit(store.noteNotification(notification, false));
    return { status: order.status, applied: false };
  }
  const at = new Date(nowMs()).toISOString();
  const reason = notification.paymentStatus;
  await store.commit(
    store.move(order.orderId, { from: order.status, to, reason, at }),
    store.noteNotification(notification, true),
  );
  return { status: to, applied: true };
}
