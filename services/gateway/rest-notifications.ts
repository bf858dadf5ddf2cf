// REST for staff: the mails that customers were sent, and sending one once more.

import type { Notification, NotificationStatus } from "@webstore/proto/notifications/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import { present } from "./present.ts";
import { type AuditParts, audited } from "./record-audit.ts";
import { pageOf, pageSize, pageToken, timeJson, timeShape, uuid } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const statuses = ["pending", "sent", "failed"] as const;

const notificationShape = z
  .strictObject({
    notification_id: z.string(),
    order_id: z.string().nullable(),
    customer_id: z.string(),
    kind: z.string().meta({ example: "order_cancelled" }),
    recipient_masked: z.string().nullable(),
    subject: z.string(),
    status: z.enum(statuses),
    attempts: z.int(),
    error_reason: z.string().nullable(),
    created_at: timeShape,
    sent_at: timeShape,
  })
  .meta({ id: "Notification" });

export type NotificationParts = AuditParts & { readonly ports: Pick<Ports, "notifications"> };

export function notificationRoutes(parts: NotificationParts): Route[] {
  return [listRoute(parts), resendRoute(parts)];
}

function listRoute({ ports }: NotificationParts): Route {
  return route("listNotifications", {
    tag: "notifications",
    summary: "Mails to customers, the newest first.",
    query: z.object({
      order_id: uuid.optional(),
      customer_id: uuid.optional(),
      status: z.enum(statuses).optional(),
      page_size: pageSize,
      page_token: pageToken,
    }),
    answers: { 200: { description: "A page of them.", schema: pageOf("notifications", notificationShape) } },
    refusals: [],
    handle: async ({ query }) => {
      const { notifications, nextPageToken } = await ports.notifications.listNotifications({
        orderId: query.order_id ?? "",
        customerId: query.customer_id ?? "",
        status: `NOTIFICATION_STATUS_${(query.status ?? "unspecified").toUpperCase()}` as NotificationStatus,
        pageSize: query.page_size,
        pageToken: query.page_token,
      });
      const body = { notifications: notifications.map(notificationJson), next_page_token: nextPageToken };
      return { status: 200, body };
    },
  });
}

function resendRoute(parts: NotificationParts): Route {
  return route("resendNotification", {
    tag: "notifications",
    summary:
      "Send a mail once more, to the customer's address of today. The same Idempotency-Key sends once.",
    params: z.object({ notification_id: uuid }),
    idempotencyKey: "required",
    deadlineMs: 7_000,
    answers: {
      202: {
        description: "The new notification; it will be sent.",
        schema: z.strictObject({ notification: notificationShape }),
      },
    },
    refusals: ["notification_not_found"],
    handle: async ({ params, idempotencyKey }) => {
      const notificationId = params.notification_id;
      const resendId = present(idempotencyKey, "idempotency key");
      const audit = { action: "ResendNotification", subject: notificationId, detail: "" };
      const { notification } = await audited(parts, audit, () =>
        parts.ports.notifications.resendNotification({ notificationId, resendId }),
      );
      return {
        status: 202,
        body: { notification: notificationJson(present(notification, "notification")) },
      };
    },
  });
}

function notificationJson(is: Notification): z.input<typeof notificationShape> {
  return {
    notification_id: is.notificationId,
    order_id: is.orderId || null,
    customer_id: is.customerId,
    kind: is.kind,
    recipient_masked: is.recipientMasked || null,
    subject: is.subject,
    status: is.status.slice("NOTIFICATION_STATUS_".length).toLowerCase() as (typeof statuses)[number],
    attempts: is.attempts,
    error_reason: is.errorReason || null,
    created_at: timeJson(is.createTime),
    sent_at: timeJson(is.sentTime),
  };
}
