// The comparisons that were made, and whose turn the next one is.
//
// Every implementation promises:
//   S1. The last hundred are kept; an older one goes with the commit that adds a new one.
//   S2. A turn that is due is given to one process and to nobody else, however many ask at once.

import type { Difference } from "./difference.ts";

export const keptMax = 100;
/** How many differences one comparison tells. */
export const differencesMax = 1_000;

export type Comparison = {
  readonly atMs: number;
  readonly durationMs: number;
  readonly ordersCompared: number;
  readonly paymentsCompared: number;
  readonly providerPaymentsCompared: number;
  /** At most `differencesMax`. */
  readonly differences: readonly Difference[];
  /** There may be more. */
  readonly truncated: boolean;
};

export type ReconciliationStore = {
  keep(runId: string, comparison: Comparison): Promise<void>;
  latest(): Promise<Comparison | undefined>;
  /** The first turn, unless there is one. */
  beginTurns(dueAtMs: number): Promise<void>;
  /** True for the one who has it; it is then due again at `nextAtMs`. */
  takeTurn(nowMs: number, nextAtMs: number): Promise<boolean>;
  /** A turn that could not be used is due again sooner. */
  returnTurn(dueAtMs: number): Promise<void>;
};
