// The one file that the provider keeps.
//
// Invariants:
//   D1. One process has it: a second start on the same file is refused at once.
//   D2. A request's changes, its idempotency record and its events are one transaction, so a
//       process killed at any instant leaves all of them or none.
//   D3. A number taken from a counter is never taken again, also after a restart: it is stored by the transaction that
//       first uses it, that of the ids some ahead. So a kill may skip ids; a stop skips none.
//   D4. A row's `seq` is its age: the second it was made in, then a number within that second (a
//       million are enough). Lists and time ranges are ranges of it, and an object's id contains it, so
//       that neither needs an index of its own.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { openTransactions, type Transactions } from "./transactions.ts";

/** The collections of the API. Each row is an object of the API as JSON, and what it is found by. */
export const collectionNames = [
  "payment_intents",
  "charges",
  "refunds",
  "disputes",
  "events",
  "balance_transactions",
] as const;
export type CollectionName = (typeof collectionNames)[number];
/** The others, except the counters. */
const tableNames = [
  ...["idempotency", "scenarios", "deliveries", "settings"],
  ...["once", "timers", "standings"],
];

/** Files of before they were numbered have the first one's tables already. */
const firstSchema = `
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idempotency (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, path TEXT NOT NULL, fingerprint TEXT NOT NULL,
  request_id TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scenarios (
  seq INTEGER PRIMARY KEY, action TEXT NOT NULL, delay_ms INTEGER NOT NULL, remaining INTEGER NOT NULL,
  order_id TEXT, payment_intent TEXT, operation TEXT, token TEXT, event TEXT);
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY, event TEXT NOT NULL, payment_intent TEXT NOT NULL, due_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL, overtaken_by_next INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at_ms);
${collectionNames
  .map(
    (name) => `
