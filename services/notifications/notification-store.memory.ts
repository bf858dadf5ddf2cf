// Notifications in memory, for the fake: what the contract shows of them. Nothing in it sends, so nothing claims.

import type { NewNotification, Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";

export type MemoryNotificationStore = Pick<NotificationStore, "list" | "resend"> & {
  put(notification: NewNotification & Partial<Notification>): void;
};

export function memoryNotificationStore(): MemoryNotificationStore {
  const byId = new Map<string, Notification>();
  const newestFirst = (one: Notification, other: Notification) =>
    other.createTimeMs - one.createTimeMs || (one.notificationId < other.notificationId ? 1 : -1);
  const put: MemoryNotificationStore["put"] = (notification) => {
    if (byId.has(notification.notificationId)) return;
    const unsent = {
      recipientMasked: "",
      status: "pending",
      attempts: 0,
      errorReason: "",
      sentTimeMs: undefined,
    } as const;
    byId.set(notification.notificationId, { ...unsent, ...notification });
  };

  return {
    put,
    async resend(notificationId, { newId, nowMs }) {
      const original = byId.get(notificationId);
      if (original === undefined) return undefined;
      const { eventId, customerId, orderId, facts, subject } = original;
      put({ notificationId: newId, eventId, customerId, orderId, facts, subject, createTimeMs: nowMs });
      return byId.get(newId);
    },
    async list({ orderId, customerId, statuses }, { limit, after }) {
      const isAfter = ({ createTimeMs, notificationId }: Notification) =>
        after === undefined ||
        createTimeMs < after.createTimeMs ||
        (createTimeMs === after.createTimeMs && notificationId < after.notificationId);
      return [...byId.values()]
        .filter((each) => orderId === undefined || each.orderId === orderId)
        .filter((each) => customerId === undefined || each.customerId === customerId)
        .filter((each) => statuses.length === 0 || statuses.includes(each.status))
        .filter(isAfter)
        .sort(newestFirst)
        .slice(0, limit);
    },
  };
}
