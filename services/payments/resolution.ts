// When the provider is asked what became of a payment of which not all is known. All of it is pure.
//
// Invariants:
//   D1. A payment has a resolution exactly while something of it is unresolved. The asks are counted from when it
//       came to be so; a new doubt begins them anew.
//   D2. After the last ask it is given up: nobody asks any more by himself, and somebody must look.
//   D3. Each further attempt of a refund begins one ask later, so that one which is refused, or comes back, again and
//       again is asked for ever more patiently, and a limited number of times. Then it is left to a person, as is
//       one that failed (refund.ts, R4) while there is money left to give back.

import type { Payment } from "./payment.ts";
import type { Refund } from "./refund.ts";

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

/** One more than the asks: the first attempt was its caller's. */
export const refundAttemptsMax = askAfterMs.length + 1;

type Doubt = {
  /** Another doubt does not have it. */
  readonly name: string;
  /** How many asks are skipped (D3). */
  readonly skips: number;
};

/** What is not known of it and is asked about. */
function doubtsOf({ status, asked, voidWanted, refunds }: Payment): readonly Doubt[] {
  const doubts: Doubt[] = [];
  const push = (name: string, skips = 0) => doubts.push({ name, skips });
  if (status === "unknown") push(`unknown ${asked}`);
  if (status === "requires_action") push(status);
  if (status === "created" && asked !== undefined) push(status);
  // Somebody wants it let go, and that has not happened yet.
  if (status === "authorized" && voidWanted) push("held");
  for (const refund of refunds) {
    const { refundId, attempt } = refund;
    if (isRefundDoubt(refund)) push(`${refundId} ${attempt}`, Math.min(attempt, refundAttemptsMax) - 2);
  }
  return doubts;
}

const isOpen = ({ status }: Refund): boolean => status === "asked" || status === "owed";

/** Whether what becomes of it is asked about in the background. */
export const isRefundDoubt = (refund: Refund): boolean => isOpen(refund) && !isUsedUp(refund);

/** What the provider has taken up is looked at, whatever number it has. */
const isUsedUp = ({ attempt, providerReference }: Refund): boolean =>
  attempt > refundAttemptsMax && providerReference === "";

function isLeftToPerson({ capturedMinor, refundedMinor, refunds }: Payment): boolean {
  const isMoneyLeft = refundedMinor < capturedMinor;
  return refunds.some(
    (refund) => (isOpen(refund) && isUsedUp(refund)) || (refund.status === "failed" && isMoneyLeft),
  );
}

export const isUnresolved = (payment: Payment): boolean =>
  doubtsOf(payment).length > 0 || isLeftToPerson(payment);

export function firstResolution(nowMs: number, skips = 0): Resolution {
  const asks = Math.max(0, skips);
  return { sinceMs: nowMs, asks, dueAtMs: nowMs + (askAfterMs[asks] ?? 0) };
}

/** The payment as it is kept after a change. */
export function withResolution(before: Payment, after: Payment, nowMs: number): Payment {
  const doubts = doubtsOf(after);
  if (doubts.length === 0) return withoutAsks(after, nowMs);
  const known = new Set(doubtsOf(before).map(({ name }) => name));
  if (after.resolution !== undefined && doubts.every(({ name }) => known.has(name))) return after;
  const skips = Math.min(...doubts.map((doubt) => doubt.skips));
  return { ...after, resolution: firstResolution(nowMs, skips) };
}

/** There is nothing to ask: all is known, or it is for a person to see to. */
function withoutAsks(payment: Payment, nowMs: number): Payment {
  const { resolution } = payment;
  if (!isLeftToPerson(payment))
    return resolution === undefined ? payment : { ...payment, resolution: undefined };
  if (isGivenUp(payment)) return payment;
  const { sinceMs, asks } = resolution ?? { sinceMs: nowMs, asks: 0 };
  return { ...payment, resolution: { sinceMs, asks, dueAtMs: undefined } };
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
