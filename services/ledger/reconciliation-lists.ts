// The four lists that are compared, each from the newest to the oldest, and single orders and payments of them.

import { backoffMs, currentContext, delay, type Log, Outage, type PortsOf, Refusal } from "@webstore/kit";
import type { ledger } from "./definition.ts";
import type { EntryStore, FirstBooking } from "./entry-store.ts";
import { type NewestFirst, openNewestFirst, type Page } from "./newest-first.ts";
import { orderView, paymentView, providerView } from "./reconciliation-message.ts";
import type { OrderView, PaymentView, ProviderView } from "./reconciliation-view.ts";

export type ListParts = {
  readonly ports: PortsOf<typeof ledger>;
  readonly store: Pick<EntryStore, "firstBookings">;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly random: () => number;
};

const pageSize = 100;
const readAttemptsMax = 5;
const readBackoff = { baseMs: 200, capMs: 3_000 };

export async function readOrder(parts: ListParts, orderId: string): Promise<OrderView | undefined> {
  try {
    const { order } = await patiently(parts, () => parts.ports.orders.getOrder({ orderId }));
    return order && orderView(order);
  } catch (error) {
    if (error instanceof Refusal && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

export async function readPayments(parts: ListParts, orderId: string): Promise<PaymentView[]> {
  const { payments } = await patiently(parts, () =>
    parts.ports.payments.listPayments({
      status: "PAYMENT_STATUS_UNSPECIFIED",
      orderId,
      pageSize,
      pageToken: "",
    }),
  );
  return payments.map(paymentView);
}

export function openLists(parts: ListParts, sinceMs: number) {
  const { orders, payments } = parts.ports;
  const timeOf = ({ createTimeMs }: { createTimeMs: number }) => createTimeMs;
  return {
    orders: openNewestFirst<OrderView>({
      read: async (pageToken) => {
        const status = "ORDER_STATUS_UNSPECIFIED";
        const page = await patiently(parts, () =>
          orders.listOrders({ status, customerId: "", pageSize, pageToken }),
        );
        return { items: page.orders.map(orderView), nextPageToken: page.nextPageToken };
      },
      timeOf,
      sinceMs,
    }),
    payments: openNewestFirst<PaymentView>({
      read: async (pageToken) => {
        const status = "PAYMENT_STATUS_UNSPECIFIED";
        const page = await patiently(parts, () =>
          payments.listPayments({ status, orderId: "", pageSize, pageToken }),
        );
        return { items: page.payments.map(paymentView), nextPageToken: page.nextPageToken };
      },
      timeOf,
      sinceMs,
    }),
    provider: openProviderList(parts, sinceMs, undefined),
    bookings: openBookings(parts, sinceMs),
  };
}

export function openProviderList(
  parts: ListParts,
  sinceMs: number,
  beforeMs: number | undefined,
): NewestFirst<ProviderView> {
  const createdSince = sinceMs > 0 ? new Date(sinceMs) : undefined;
  const createdBefore = beforeMs === undefined ? undefined : new Date(beforeMs);
  return openNewestFirst<ProviderView>({
    read: async (pageToken) => {
      const page = await patiently(parts, () =>
        parts.ports.payments.listProviderPayments({ createdSince, createdBefore, pageSize, pageToken }),
      );
      return { items: page.payments.map(providerView), nextPageToken: page.nextPageToken };
    },
    timeOf: ({ createTimeMs }) => createTimeMs,
    sinceMs,
  });
}

function openBookings({ store }: ListParts, sinceMs: number): NewestFirst<FirstBooking> {
  let after: FirstBooking | undefined;
  return openNewestFirst<FirstBooking>({
    read: async (): Promise<Page<FirstBooking>> => {
      const items = await store.firstBookings({ limit: pageSize, after });
      after = items.at(-1);
      return { items, nextPageToken: items.length < pageSize ? "" : "next" };
    },
    timeOf: ({ occurredAtMs }) => occurredAtMs,
    sinceMs,
  });
}

/** One page of thousands may fail: it is asked for again, for as long as whoever waits still does. */
async function patiently<T>({ nowMs, random }: ListParts, ask: () => Promise<T>): Promise<T> {
  const { deadlineAtMs, signal } = currentContext();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const waitMs = backoffMs(attempt, readBackoff, random);
      const isOver = attempt >= readAttemptsMax || nowMs() + waitMs >= deadlineAtMs;
      if (!(error instanceof Outage) || isOver) throw error;
      await delay(waitMs, signal);
    }
  }
}
