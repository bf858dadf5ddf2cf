// Reads the provider's own list of events, for those that never came.
//
// Only events about money that goes back: of everything else the resolver finds out, because we asked for it. Nobody asks
// about a payment that is captured, so without this a dispute or a refund whose event is lost would stay unknown.
//
// Invariants:
//   W1. What is read goes the way of every other event (receive-provider-event.ts): one that came is known already.
//   W2. It is read piece by piece, a bit of what was read before included, and a piece counts as read when all of it
//       was. One that has more than is read at once is read in smaller ones.

import { Outage } from "@webstore/kit";
import { isOfInterest } from "./provider-event.ts";
import type { EventParts } from "./receive-provider-event.ts";

const types = [
  "charge.dispute.created",
  "charge.dispute.closed",
  "charge.refunded",
  "refund.updated",
  "refund.failed",
];
const pieceMaxMs = 6 * 3_600_000;
/** How far the provider's clock may be off, and how late an event may appear in its list. */
const overlapMs = 300_000;
const pagesMax = 100;
/** The provider counts in seconds: there is no smaller piece. */
const pieceMinMs = 1_000;

type SweepParts = Pick<EventParts, "events" | "provider" | "log" | "nowMs" | "received" | "wakeEvents">;

/** One piece, if it is due; whether there is more to read now. */
export async function sweepProviderEvents(parts: SweepParts, is: { everyMs: number }): Promise<boolean> {
  const { events, nowMs, received } = parts;
  const { everyMs } = is;
  const sweptUntilMs = await events.claimSweep({ nowMs: nowMs(), everyMs });
  if (sweptUntilMs === undefined) return false;
  // The newest are mostly still on their way to us.
  const nowUntilMs = nowMs() - everyMs;
  let untilMs = Math.min(nowUntilMs, sweptUntilMs + pieceMaxMs);
  if (untilMs <= sweptUntilMs) return false;
  let count = 0;
  for (;;) {
    const piece = await sweepPiece(parts, { sinceMs: sweptUntilMs - overlapMs, untilMs });
    count += piece.count;
    if (piece.isWhole) break;
    const lengthMs = untilMs - sweptUntilMs;
    if (lengthMs <= pieceMinMs) throw new Error("the provider has more events than can be read at once");
    untilMs = sweptUntilMs + Math.max(Math.floor(lengthMs / 2), pieceMinMs);
  }
  const isMore = untilMs < nowUntilMs;
  await events.swept(untilMs, isMore ? nowMs() : nowMs() + everyMs);
  if (count > 0) {
    received.add(count, { outcome: "swept" });
    parts.wakeEvents();
  }
  return isMore;
}

type Swept = {
  /** How many had never come. */
  readonly count: number;
  readonly isWhole: boolean;
};

async function sweepPiece(parts: SweepParts, range: { sinceMs: number; untilMs: number }): Promise<Swept> {
  let count = 0;
  for (const type of types) {
    const swept = await sweepType(parts, { ...range, type });
    count += swept.count;
    if (!swept.isWhole) return { count, isWhole: false };
  }
  return { count, isWhole: true };
}

/** Adds those of one type. */
async function sweepType(
  { events, provider, log, nowMs }: SweepParts,
  range: { type: string; sinceMs: number; untilMs: number },
): Promise<Swept> {
  let count = 0;
  let after: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const found = await provider.events({ ...range, after });
    if (found.is === "unanswered") throw new Outage("payment-provider", "the provider has not answered");
    const ours = found.events.filter(isOfInterest);
    const added = await Promise.all(ours.map((event) => events.add(event, "waiting", nowMs())));
    count += added.filter(Boolean).length;
    after = found.next;
    if (after === undefined) return { count, isWhole: true };
  }
  log.warn({ ...range, pages: pagesMax }, "the provider has more events than are read at once");
  return { count, isWhole: false };
}
