// The dead letters, and what is to be redriven of them. Every implementation promises:
//   S1. A letter is kept once, whole, and what is known of it already is left as it is.
//   S2. Listing reads no content, however large.
//   S3. A redrive schedules letters that are dead, came from a topic to which letters may go back, and have not come
//       back `redrivesMax` times; the oldest first; and its audit entry stands or falls with it.
//   S4. The same redrive again schedules nothing more, and answers what it scheduled.

import type { AuditEntry } from "./audit-entry.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetterStatus, WholeDeadLetter } from "./dead-letter.ts";
import type { Position } from "./position.ts";

export type Redrive = {
  /** UUID; also that of its audit entry. */
  readonly redriveId: string;
  readonly filter: DeadLetterFilter;
  /** Where letters may go back to. */
  readonly topics: readonly string[];
  readonly ratePerSecond: number;
  readonly lettersMax: number;
  readonly atMs: number;
};

export type RedriveCounts = {
  readonly matched: number;
  readonly scheduled: number;
  /** Dead ones that are left out by the loop guard. */
  readonly looping: number;
};

export type Standing = {
  readonly sourceTopic: string;
  readonly status: DeadLetterStatus;
  readonly letters: number;
  readonly oldestAtMs: number;
};

export type DeadLetterStore = {
  keep(letter: WholeDeadLetter): Promise<void>;
  /** The newest first, after the position. */
  list(
    filter: DeadLetterFilter,
    page: { limit: number; after: Position | undefined },
  ): Promise<readonly DeadLetter[]>;
  find(deadLetterId: string): Promise<WholeDeadLetter | undefined>;
  /** What `redrive` would schedule now. */
  count(is: Pick<Redrive, "filter" | "topics" | "lettersMax">): Promise<RedriveCounts>;
  redrive(is: Redrive, entry: AuditEntry): Promise<RedriveCounts>;
};
