// An order: where it may go from where it is. Pure; the store enforces the same table in SQL by
// asking for `from` at every change.
//
// Invariants:
//   D1. While a cancellation is asked for, nothing but the cancellation itself (or, while the order is being placed, its
//       saga) moves the order.
//   D2. What has no prices is not packed.
//   D3. refunded + fee ≤ total. What was given back only rises; the fee is what is left of the money when all is done.
//   D4. An order is sold when it was paid once: then, and only then, the books have it.

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

/** There an order stays. */
export const endings: readonly Status[] = ["cancelled", "failed", "refunded"];

export type Transition = "change" | "none" | "refused";

export function transition(from: Status, to: Status): Transition {
  if (from === to) return "none";
  return transitions[from].includes(to) ? "change" : "refused";
}

/** What a move by those who pack and ship comes to (D1, D2). */
export function movedByHand(
  order: Pick<Order, "status" | "cancelRequested" | "priced">,
  to: Status,
): Transition {
  const answer = transition(order.status, to);
  if (answer !== "change") return answer;
  return order.cancelRequested || !order.priced ? "refused" : "change";
}

/** D4. */
export function isSold({ history }: Pick<Order, "history">): boolean {
  return history.some(({ status }) => status === "paid");
}

/** Where an order stands once this much of its money went back: an order that is to be cancelled waits for that (D1). */
export function refundedStatus(
  order: Pick<Order, "status" | "cancelRequested" | "totalMinor">,
  refundedMinor: bigint,
): Status {
  const isRefunded = refundedMinor === order.totalMinor && !order.cancelRequested;
  return isRefunded && transition(order.status, "refunded") === "change" ? "refunded" : order.status;
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
  /** What the store keeps of a cancelled order. */
  readonly feeMinor: bigint;
  /** Where it came from when not from the store itself; empty otherwise. */
  readonly channel: string;
  /** False only of an order from another channel that is new. */
  readonly priced: boolean;
  /** The oldest first. */
  readonly history: readonly StatusChange[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

/** An order as it is opened; `at` is when. */
export function openedOrder({ placedAt, ...draft }: Draft, at: string): Order {
  return {
    // Field by field: a draft comes with how it is paid, and no order may have that.
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
    ...untouched,
    status: "pending",
    history: [{ status: "pending", at, reason: "" }],
    // To the millisecond, which is all that a page's token can tell apart.
    createdAt: new Date(placedAt),
    updatedAt: new Date(at),
  };
}

/**
 * An order of which nothing is kept but what was asked for: its stock is not reserved yet, or was refused
 * (`failureReason`).
 */
export function unopened(draft: Draft, failureReason: string): Order {
  const status = failureReason === "" ? "pending" : "failed";
  const history = [{ status, at: draft.placedAt, reason: failureReason }] as const;
  return { ...openedOrder(draft, draft.placedAt), status, failureReason, history };
}

/** ISO 4217's word for no currency: an order that has no prices has none. */
export const noCurrency = "XXX";

/** An order that another channel has taken; what it costs is not known yet. */
export function importedOrder(is: {
  readonly orderId: string;
  readonly customerId: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly shippingAddress: Address;
  readonly channel: string;
  readonly at: string;
}): Order {
  const { at, lines, ...given } = is;
  const nothing = { subtotalMinor: 0n, shippingMinor: 0n, discountMinor: 0n, totalMinor: 0n };
  return {
    ...given,
    currency: noCurrency,
    lines: lines.map((line) => ({ ...line, name: "", unitPriceMinor: 0n, lineTotalMinor: 0n })),
    ...nothing,
    campaign: "",
    coupon: "",
    ...untouched,
    channel: is.channel,
    priced: false,
    status: "new",
    history: [{ status: "new", at, reason: "" }],
    createdAt: new Date(at),
    updatedAt: new Date(at),
  };
}

/** What every order begins with. */
const untouched = {
  paymentId: "",
  receiptUrl: "",
  failureReason: "",
  refundedMinor: 0n,
  cancelRequested: false,
  feeMinor: 0n,
  channel: "",
  priced: true,
};
