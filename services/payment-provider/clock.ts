// The virtual clock: what takes time at the provider waits by it, so that days pass when a test says so.
//
// Invariants:
//   T1. It runs as fast as the real clock and only ever jumps forward. Its jumps survive a restart.
//   T2. What waits, waits by the virtual clock: deliveries, refunds under way, disputes, authorizations, kept answers.
//       What is written down is real time: `created`, `due_by`, the stamp of a signature. The callers live
//       in real time, and look things up by it.
//   T3. A jump makes everything that was there before it older, and nothing that comes after it.

import { z } from "zod";
import type { Database } from "./database.ts";

export const advanceMaxMs = 366 * 86_400_000;
const offsetMaxMs = 100 * advanceMaxMs;
/** Older jumps are only needed to tell how old old events are. */
const jumpsMax = 200;

const settings = z.object({
  offsetMs: z.number(),
  keysOffsetMs: z.number(),
  jumps: z.array(z.object({ atMs: z.number(), offsetMs: z.number() })),
});
type Settings = z.infer<typeof settings>;

export type Clock = {
  /** Virtual milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** How far it is ahead of the real clock. */
  readonly offsetMs: number;
  /** By which kept answers grow old; behind `nowMs` by the jumps that spared them. */
  keysNowSeconds(): number;
  /** The real time of what is this old now by the virtual clock. */
  madeAtMs(ageMs: number): number;
  /** False when it would be too far ahead. */
  advance(is: { ms: number; keepKeys: boolean }): boolean;
  clear(): void;
};

export function openClock(database: Database, realNowMs: () => number): Clock {
  const store = database.prepare("INSERT OR REPLACE INTO settings VALUES ('clock', ?)");
  const kept = database.prepare("SELECT value FROM settings WHERE name = 'clock'").get();
  const atStart: Settings = { offsetMs: 0, keysOffsetMs: 0, jumps: [] };
  let is = kept === undefined ? atStart : settings.parse(JSON.parse(String(kept.value)));
  const nowMs = () => realNowMs() + is.offsetMs;
  return {
    nowMs,
    get offsetMs() {
      return is.offsetMs;
    },
    keysNowSeconds: () => Math.floor((realNowMs() + is.keysOffsetMs) / 1_000),
    madeAtMs(ageMs) {
      const cutoffMs = nowMs() - ageMs;
      let untilMs = Number.POSITIVE_INFINITY;
      for (const { atMs, offsetMs } of is.jumps.toReversed()) {
        if (cutoffMs - offsetMs >= atMs) return Math.min(cutoffMs - offsetMs, untilMs);
        untilMs = atMs;
      }
      return Math.min(cutoffMs, untilMs);
    },
    advance({ ms, keepKeys }) {
      const offsetMs = is.offsetMs + ms;
      if (offsetMs > offsetMaxMs) return false;
      const jumps = [...is.jumps, { atMs: realNowMs(), offsetMs }].slice(-jumpsMax);
      is = { offsetMs, keysOffsetMs: is.keysOffsetMs + (keepKeys ? 0 : ms), jumps };
      store.run(JSON.stringify(is));
      return true;
    },
    clear() {
      is = atStart;
    },
  };
}
