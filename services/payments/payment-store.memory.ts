// Payments in memory, for the fake and for tests of the use cases.

import type { Payment } from "./payment.ts";
import type { PaymentEvent } from "./payment-event.ts";
import type { Found, PaymentStore } from "./payment-store.ts";

export function memoryPaymentStore(): PaymentStore & { readonly published: readonly PaymentEvent[] } {
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
    async replace(before, after, events) {
      const there = byOrder.get(before.orderId);
      if (there === undefined || there === "marked" || there.version !== before.version) return false;
      byOrder.set(before.orderId, { ...after, version: before.version + 1 });
      published.push(...events);
      return true;
    },
    list: async ({ status, orderId }, { limit, after }) =>
      payments()
        .filter((payment) => status === undefined || payment.status === status)
        .filter((payment) => orderId === undefined || payment.orderId === orderId)
        .sort(newestFirst)
        .filter((payment) => after === undefined || newestFirst(after, payment) < 0)
        .slice(0, limit),
  };
}

type Position = Pick<Payment, "createTimeMs" | "paymentId">;

function newestFirst(a: Position, b: Position): number {
  return (
    b.createTimeMs - a.createTimeMs || (b.paymentId < a.paymentId ? -1 : b.paymentId > a.paymentId ? 1 : 0)
  );
}
