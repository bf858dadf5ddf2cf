// The news for orders in memory, for the fake and for tests of the use cases.

import type { NotificationStore } from "./notification-store.ts";
import type { StatusNotification } from "./status-notification.ts";

type Kept = StatusNotification & { attempts: number; dueAtMs: number | undefined };

export type MemoryNotificationStore = NotificationStore & { note(notification: StatusNotification): void };

export function memoryNotificationStore(): MemoryNotificationStore {
  const kept = new Map<string, Kept>();
  const waiting = () => [...kept.values()].filter(({ dueAtMs }) => dueAtMs !== undefined);
  const isFirst = ({ paymentId, paymentVersion }: Kept) =>
    !waiting().some((each) => each.paymentId === paymentId && each.paymentVersion < paymentVersion);

  return {
    note(notification) {
      kept.set(notification.notificationId, {
        ...notification,
        attempts: 0,
        dueAtMs: notification.occurredAtMs,
      });
    },
    async claim({ nowMs, leaseMs, limit }) {
      const due = waiting()
        .filter((each) => (each.dueAtMs ?? nowMs) <= nowMs)
        .filter(isFirst)
        .slice(0, limit);
      return due.map((each) => {
        each.dueAtMs = nowMs + leaseMs;
        each.attempts += 1;
        const { dueAtMs: _, ...claimed } = each;
        return claimed;
      });
    },
    async delivered({ notificationId }) {
      kept.delete(notificationId);
    },
    async refused({ notificationId }) {
      const found = kept.get(notificationId);
      if (found !== undefined) found.dueAtMs = undefined;
    },
    async postpone({ notificationId, attempts }, dueAtMs) {
      const found = kept.get(notificationId);
      if (found?.attempts === attempts && found.dueAtMs !== undefined) found.dueAtMs = dueAtMs;
    },
    async backlog() {
      const open = waiting();
      const oldestAtMs = open.length === 0 ? undefined : Math.min(...open.map((each) => each.occurredAtMs));
      return { waiting: open.length, oldestAtMs, refused: kept.size - open.length };
    },
  };
}