CREATE TABLE IF NOT EXISTS ${name} (seq INTEGER PRIMARY KEY, parent TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ${name}_parent ON ${name} (parent) WHERE parent IS NOT NULL;`,
  )
  .join("")}`;

const timersAndStandings = `
ALTER TABLE scenarios ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE INDEX scenarios_order ON scenarios (order_id);
CREATE INDEX scenarios_payment_intent ON scenarios (payment_intent);
CREATE TABLE once (about TEXT PRIMARY KEY);
CREATE TABLE timers (
  subject TEXT NOT NULL, kind TEXT NOT NULL, due_at_ms INTEGER NOT NULL, details TEXT NOT NULL,
  PRIMARY KEY (subject, kind)) WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at_ms);
CREATE TABLE standings (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, order_id TEXT, payment_id TEXT, currency TEXT NOT NULL,
  status TEXT NOT NULL, amount INTEGER NOT NULL, held INTEGER NOT NULL, captured INTEGER NOT NULL,
  refunded INTEGER NOT NULL DEFAULT 0, refunds_pending INTEGER NOT NULL DEFAULT 0,
  disputed INTEGER NOT NULL DEFAULT 0, disputed_lost INTEGER NOT NULL DEFAULT 0);
INSERT INTO standings (seq, id, order_id, payment_id, currency, status, amount, held, captured, refunded, disputed)
  SELECT p.seq, p.body ->> '$.id', p.body ->> '$.metadata.order_id', p.body ->> '$.metadata.payment_id',
    p.body ->> '$.currency', p.body ->> '$.status', p.body ->> '$.amount', p.body ->> '$.amount_capturable',
    p.body ->> '$.amount_received', coalesce(c.body ->> '$.amount_refunded', 0), coalesce(d.body ->> '$.amount', 0)
  FROM payment_intents p
  LEFT JOIN charges c ON c.parent = p.body ->> '$.id' AND c.body ->> '$.id' = p.body ->> '$.latest_charge'
  LEFT JOIN disputes d ON d.parent = c.body ->> '$.id';
INSERT INTO timers SELECT body ->> '$.id', 'expire_authorization', ((body ->> '$.created') + 7 * 86400) * 1000, '{}'
  FROM payment_intents WHERE body ->> '$.status' = 'requires_capture';`;

/** Each runs once, in order; ones that were released are only followed by others. */
const migrations = [firstSchema, timersAndStandings];

const perSecond = 2 ** 20;
const secondsMax = 2 ** 33 - 1;

/** The lowest `seq` of a second. */
export function firstSeqOf(second: number): number {
  return Math.min(second, secondsMax) * perSecond;
}

/** The highest `seq` of a second. */
export function lastSeqOf(second: number): number {
  return firstSeqOf(second) + perSecond - 1;
}

const seqDigits = 11;

/** The part of an id that tells its `seq`. */
export function seqText(seq: number): string {
  return seq.toString(36).padStart(seqDigits, "0");
}

/** The `seq` of the object that an id names; NaN for what cannot be an id. */
export function seqOf(id: string): number {
  const start = id.indexOf("_") + 1;
  return Number.parseInt(id.slice(start, start + seqDigits), 36);
}

export type Counter = "ids" | "draws" | "starts";

export type Database = Transactions & {
  prepare(sql: string): StatementSync;
  /** Takes the next number; it is stored by the running transaction, or at once without one. */
  next(counter: Counter): number;
  /** The age of what is made now; see D4. */
  nextSeq(nowSeconds: number): number;
  /** Forgets everything except the number of ids that were given out. */
  reset(): void;
  /**
   * Forgets some of the answers that were kept and some of the events that were made before these seconds; an event
   * that is still to be delivered stays, with all that came after it. Returns whether there may be more.
   */
  forget(before: { answers: number; events: number }): boolean;
  close(): void;
};

function open(path: string): DatabaseSync {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const sqlite = new DatabaseSync(path, { timeout: 0 });
  try {
    // Exclusive: no other process looks at this file, and the lock is taken once instead of per request.
    sqlite.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    // A checkpoint waits for the disk, and every request waits for it: 16 MiB of log lie between two.
    sqlite.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY;");
    const version = Number(sqlite.prepare("PRAGMA user_version").get()?.user_version);
    if (version > migrations.length) throw new Error("it was written by a newer version");
    const missing = migrations.slice(version).join("\n");
    sqlite.exec(`BEGIN IMMEDIATE; ${missing} PRAGMA user_version = ${migrations.length}; COMMIT;`);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** One transaction in so many stores the counter of the ids. */
const idsAheadMax = 1_000;

/** How many rows of a kind are forgotten at a time, so that no request waits long. */
const forgottenMax = 1_000;
const onceMax = 100_000;

function openForgetting(prepare: (sql: string) => StatementSync): Database["forget"] {
  const some = (table: string) =>
    prepare(
      `DELETE FROM ${table} WHERE seq IN (SELECT seq FROM ${table} WHERE seq < ? ORDER BY seq LIMIT ?)`,
    );
  const [answers, events] = [some("idempotency"), some("events")];
  const once = prepare("DELETE FROM once WHERE rowid <= (SELECT max(rowid) FROM once) - ?");
  const undelivered = prepare("SELECT event FROM deliveries ORDER BY seq LIMIT 1");
  return (before) => {
    const oldest = undelivered.get()?.event;
    const until = firstSeqOf(before.events);
    const limits = [until, ...(oldest === undefined ? [] : [seqOf(String(oldest))])];
    once.run(onceMax);
    const forgotten = [
      answers.run(firstSeqOf(before.answers), forgottenMax).changes,
      events.run(Math.min(...limits), forgottenMax).changes,
    ];
    return forgotten.some((count) => Number(count) === forgottenMax);
  };
}

export function openDatabase(path: string): Database {
  let sqlite: DatabaseSync;
  try {
    sqlite = open(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`payment-provider: cannot open ${path}: ${reason}`, { cause });
  }
  const prepare = (sql: string) => sqlite.prepare(sql);
  const writeCounter = prepare(
    "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const counters = new Map<Counter, number>();
  for (const row of prepare("SELECT name, value FROM counters").all()) {
    counters.set(row.name as Counter, Number(row.value));
  }
  const stored = new Map(counters);
  const storeCounters = (idsAhead: number) => {
    for (const [name, value] of counters) {
      if (value <= (stored.get(name) ?? 0)) continue;
      const ahead = name === "ids" ? idsAhead : 0;
      writeCounter.run(name, value + ahead);
      stored.set(name, value + ahead);
    }
  };
  const transactions = openTransactions(sqlite, () => storeCounters(idsAheadMax));
  transactions.onLost(() => stored.clear());
  const forget = openForgetting(prepare);
  const next = (counter: Counter) => {
    const value = (counters.get(counter) ?? 0) + 1;
    counters.set(counter, value);
    if (!sqlite.isTransaction) storeCounters(idsAheadMax);
    return value;
  };

  return {
    ...transactions,
    prepare,
    next,
    nextSeq: (nowSeconds) => firstSeqOf(nowSeconds) + (next("ids") % perSecond),
    reset() {
      const emptied = [...tableNames, ...collectionNames];
      sqlite.exec(`BEGIN; ${emptied.map((name) => `DELETE FROM ${name};`).join(" ")} COMMIT;`);
      counters.set("draws", 0);
      writeCounter.run("draws", 0);
      transactions.lost();
    },
    forget(before) {
      const mayBeMore = forget(before);
      transactions.lost();
      return mayBeMore;
    },
    close() {
      transactions.settle();
      stored.clear();
      storeCounters(0);
      sqlite.close();
    },
  };
}
