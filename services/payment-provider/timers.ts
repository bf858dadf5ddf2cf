// What will happen by itself: rows that say what, to which object, and when by the virtual clock.
// comes-due.ts makes it happen.
//
// Invariant: a timer is set by the transaction that it follows from, and removed by the one that carries it out. So it
// goes off once, also over restarts. It is cleared by the transaction that it no longer applies after, or let go by it,
// when it would do nothing any more: then its row goes later, and may stay when the process is killed before.

import { z } from "zod";
import type { Database } from "./database.ts";

export const timerKinds = [
  "answer_action",
  "close_dispute",
  "expire_authorization",
  "open_dispute",
  "settle_refund",
] as const;
export type TimerKind = (typeof timerKinds)[number];

const detailsShape = z
  .object({ outcome: z.enum(["succeeded", "failed", "won", "lost"]), closeAfterMs: z.number() })
  .partial();
export type TimerDetails = z.infer<typeof detailsShape>;

export type Timer = {
  readonly kind: TimerKind;
  /** The id of the object that it is about. */
  readonly subject: string;
  readonly dueAtMs: number;
  readonly details: TimerDetails;
};

export type Timers = {
  /** One of a kind for each object: a later one replaces it. */
  set(timer: Timer): void;
  clear(kind: TimerKind, subject: string): void;
  /** Clears one that would do nothing any more, which costs less. */
  letGo(kind: TimerKind, subject: string): void;
  /** The one that is due first, if any is. */
  firstDue(nowMs: number): Timer | undefined;
  countDue(nowMs: number): number;
  nextAtMs(): number | undefined;
  /** `listener` hears of every timer that is set. */
  onSet(listener: (dueAtMs: number) => void): void;
};

export function openTimers(database: Database): Timers {
  const set = database.prepare("INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?)");
  const clear = database.prepare("DELETE FROM timers WHERE subject = ? AND kind = ?");
  const first = database.prepare(
    "SELECT * FROM timers WHERE due_at_ms <= ? ORDER BY due_at_ms, subject LIMIT 1",
  );
  const count = database.prepare("SELECT count(*) AS count FROM timers WHERE due_at_ms <= ?");
  const next = database.prepare("SELECT min(due_at_ms) AS at FROM timers");
  let heard: (dueAtMs: number) => void = () => {};
  return {
    set({ kind, subject, dueAtMs, details }) {
      set.run(subject, kind, dueAtMs, JSON.stringify(details));
      heard(dueAtMs);
    },
    clear: (kind, subject) => void clear.run(subject, kind),
    letGo: (kind, subject) => database.later(() => clear.run(subject, kind)),
    firstDue(nowMs) {
      database.settle();
      const row = first.get(nowMs);
      if (row === undefined) return undefined;
      return {
        kind: row.kind as TimerKind,
        subject: String(row.subject),
        dueAtMs: Number(row.due_at_ms),
        details: detailsShape.parse(JSON.parse(String(row.details))),
      };
    },
    countDue(nowMs) {
      database.settle();
      return Number(count.get(nowMs)?.count);
    },
    nextAtMs() {
      database.settle();
      return (next.get()?.at ?? undefined) as number | undefined;
    },
    onSet(listener) {
      heard = listener;
    },
  };
}
