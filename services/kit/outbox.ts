// The outbox: events that stand or fall with the change they tell of, and the relay that moves them to the bus.
//
// Invariants:
//   O1. An event is a row that is committed together with its change; the bus is not asked. The row is deleted only
//       after the bus has acknowledged the event: at least once.
//   O2. Rows move in the order of their positions, under an advisory lock that one relay of the schema holds at a
//       time, over reading, publishing and deleting. So events of one key reach the bus in the order in which they
//       were committed, provided that their commits exclude each other: put the outbox's statement behind the one
//       that locks what the event is about.
//   O3. Nothing is skipped: a row that is committed late with an early position is found by the next look, because
//       a look begins at the first row and exactly the rows that it read are deleted.
//   O4. Everything is bounded: a batch in rows and bytes, the time between two batches from below (so that events
//       travel together) and between two looks from above.
//
// Who wakes the relay. Not NOTIFY: a transaction that notifies takes one lock of the whole server until it is
// committed. Measured with 16 commits at once: 9,000 a second with an outbox row, 1,700 to 3,800 with NOTIFY, and
// 0.08 ms more of CPU each. Instead the process that committed calls `wake`, which sets a flag; the poll, one small
// query a second, is for what a killed process has left.

import { setTimeout as sleep } from "node:timers/promises";
import type { Bus, Event } from "./bus.ts";
import { currentContext } from "./context.ts";
import { checkKey, checkTopic, encodeEvent } from "./event.ts";
import type { Log } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import type { Migration } from "./postgres-migrations.ts";
import type { Write } from "./write.ts";

export type Outbox = {
  /**
   * The Write that publishes an event when it is committed. `traceparent` defaults to the current span's; `id` to a
   * new one: give it where the same event may be published again. Call `relay.wake()` after the commit.
   */
  publish(is: {
    topic: string;
    /** What the event is about, such as the order: events of one key stay in order. */
    key: string;
    name: string;
    data: unknown;
    traceparent?: string;
    id?: string;
  }): Write;
};

export const outboxMigrations: readonly Migration[] = [
  {
    id: "0000-outbox",
    sql: `
      create table outbox (
        position bigint generated always as identity primary key,
        topic text not null,
        key text not null,
        value text not null,
        created_at timestamptz not null default now()
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
    `,
  },
];

export function openOutbox(is: { nowMs: () => number; newId: () => string }): Outbox {
  return {
    publish: ({ topic, key, name, data, traceparent, id }) => {
      checkTopic(topic);
      checkKey(key);
      const event: Event = {
        id: id ?? is.newId(),
        name,
        data,
        occurredAt: new Date(is.nowMs()).toISOString(),
        traceparent: traceparent ?? currentContext().span?.traceparent ?? "",
      };
      return [
        {
          name: "outbox_publish",
          text: "insert into outbox (topic, key, value) values ($1, $2, $3)",
          values: [topic, key, encodeEvent(event)],
        },
      ];
    },
  };
}

export type Relay = {
  /** Costs nothing: call it after every commit that published. */
  wake(): void;
  /** What waits for the bus; `rows` is counted up to 10,000. */
  backlog(): Promise<{ rows: number; oldestAgeMs: number }>;
  /** Finishes the batch in hand. What is left stays in the outbox. */
  stop(): Promise<void>;
};

const batchBytesMax = 8_000_000;
const backlogRowsMax = 10_000;
/** A failed batch is tried again after the first, then twice as long, up to the last. */
const retryMs = { first: 200, last: 5_000 };

