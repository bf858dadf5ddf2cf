// Payments in memory, for the fake and for tests of the use cases.

import { memoryNotificationStore } from "./notification-store.memory.ts";
import type { Payment } from "./payment.ts";
import type { PaymentEvent } from "./payment-event.ts";
import type { Found, PaymentStore, Unresolved } from "./payment-store.ts";
import { claimed } from "./resolution.ts";

export type MemoryPaymentStore = PaymentStore & { readonly published: readonly PaymentEvent[] };

/** `notifications`: where the news for orders goes. */
export function memoryPaymentStore(notifications = memoryNotificationStore()): MemoryPaymentStore {
  const byOrder = new Map<string, Found>();
  const published: PaymentEvent[] = [];
  const payments = () => [...byOrder.values()].filter((found) => found !== "marked");

  const add = async (orderId: string, found: Found) => {
    const there = byOrder.get(orderId);
    if (there === undefined) byOrder.set(orderId, found);
    return there;
  };

  return {
    published,
    open: (payment) => add(payment.orderId, payment),
    mark: (orderId) => add(orderId, "marked"),
    find: async (which) =>
      "orderId" in which
        ? byOrder.get(which.orderId)
        : payments().find(({ paymentId }) => paymentId === which.paymentId),
    async replace(before, after, { events, notification }) {
      const there = byOrder.get(before.orderId);
      if (there === undefined || there === "marked" || there.version !== before.version) return false;
      byOrder.set(before.orderId, { ...after, version: before.version + 1 });
      published.push(...events);
      if (notification !== undefined) notifications.note(notification);
      return true;
    },
    list: async ({ status, orderId }, { limit, after }) =>
      payments()
        .filter((payment) => status === undefined || payment.status === status)
        .filter((payment) => orderId === undefined || payment.orderId === orderId)
        .sort(newestFirst)
        .filter((payment) => after === undefined || newestFirst(after, payment) < 0)
        .slice(0, limit),
    async claimDue({ nowMs, leaseMs, limit }) {
      const due = payments().flatMap((payment) => {
        const { resolution } = payment;
        const isDue = resolution?.dueAtMs !== undefined && resolution.dueAtMs <= nowMs;
        return isDue ? [{ ...payment, resolution: claimed(resolution, nowMs + leaseMs) }] : [];
      });
      const first = due.slice(0, limit);
      for (const payment of first) byOrder.set(payment.orderId, payment);
      return first;
    },
    async unresolved(beforeMs) {
      const counted = new Map<string, Unresolved>();
      for (const { status, resolution } of payments()) {
        if (resolution === undefined || resolution.sinceMs >= beforeMs) continue;
        const isGivenUp = resolution.dueAtMs === undefined;
        const before = counted.get(`${status} ${isGivenUp}`);
        const oldestSinceMs = Math.min(before?.oldestSinceMs ?? resolution.sinceMs, resolution.sinceMs);
        const count = (before?.count ?? 0) + 1;
        counted.set(`${status} ${isGivenUp}`, { status, isGivenUp, count, oldestSinceMs });
      }
      return [...counted.values()];
    },
  };
}

type Position = Pick<Payment, "createTimeMs" | "paymentId">;

function newestFirst(a: Position, b: Position): number {
  return (
    b.createTimeMs - a.createTimeMs || (b.paymentId < a.paymentId ? -1 : b.paymentId > a.paymentId ? 1 : 0)
  );
}
