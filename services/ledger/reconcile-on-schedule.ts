// The clock of the comparisons: every `everyMs`, by one of the processes that share the schema.
//
// Invariants:
//   C1. A turn is taken before the work and by one process (reconciliation-store.ts). The work is given up before the next
//       turn is due, so no two are ever at it; a process that dies with its turn only loses that one.
//   C2. A comparison that fails is tried again soon, and its failure is told; it never ends the process.

import { currentContext, inContext, type Log } from "@webstore/kit";
import type { ReconciliationStore } from "./reconciliation-store.ts";
import type { Reconciler } from "./run-reconciliation.ts";

const lookEveryMs = 5_000;
const runMaxMs = 600_000;
const againMs = 60_000;

/** Gives the function that ends it, and the work in hand with it. */
export async function startReconciling(is: {
  readonly everyMs: number;
  readonly reconciler: Reconciler;
  readonly turns: Pick<ReconciliationStore, "beginTurns" | "takeTurn" | "returnTurn">;
  readonly log: Log;
  readonly nowMs: () => number;
}): Promise<() => Promise<void>> {
  const { everyMs, reconciler, turns, log, nowMs } = is;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const look = async () => {
    const takenAtMs = nowMs();
    if (!(await turns.takeTurn(takenAtMs, takenAtMs + everyMs))) return;
    const deadlineAtMs = takenAtMs + Math.min(everyMs, runMaxMs);
    const context = { ...currentContext(), deadlineAtMs, signal: stopping.signal };
    try {
      await inContext(context, () => reconciler.run(undefined, undefined));
    } catch (error) {
      if (stopping.signal.aborted) return;
      log.warn({ error }, "the comparison of the books could not be made; trying again");
      await turns.returnTurn(nowMs() + againMs);
    }
  };

  await turns.beginTurns(nowMs() + everyMs);
  const timer = setInterval(
    () => {
      running ??= look()
        .catch((error: unknown) => log.warn({ error }, "the turn of a comparison is not known"))
        .finally(() => {
          running = undefined;
        });
    },
    Math.min(everyMs, lookEveryMs),
  );
  timer.unref();
  return async () => {
    stopping.abort();
    clearInterval(timer);
    await running;
  };
}
