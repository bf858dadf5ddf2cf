// What is scheduled to be published again, for the replicas that do it. Promises:
//   Q1. A redrive is in the hands of one replica at a time, by a lease; who dies is followed by another when it ends. A
//       letter may therefore go out twice, never not at all: consumers take the second for a repeat.
//   Q2. A claim holds a tenth of a second's worth of letters, at most 10 and a megabyte (or one letter), so that what is
//       in memory does not grow with what is scheduled.
//   Q3. The next claim of a redrive comes no sooner than its rate allows, whoever makes it and however long it waited.

import type { WholeDeadLetter } from "./dead-letter.ts";

export type Claim = {
  readonly redriveId: string;
  /** Rises with each claim; who has an old one changes nothing of the lease. */
  readonly fence: bigint;
  readonly ratePerSecond: number;
  /** The oldest first; empty when all of the redrive are out. */
  readonly letters: readonly WholeDeadLetter[];
};

export type RedriveQueue = {
  /** The redrive that is due longest. Undefined: none is due, or those that are, are in hand. */
  claim(is: { nowMs: number; leaseMs: number }): Promise<Claim | undefined>;
  /** The letters are out, but for those that no bus takes: they are dead again. The redrive goes on at `nextAtMs`. */
  settle(claim: Claim, is: { refusedIds: readonly string[]; nowMs: number; nextAtMs: number }): Promise<void>;
  /** They could not be published now; the redrive goes on at `nextAtMs`. */
  postpone(claim: Claim, is: { nextAtMs: number }): Promise<void>;
  /** When the next redrive is due; undefined when there is none. */
  nextAtMs(): Promise<number | undefined>;
};
