// Take in what became of an order's payment. Each notification is kept by its id, in one commit with what it changes.
//
// A cancellation that was refused, because the payment was disputed, is asked for anew with whatever comes after: a dispute
// that is won or lost lets it be carried out. Who asks once too often changes nothing (execute-cancellation.ts).

import {
  Outage,
  type Outbox,
  type SagaEngine,
  UniqueViolation,
  type Write,
  WriteRefused,
} from "@webstore/kit";
import type { PaymentStatus } from "@webstore/proto/payments/v1";
import { refundNoted } from "./note-refund.ts";
import { cancellable, type Order, refundedStatus, type Status } from "./order.ts";
import { orderCancelRequested } from "./order-event.ts";
import type { OrderStore, PaymentNotification } from "./order-store.ts";
import { meaningOf } from "./payment-notification.ts";
import { refuse } from "./refusals.ts";

type Notification = PaymentNotification & { readonly paymentStatus: PaymentStatus };

type Ports = {
  readonly store: OrderStore;
  readonly outbox: Outbox;
  readonly sagas: Pick<SagaEngine<never>, "wake">;
  readonly nowMs: () => number;
  readonly wakeRelay: () => void;
};

/** How often others may be faster. Each time that they are, the order has changed, which few changes of it can. */
const triesMax = 10;

export async function updateOrderPaymentStatus(
  notification: Notification,
  ports: Ports,
): Promise<{ status: Status; applied: boolean }> {
  const { store } = ports;
  for (let attempt = 1; attempt <= triesMax; attempt += 1) {
    const order = await store.find(notification.orderId);
    if (order === undefined) throw refuse("order_not_found");
    const isKnown = (await store.findNotification(notification.notificationId)) !== undefined;
    if (isKnown && order.status !== "pending") return { status: order.status, applied: false };
    try {
      return await takeIn(notification, order, isKnown, ports);
    } catch (error) {
      // Somebody was faster: the order, or what is known of this notification, is another now.
      if (!(error instanceof WriteRefused) && !(error instanceof UniqueViolation)) throw error;
    }
  }
  throw new Outage("orders", "others change the order at the same time");
}

async function takeIn(
  notification: Notification,
  order: Order,
  isKnown: boolean,
  ports: Ports,
): Promise<{ status: Status; applied: boolean }> {
  const { store, sagas, wakeRelay } = ports;
  const unchanged = { status: order.status, applied: false };
  const meaning = meaningOf(order, notification);
  switch (meaning.is) {
    case "mismatch":
      throw refuse("payment_mismatch");
    case "too_early":
      throw new Outage("orders", "the order is being placed; tell it again later");
    case "wake":
      if (!isKnown) await store.commit(store.noteNotification(notification, false));
      // Also for one that is known: whoever kept it may have died before this.
      await sagas.wake(order.orderId);
      return unchanged;
    case "nothing":
      await store.commit(
        store.noteNotification(notification, false),
        cancelAgain(order, notification, ports),
      );
      wakeRelay();
      return unchanged;
    case "refund": {
      const { refundedMinor } = meaning;
      const reason = notification.paymentStatus;
      const noted = refundNoted(order, { refundedMinor, reason }, ports);
      const kept = store.noteNotification(notification, true);
      await store.commit(noted, kept, cancelAgain(order, notification, ports));
      wakeRelay();
      return { status: refundedStatus(order, refundedMinor), applied: true };
    }
  }
}

function cancelAgain(order: Order, notification: Notification, { outbox }: Ports): Write {
  const isOpen = order.cancelRequested && cancellable.includes(order.status);
  if (!isOpen || notification.paymentStatus === "PAYMENT_STATUS_DISPUTED") return [];
  return outbox.publish(orderCancelRequested(order, notification.notificationId));
}
