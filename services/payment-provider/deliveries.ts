// The deliveries that have not arrived yet: rows, and the next of them in memory.
//
// Invariants:
//   Q1. The rows are the truth. What is remembered of them is a front part of what is due, at most `rememberedMax`; when
//       there may be more (`isBehind`), the rows are read again once it is used up.
//   Q2. A row is taken once, until it is removed: it comes back by `postpone` or `giveBack`, when the transaction that
//       removes it is undone, or when the process starts again.
//   Q3. The number of a delivery is never used again while the process lives, also after a reset. So what is put off
//       (the removal of a row) never meets another one.

import type { Database } from "./database.ts";

export type Delivery = {
  readonly seq: number;
  readonly event: string;
  readonly paymentIntent: string;
  readonly attempts: number;
  /** What to send, when it is at hand. */
  readonly payload: string | undefined;
};

type NewDelivery = Pick<Delivery, "event" | "paymentIntent" | "payload"> & {
  readonly dueAtMs: number;
  readonly isOvertakenByNext: boolean;
};

const rememberedMax = 500;

function statementsOf(database: Database) {
  return {
    insert: database.prepare("INSERT INTO deliveries VALUES (?, ?, ?, ?, 0, ?)"),
    due: database.prepare("SELECT * FROM deliveries WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT ?"),
    nextDue: database.prepare("SELECT min(due_at_ms) AS at FROM deliveries WHERE due_at_ms > ?"),
    remove: database.prepare("DELETE FROM deliveries WHERE seq = ?"),
    postpone: database.prepare("UPDATE deliveries SET attempts = ?, due_at_ms = ? WHERE seq = ?"),
    waiting: database.prepare(
      "SELECT 1 FROM deliveries WHERE overtaken_by_next = 1 AND payment_intent = ? LIMIT 1",
    ),
    anyWaiting: database.prepare("SELECT 1 FROM deliveries WHERE overtaken_by_next = 1 LIMIT 1"),
    release: database.prepare(`UPDATE deliveries SET due_at_ms = ?, overtaken_by_next = 0
    WHERE overtaken_by_next = 1 AND payment_intent = ? AND seq < ?`),
    count: database.prepare("SELECT count(*) AS count FROM deliveries"),
  };
}

export type Deliveries = ReturnType<typeof openDeliveries>;

export function openDeliveries(database: Database) {
  const { insert, due, nextDue, remove, postpone, waiting, anyWaiting, release, count } =
    statementsOf(database);
  let lastSeq = Number(database.prepare("SELECT max(seq) AS seq FROM deliveries").get()?.seq ?? 0);
  let remembered: Delivery[] = [];
  const taken = new Set<number>();
  let isBehind = true;
  let mayWait = true;
  let nextAtMs = Number.POSITIVE_INFINITY;

  database.onLost(() => {
    remembered = [];
    isBehind = true;
    mayWait = true;
  });

  function read(nowMs: number): void {
    const countMax = rememberedMax + taken.size;
    const rows = due.all(nowMs, countMax);
    isBehind = rows.length === countMax;
    nextAtMs = (nextDue.get(nowMs)?.at ?? Number.POSITIVE_INFINITY) as number;
    remembered = rows
      .map((row) => ({
        seq: Number(row.seq),
        event: String(row.event),
        paymentIntent: String(row.payment_intent),
        attempts: Number(row.attempts),
        payload: undefined,
      }))
      .filter(({ seq }) => !taken.has(seq));
  }

  return {
    /** Inside the transaction of its event. */
    add(is: NewDelivery, nowMs: number): void {
      const { event, paymentIntent, payload, dueAtMs, isOvertakenByNext } = is;
      lastSeq += 1;
      insert.run(lastSeq, event, paymentIntent, dueAtMs, isOvertakenByNext ? 1 : 0);
      if (isOvertakenByNext) mayWait = true;
      if (dueAtMs > nowMs) nextAtMs = Math.min(nextAtMs, dueAtMs);
      else if (remembered.length === rememberedMax) isBehind = true;
      else if (!isBehind) remembered.push({ seq: lastSeq, event, paymentIntent, attempts: 0, payload });
    },
    /** The one that is due first. */
    take(nowMs: number): Delivery | undefined {
      if (remembered.length === 0 && isBehind) read(nowMs);
      const one = remembered.shift();
      if (one !== undefined) taken.add(one.seq);
      return one;
    },
    /** It arrived, or is given up. */
    remove({ seq }: Delivery): void {
      database.later(() => {
        remove.run(seq);
        taken.delete(seq);
      });
    },
    postpone({ seq, attempts }: Delivery, dueAtMs: number): void {
      postpone.run(attempts + 1, dueAtMs, seq);
      taken.delete(seq);
      nextAtMs = Math.min(nextAtMs, dueAtMs);
    },
    /** It could not even be tried: it is taken again then. */
    giveBack({ seq }: Delivery, atMs: number): void {
      taken.delete(seq);
      nextAtMs = Math.min(nextAtMs, atMs);
    },
    /** Some that were to come later may be due by now. */
    readAgain(): void {
      isBehind = true;
      nextAtMs = Number.POSITIVE_INFINITY;
    },
    /** When the first of those that come later is due, or earlier. */
    nextAtMs: () => nextAtMs,
    /** Whether an earlier event of this intent waits to be overtaken. */
    waits: (paymentIntent: string) => waiting.get(paymentIntent) !== undefined,
    /** Lets go what waited for this one to overtake it. */
    release({ paymentIntent, seq }: Delivery, nowMs: number): void {
      if (!mayWait) return;
      if (Number(release.run(nowMs, paymentIntent, seq).changes) > 0) isBehind = true;
      mayWait = anyWaiting.get() !== undefined;
    },
    /** How many have not arrived yet. */
    count(): number {
      database.settle();
      return Number(count.get()?.count);
    },
  };
}