export function startRelay(is: {
  postgres: Postgres;
  bus: Bus;
  log: Log;
  /** Default 500: larger ones save nothing more and make a failed one dearer. */
  batchMax?: number;
  /** Default 1 s: how long events wait that a killed process has left. */
  pollMs?: number;
  /**
   * Default 200 ms between the beginnings of two batches, so that under load events travel together: at 50 ms a
   * batch of the bench had ten events, and the relays a tenth of all statements.
   */
  spacingMs?: number;
}): Relay {
  const { postgres, bus, log, batchMax = 500, pollMs = 1_000, spacingMs = 200 } = is;
  const stopping = new AbortController();
  const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});
  let woken = true;
  let endWait: AbortController | undefined;
  let failures = 0;

  /** One look at the outbox. Gives how long to wait for the next: at least `restMs`, and no longer than `waitMs` unless woken. */
  const turn = async (): Promise<{ restMs: number; waitMs: number }> => {
    const asked = woken;
    woken = false;
    try {
      if (!asked && !(await isWaiting(postgres))) return { restMs: 0, waitMs: pollMs };
      const moved = await moveBatch(postgres, bus, batchMax);
      if (failures > 0) log.info({ failures }, "the outbox is moving again");
      failures = 0;
      if (moved === "all") return { restMs: spacingMs, waitMs: pollMs };
      woken = true;
      return { restMs: moved === "some" ? 0 : spacingMs, waitMs: 0 };
    } catch (error) {
      // Once for an outage, however long it lasts.
      if (failures++ === 0) log.warn({ error }, "the outbox could not be moved; trying again");
      woken = true;
      return { restMs: Math.min(retryMs.first * 2 ** Math.min(failures - 1, 10), retryMs.last), waitMs: 0 };
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      const { restMs, waitMs } = await turn();
      if (restMs > 0) await pause(restMs, stopping.signal);
      if (woken || stopping.signal.aborted) continue;
      endWait = new AbortController();
      await pause(waitMs, endWait.signal);
      endWait = undefined;
    }
  };
  const running = run();

  return {
    wake: () => {
      woken = true;
      endWait?.abort();
    },
    backlog: () => backlog(postgres),
    stop: async () => {
      stopping.abort();
      endWait?.abort();
      await running;
    },
  };
}

async function isWaiting(postgres: Postgres): Promise<boolean> {
  const [row] = await postgres.query<{ waiting: boolean }>(
    "select exists (select from outbox) as waiting",
    [],
    "outbox_waiting",
  );
  return row?.waiting === true;
}

type Row = { position: bigint; topic: string; key: string; value: string };

/** `all`: nothing was left behind; `some`: the batch was full; `held`: another relay is at it. */
function moveBatch(postgres: Postgres, bus: Bus, batchMax: number): Promise<"all" | "some" | "held"> {
  return postgres.transaction(async (tx) => {
    // Both leave together; the second sees what the relay before has committed, for it runs under the lock.
    const [[lock], rows] = await Promise.all([
      tx.query<{ held: boolean }>(
        "select pg_try_advisory_xact_lock(hashtextextended('webstore outbox ' || current_schema(), 0)) as held",
        [],
        "outbox_lock",
      ),
      tx.query<Row>(
        `select position, topic, key, value from (
           select *, sum(octet_length(value)) over (order by position) - octet_length(value) as bytes_before
           from (select position, topic, key, value from outbox order by position limit $1) as first
         ) as counted
         where bytes_before < $2 order by position`,
        [batchMax, batchBytesMax],
        "outbox_read",
      ),
    ]);
    if (lock?.held !== true) return "held";
    if (rows.length === 0) return "all";
    await bus.publish(rows.map(messageOf));
    const positions = rows.map(({ position }) => position);
    await tx.query("delete from outbox where position = any($1::bigint[])", [positions], "outbox_delete");
    return rows.length < batchMax && !isLarge(rows) ? "all" : "some";
  });
}

const messageOf = ({ topic, key, value }: Row) => ({ topic, key, value: Buffer.from(value), headers: {} });

/** Whether the bytes, not the rows, may have ended the batch. */
function isLarge(rows: readonly Row[]): boolean {
  let characters = 0;
  for (const { value } of rows) characters += value.length;
  return characters >= batchBytesMax / 4;
}

async function backlog(postgres: Postgres): Promise<{ rows: number; oldestAgeMs: number }> {
  const [row] = await postgres.query<{ rows: number; age: number }>(
    `select count(*)::int as rows,
            coalesce(extract(epoch from clock_timestamp() - min(created_at)) * 1000, 0)::float8 as age
     from (select created_at from outbox order by position limit $1) as first`,
    [backlogRowsMax],
    "outbox_backlog",
  );
  return { rows: row?.rows ?? 0, oldestAgeMs: Math.max(0, row?.age ?? 0) };
}
