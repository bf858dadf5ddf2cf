// The clock of the comparisons: every `everyMs`, by one of the processes that share the schema.
//
// Invariants:
//   C1. A turn is taken before the work and by one process (reconciliation-store.ts). The work may take no longer than until
//       the next turn, so no two are ever at it; a process that dies with its turn only loses that one.
//   C2. A comparison that fails is tried again soon, and its failure is told; it never ends the process.

import type { Log } from "@webstore/kit";
import type { ReconciliationStore } from "./reconciliation-store.ts";
import type { Reconciler } from "./run-reconciliation.ts";

const lookEveryMs = 5_000;
const againMs = 60_000;

/** Gives the function that ends it; it waits for the work in hand, which the reconciler's `stop` gives up. */
export async function startReconciling(is: {
  readonly everyMs: number;
  readonly reconciler: Pick<Reconciler, "run">;
  readonly turns: Pick<ReconciliationStore, "beginTurns" | "takeTurn" | "returnTurn">;
  readonly log: Log;
  readonly nowMs: () => number;
}): Promise<() => Promise<void>> {
  const { everyMs, reconciler, turns, log, nowMs } = is;
  let isStopping = false;
  let running: Promise<void> | undefined;

  const look = async () => {
    if (!(await turns.takeTurn(nowMs(), nowMs() + everyMs))) return;
    try {
      await reconciler.run(undefined, undefined);
    } catch (error) {
      if (isStopping) return;
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
    isStopping = true;
    clearInterval(timer);
    await running;
  };
}
