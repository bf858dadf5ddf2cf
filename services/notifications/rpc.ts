// The notifications contract, method by method.

import type { HandlersOf } from "@webstore/kit";
import type {
  Notification as NotificationMessage,
  NotificationServiceDefinition,
  NotificationStatus,
} from "@webstore/proto/notifications/v1";
import { listNotifications } from "./list-notifications.ts";
import type { Notification, Status } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { type ResendParts, resendNotification } from "./resend-notification.ts";

export function rpc(
  parts: ResendParts & { readonly store: Pick<NotificationStore, "list"> },
): HandlersOf<typeof NotificationServiceDefinition> {
  return {
    async listNotifications({ orderId, customerId, status, pageSize, pageToken }) {
      const filter = {
        orderId: orderId || undefined,
        customerId: customerId || undefined,
        statuses: statusesByMessage[status],
      };
      const page = await listNotifications(parts.store, filter, { pageSize, pageToken });
      return { ...page, notifications: page.notifications.map(messageOf) };
    },
    async resendNotification(request) {
      return { notification: messageOf(await resendNotification(request, parts)) };
    },
  };
}

/** Staff need not know which process has a mail in hand right now. */
const statusesByMessage: Readonly<Record<NotificationStatus, readonly Status[]>> = {
  NOTIFICATION_STATUS_UNSPECIFIED: [],
  NOTIFICATION_STATUS_PENDING: ["pending", "sending"],
  NOTIFICATION_STATUS_SENT: ["sent"],
  NOTIFICATION_STATUS_FAILED: ["failed"],
  UNRECOGNIZED: [],
};

const messageByStatus: Readonly<Record<Status, NotificationStatus>> = {
  pending: "NOTIFICATION_STATUS_PENDING",
  sending: "NOTIFICATION_STATUS_PENDING",
  sent: "NOTIFICATION_STATUS_SENT",
  failed: "NOTIFICATION_STATUS_FAILED",
};

function messageOf(notification: Notification): NotificationMessage {
  const { notificationId, orderId, customerId, recipientMasked, subject, attempts, errorReason } =
    notification;
  return {
    ...{ notificationId, orderId, customerId, recipientMasked, subject, attempts, errorReason },
    kind: notification.facts.kind,
    status: messageByStatus[notification.status],
    createTime: new Date(notification.createTimeMs),
    sentTime: notification.sentTimeMs === undefined ? undefined : new Date(notification.sentTimeMs),
  };
}
