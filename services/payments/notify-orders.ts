// Tells orders what became of payments: in the order of each payment's changes, each as often as it takes.
//
// A notification that orders refuses is wrong for good, and somebody must look; everything else is tried again.

import {
  currentContext,
  describeError,
  inContext,
  Outage,
  type PortsOf,
  Refusal,
  type Telemetry,
} from "@webstore/kit";
import type { UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import type { payments } from "./definition.ts";
import type { ClaimedNotification, NotificationStore } from "./notification-store.ts";
import type { Parts } from "./parts.ts";
import { statusMessages } from "./payment-message.ts";
import { pauseMs } from "./retry-schedule.ts";
import type { StatusNotification } from "./status-notification.ts";
import { inTraces } from "./worker.ts";

const leaseMs = 30_000;
const claimMax = 50;
const atOnce = 4;

export type NotifyParts = Pick<Parts, "nowMs" | "log"> & {
  readonly notifications: NotificationStore;
  readonly orders: PortsOf<typeof payments>["orders"];
  readonly telemetry: Pick<Telemetry, "span">;
};

/** One round; whether there may be more to do. */
export async function notifyOrders(parts: NotifyParts): Promise<boolean> {
  const due = await parts.notifications.claim({ nowMs: parts.nowMs(), leaseMs, limit: claimMax });
  await inTraces(due, { name: "notify orders", telemetry: parts.telemetry, atOnce }, (each) =>
    deliver(parts, each),
  );
  // What stood behind one that was delivered is due by now.
  return due.length > 0 && due.some(({ attempts }) => attempts === 1);
}

export function notificationMessage(is: StatusNotification): UpdateOrderPaymentStatusRequest {
  const { orderId, paymentId, notificationId, refundedMinor } = is;
  const paymentStatus = statusMessages[is.status];
  const occurredAt = new Date(is.occurredAtMs);
  return { orderId, paymentId, paymentStatus, notificationId, occurredAt, refundedMinor };
}

async function deliver(parts: NotifyParts, notification: ClaimedNotification): Promise<void> {
  const { notifications, orders, log, nowMs } = parts;
  const { notificationId, orderId, attempts } = notification;
  const about = { order_id: orderId, notification_id: notificationId, status: notification.status, attempts };
  try {
    const context = { ...currentContext(), idempotencyKey: notificationId };
    await inContext(context, () => orders.updateOrderPaymentStatus(notificationMessage(notification)));
    await notifications.delivered(notification);
  } catch (error) {
    // A refusal of the kit's, such as of our own key, says nothing about the order.
    if (error instanceof Refusal && error.service === "orders") {
      log.error({ ...about, reason: error.reason }, "orders refused what became of a payment");
      await notifications.refused(notification, error.reason);
      return;
    }
    const say = error instanceof Outage ? "info" : "error";
    log[say]({ ...about, error: describeError(error) }, "orders could not be told; trying again");
    await notifications.postpone(notification, nowMs() + pauseMs(attempts));
  }
}
