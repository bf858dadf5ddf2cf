// When the provider is asked what became of a payment of which not all is known. All of it is pure.
//
// Invariants:
//   D1. A payment has a resolution exactly while something of it is unresolved. The asks are counted from when it
//       came to be so; a new doubt begins them anew.
//   D2. After the last ask it is given up: nobody asks any more by himself, and somebody must look.

import type { Payment } from "./payment.ts";

export type Resolution = {
  readonly sinceMs: number;
  /** How often the provider was asked in the background. */
  readonly asks: number;
  /** When it is asked next; undefined: it is given up. */
  readonly dueAtMs: number | undefined;
};

const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;

/** How long after it came to be unresolved each ask is due. */
export const askAfterMs: readonly number[] = [
  5 * second,
  30 * second,
  300 * second,
  hour,
  ...[1, 2, 3, 4, 5].map((days) => hour + days * day),
];
/** Asks that are overdue, because nobody was there to ask, do not follow at once upon each other. */
const gapMinMs = 20 * second;
/** How long a call that could not be sent is waited with; it is no ask. */
const notSentPauseMs = 30 * second;

/** What is not known of it, each as a text that another doubt does not have. */
function doubtsOf({ status, asked, voidWanted, refunds }: Payment): readonly string[] {
  const doubts: string[] = [];
  if (status === "unknown") doubts.push(`unknown ${asked}`);
  if (status === "requires_action") doubts.push(status);
  if (status === "created" && asked !== undefined) doubts.push(status);
  // Somebody wants it let go, and that has not happened yet.
  if (status === "authorized" && voidWanted) doubts.push("held");
  for (const refund of refunds) {
    if (refund.status !== "asked" && refund.status !== "owed") continue;
    doubts.push(`${refund.refundId} ${refund.attempt}`);
  }
  return doubts;
}

export const isUnresolved = (payment: Payment): boolean => doubtsOf(payment).length > 0;

export function firstResolution(nowMs: number): Resolution {
  return { sinceMs: nowMs, asks: 0, dueAtMs: nowMs + (askAfterMs[0] ?? 0) };
}

/** The payment as it is kept after a change. */
export function withResolution(before: Payment, after: Payment, nowMs: number): Payment {
  const doubts = doubtsOf(after);
  if (doubts.length === 0)
    return after.resolution === undefined ? after : { ...after, resolution: undefined };
  const known = doubtsOf(before);
  if (after.resolution !== undefined && doubts.every((doubt) => known.includes(doubt))) return after;
  return { ...after, resolution: firstResolution(nowMs) };
}

/** The resolution while one process asks: it is due again, for another one, when the lease has ended. */
export function claimed(resolution: Resolution, leaseEndsAtMs: number): Resolution {
  return { ...resolution, asks: resolution.asks + 1, dueAtMs: leaseEndsAtMs };
}

/** The resolution after an ask that has not resolved it. */
export function afterAsk({ sinceMs, asks }: Resolution, nowMs: number): Resolution {
  const afterMs = askAfterMs[asks];
  const dueAtMs = afterMs === undefined ? undefined : Math.max(sinceMs + afterMs, nowMs + gapMinMs);
  return { sinceMs, asks, dueAtMs };
}

/** The resolution after an ask that was never sent: it does not count. */
export function afterNoAsk({ sinceMs, asks }: Resolution, nowMs: number): Resolution {
  return { sinceMs, asks: asks - 1, dueAtMs: nowMs + notSentPauseMs };
}

export const isGivenUp = ({ resolution }: Payment): boolean =>
  resolution !== undefined && resolution.dueAtMs === undefined;
