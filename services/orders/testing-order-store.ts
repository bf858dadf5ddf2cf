// What the tests of stores of orders have in common: orders in every status, and that a change is refused.

import { type Write, WriteRefused } from "@webstore/kit";
import { expect } from "vitest";
import { type Draft, type Order, openedOrder, type Status, statuses } from "./order.ts";
import { type OrderStore, orderMoved } from "./order-store.ts";
import { draftOrder } from "./testing-orders.ts";

export const at = "2026-01-02T03:04:06.789Z";
export const paymentId = "3b3f5b8e-0000-4000-8000-000000000001";
export const receiptUrl = "https://receipts.example/1";
export const anyStatus = statuses.filter((status) => status !== "new");

/** How an order comes to a status, from `pending`. */
export const wayTo: Record<Exclude<Status, "new" | "pending">, Status[]> = {
  paid: ["paid"],
  processing: ["paid", "processing"],
  shipped: ["paid", "processing", "shipped"],
  delivered: ["paid", "processing", "shipped", "delivered"],
  cancelled: ["cancelled"],
  failed: ["failed"],
  refunded: ["paid", "refunded"],
};

export type Opened = () => OrderStore;

export const found = async (store: OrderStore, orderId: string): Promise<Order> => {
  const order = await store.find(orderId);
  if (order === undefined) throw new Error("the order is not there");
  return order;
};

export async function orderIn(
  store: OrderStore,
  status: Status,
  draft: Draft = draftOrder(),
): Promise<Order> {
  const { orderId } = draft;
  await store.commit(store.open(openedOrder(draft, at)));
  for (const to of status === "new" || status === "pending" ? [] : wayTo[status]) {
    const { status: from } = await found(store, orderId);
    const change =
      to === "paid"
        ? store.markPaid(orderId, { paymentId, receiptUrl, at })
        : to === "failed"
          ? store.fail(orderId, { to, reason: "card_declined", at })
          : to === "refunded"
            ? store.refund(await found(store, orderId), { refundedMinor: draft.totalMinor, reason: "", at })
            : store.move(orderId, { from, to, reason: "", at });
    await store.commit(change);
  }
  return found(store, orderId);
}

export const isMoved = (error: unknown) => error instanceof WriteRefused && error.what === orderMoved;

/** That this is refused, and leaves everything as it was. */
export async function expectMoved(store: OrderStore, orderId: string, ...all: Write[]): Promise<void> {
  const before = await store.find(orderId);
  const error = await store.commit(...all).catch((thrown: unknown) => thrown);
  expect(isMoved(error)).toBe(true);
  expect(await store.find(orderId)).toEqual(before);
}
