// An order: where it may go from where it is. Pure; the store enforces the same table in SQL by
// asking for `from` at every change.

import type { Address } from "@webstore/proto/common/v1";
import type { PricedLine } from "./pricing.ts";

export const statuses = [
  "new",
  "pending",
  "paid",
  "processing",
  "shipped",
  "delivered",
  "cancelled",
  "failed",
  "refunded",
] as const;
export type Status = (typeof statuses)[number];

/** The one table. What it does not list is refused; to where an order is already, is a no-op that succeeds. */
const transitions: Readonly<Record<Status, readonly Status[]>> = {
  new: ["pending", "processing", "cancelled", "failed"],
  // Not to processing: only the saga that places an order may move it on, and it goes by way of paid.
  pending: ["paid", "cancelled", "failed"],
  paid: ["processing", "cancelled", "refunded"],
  processing: ["shipped", "cancelled", "refunded"],
  shipped: ["delivered", "refunded"],
  delivered: ["refunded"],
  cancelled: [],
  failed: [],
  refunded: [],
};

export const cancellable: readonly Status[] = ["new", "pending", "paid", "processing"];

export type Transition = "change" | "none" | "refused";

export function transition(from: Status, to: Status): Transition {
  if (from === to) return "none";
  return transitions[from].includes(to) ? "change" : "refused";
}

/** Where an order may come from to get to `to`. */
export function sourcesOf(to: Status): readonly Status[] {
  return statuses.filter((from) => transitions[from].includes(to));
}

export type StatusChange = { readonly status: Status; readonly at: string; readonly reason: string };

/** An order that is to be placed: all that does not change while it is. Amounts in minor units of `currency`. */
export type Draft = {
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly lines: readonly PricedLine[];
  readonly subtotalMinor: bigint;
  readonly shippingMinor: bigint;
  readonly discountMinor: bigint;
  readonly totalMinor: bigint;
  readonly campaign: string;
  readonly coupon: string;
  readonly shippingAddress: Address;
  /** ISO 8601, UTC. */
  readonly placedAt: string;
};

export type Order = Omit<Draft, "placedAt"> & {
  readonly status: Status;
  /** Empty until there is one. */
  readonly paymentId: string;
  readonly receiptUrl: string;
  /** A reason of PlaceOrder; empty when it did not fail. */
  readonly failureReason: string;
  readonly refundedMinor: bigint;
  readonly cancelRequested: boolean;
  /** The oldest first. */
  readonly history: readonly StatusChange[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

/**
 * An order of which nothing is kept but what was asked for: its stock is not reserved yet, or was refused
 * (`failureReason`).
 */
export function unopened({ placedAt, ...draft }: Draft, failureReason: string): Order {
  const status = failureReason === "" ? "pending" : "failed";
  const at = new Date(placedAt);
  return {
    orderId: draft.orderId,
    customerId: draft.customerId,
    currency: draft.currency,
    lines: draft.lines,
    subtotalMinor: draft.subtotalMinor,
    shippingMinor: draft.shippingMinor,
    discountMinor: draft.discountMinor,
    totalMinor: draft.totalMinor,
    campaign: draft.campaign,
    coupon: draft.coupon,
    shippingAddress: draft.shippingAddress,
    status,
    paymentId: "",
    receiptUrl: "",
    failureReason,
    refundedMinor: 0n,
    cancelRequested: false,
    history: [{ status, at: placedAt, reason: failureReason }],
    createdAt: at,
    updatedAt: at,
  };
}
