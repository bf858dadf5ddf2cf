// The file in which a simulated company keeps its state.
//
// Invariants:
//   D1. What a committed transaction wrote survives the death of the process at any
//       instant (write-ahead log). `synchronous = NORMAL` gives up the last transactions only
//       when the machine itself loses power, which a simulator may.
//   D2. One process owns the file: it is locked exclusively while open, which also saves the
//       shared-memory traffic of every transaction. A second start says so and stops.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

export type Database = {
  readonly sql: DatabaseSync;
  /** Runs `work` as one transaction; when it throws, nothing of it stands. */
  readonly transaction: <T>(work: () => T) => T;
  readonly close: () => void;
};

/** How long a start waits for a process that is just ending to let go of the file. */
const lockWaitMs = 1_000;

/**
 * Opens the file and brings its tables up to date. `migrations` are run once each, in order;
 * ones that have been released are never edited, only followed by others.
 */
export function openDatabase(file: string, migrations: readonly string[]): Database {
  mkdirSync(dirname(file), { recursive: true });
  const sql = new DatabaseSync(file, { timeout: lockWaitMs });
  try {
    sql.exec("PRAGMA locking_mode = EXCLUSIVE");
    sql.exec("PRAGMA journal_mode = WAL");
    sql.exec("PRAGMA synchronous = NORMAL");
    // A checkpoint waits for the disk, and every request waits for it: 16 MiB of log lie between two.
    sql.exec("PRAGMA wal_autocheckpoint = 4000");
    const transaction = transactionsOf(sql);
    transaction(() => {
      // What every simulator keeps stands beside the migrations, which each numbers for itself.
      sql.exec("CREATE TABLE IF NOT EXISTS simulator_memory (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
      migrate(sql, migrations);
    });
    return { sql, transaction, close: () => sql.close() };
  } catch (cause) {
    sql.close();
    throw new Error(`cannot use ${file}: ${explained(cause)}`, { cause });
  }
}

/** One text that survives a restart. */
export function memoryOf({ sql }: Database, name: string) {
  const select = sql.prepare("SELECT value FROM simulator_memory WHERE name = ?");
  const upsert = sql.prepare("INSERT OR REPLACE INTO simulator_memory VALUES (?, ?)");
  return {
    load: () => select.get(name)?.value as string | undefined,
    save: (value: string) => void upsert.run(name, value),
  };
}

function migrate(sql: DatabaseSync, migrations: readonly string[]): void {
  const version = Number(sql.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  if (version > migrations.length) throw new Error("it was written by a newer version");
  for (const migration of migrations.slice(version)) sql.exec(migration);
  if (version < migrations.length) sql.exec(`PRAGMA user_version = ${migrations.length}`);
}

function transactionsOf(sql: DatabaseSync): Database["transaction"] {
  const begin = sql.prepare("BEGIN IMMEDIATE");
  const commit = sql.prepare("COMMIT");
  const rollback = sql.prepare("ROLLBACK");
  return (work) => {
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      // SQLite itself has already rolled back after some failures, such as a full disk.
      if (sql.isTransaction) rollback.run();
      throw error;
    }
  };
}

function explained(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.includes("locked") ? "another process is using it" : text;
}
