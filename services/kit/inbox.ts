// The inbox: which events a group has consumed, kept in the schema of whoever consumes them.
//
// A bus delivers at least once. A processor that commits `once(group, event.id)` together with its own change makes
// that change once, however often the event comes.
//
// Invariants:
//   I1. The note that an event is consumed and the change it caused are one commit: both stand or neither does.
//   I2. Of two commits of one event at the same time, the second waits for the first, and is refused if that stands.
//   I3. A note is kept for longer than any bus keeps a message, and then pruned, a slice at a time.

import type { Log } from "./log.ts";
import { type Postgres, WriteRefused } from "./postgres.ts";
import type { Migration } from "./postgres-migrations.ts";
import type { Write } from "./write.ts";

const alreadyConsumed = "already_consumed";

export const inboxMigrations: readonly Migration[] = [
  {
    id: "0000-inbox",
    sql: `
      create table inbox (
        consumer_group text not null,
        event_id uuid not null,
        consumed_at timestamptz not null default now(),
        primary key (consumer_group, event_id)
      );
      -- Only the pruning reads by time, and rarely; this index costs a write next to nothing.
      create index inbox_consumed_at on inbox using brin (consumed_at) with (pages_per_range = 16);
    `,
  },
];

/** Makes the commit that it is part of refuse (`isAlreadyConsumed`) if this group has consumed this event. */
export function once(group: string, eventId: string): Write {
  return [
    {
      name: "inbox_once",
      text: `with noted as (
               insert into inbox (consumer_group, event_id) values ($1, $2) on conflict do nothing returning 1
             )
             select webstore_expect((select count(*) from noted) = 1, '${alreadyConsumed}')`,
      values: [group, eventId],
    },
  ];
}

/** What a processor may throw on: the consumer takes it for success. */
export function isAlreadyConsumed(error: unknown): boolean {
  return error instanceof WriteRefused && error.what === alreadyConsumed;
}

/** Longer than a bus keeps what nobody reads (30 days), so that a dead letter redriven late is still known. */
const keptDays = 60;
const pruneEveryMs = 3_600_000;
const pruneSlice = 5_000;

/** Deletes old notes now and then. Gives the function that ends it. */
export function startInboxPruning(is: {
  postgres: Postgres;
  log: Log;
  nowMs: () => number;
  everyMs?: number;
}): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() =>
      pruneInbox(is.postgres, is.nowMs()).catch((error: unknown) =>
        is.log.warn({ error }, "the inbox was not pruned"),
      ),
    );
  }, is.everyMs ?? pruneEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** Deletes a slice of the notes that are older than they need to be, and says how many. */
export async function pruneInbox(postgres: Postgres, nowMs: number): Promise<number> {
  const [rows] = await postgres.commit([
    {
      name: "inbox_prune",
      text: `delete from inbox where ctid = any(array(
               select ctid from inbox where consumed_at < $1 limit $2)) returning 1`,
      values: [new Date(nowMs - keptDays * 86_400_000), pruneSlice],
    },
  ]);
  return rows?.length ?? 0;
}
