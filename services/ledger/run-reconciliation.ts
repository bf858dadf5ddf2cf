// Run a comparison, for staff or by the clock: one at a time in this process, for each reads everything.
//
// Those who want all compared while that is being done share it, and it is kept. It goes on when whoever asked has gone:
// in a store that is too large for one request, asking again joins it. One of a chosen time is answered and not
// kept, so that what is kept always speaks of everything.

import { currentContext, inContext, invalidRequest, Outage } from "@webstore/kit";
import { inFlightMs, type ReconcileParts, type ReconcileWindow, reconcile } from "./reconcile.ts";
import type { Comparison, ReconciliationStore } from "./reconciliation-store.ts";

export type Reconciler = {
  /** Absent: from the first, and until what may still be under way. */
  run(createdSince: Date | undefined, createdBefore: Date | undefined): Promise<Comparison>;
  /** Gives up what is in hand. */
  stop(): Promise<void>;
};

const queueMax = 4;
export const runMaxMs = 600_000;

export function openReconciler(
  parts: ReconcileParts & {
    readonly reconciliations: Pick<ReconciliationStore, "keep">;
    readonly newId: () => string;
    /** How long one of everything may take. */
    readonly runMaxMs: number;
  },
): Reconciler {
  const { nowMs, newId, log, reconciliations } = parts;
  const stopping = new AbortController();
  let queue: Promise<unknown> = Promise.resolve();
  let queued = 0;
  let whole: Promise<Comparison> | undefined;

  function inTurn(work: () => Promise<Comparison>): Promise<Comparison> {
    if (queued >= queueMax) throw new Outage("ledger", "too many comparisons at once", { notSent: true });
    queued += 1;
    const turn = queue.then(work).finally(() => {
      queued -= 1;
    });
    queue = turn.catch(() => {});
    return turn;
  }

  async function compareAll(): Promise<Comparison> {
    const deadlineAtMs = nowMs() + parts.runMaxMs;
    const context = { ...currentContext(), deadlineAtMs, signal: stopping.signal };
    const window = { sinceMs: 0, beforeMs: nowMs() - inFlightMs };
    const comparison = await inContext(context, () => reconcile(parts, window));
    await reconciliations.keep(newId(), comparison);
    const { differences, ...summary } = comparison;
    const line = { ...summary, differences: differences.length };
    if (differences.length === 0) log.info(line, "compared: nothing differs");
    else log.error(line, "compared: the books differ");
    return comparison;
  }

  return {
    async run(createdSince, createdBefore) {
      if (createdSince === undefined && createdBefore === undefined) {
        whole ??= inTurn(compareAll).finally(() => {
          whole = undefined;
        });
        return whole;
      }
      const window = windowOf(createdSince, createdBefore, nowMs());
      return inTurn(() => reconcile(parts, window));
    },
    async stop() {
      stopping.abort();
      await queue;
    },
  };
}

function windowOf(
  createdSince: Date | undefined,
  createdBefore: Date | undefined,
  nowMs: number,
): ReconcileWindow {
  const sinceMs = createdSince?.getTime() ?? 0;
  const beforeMs = createdBefore?.getTime() ?? nowMs - inFlightMs;
  if (beforeMs <= sinceMs) throw invalidRequest("created_before", "must be later than created_since");
  return { sinceMs, beforeMs };
}
