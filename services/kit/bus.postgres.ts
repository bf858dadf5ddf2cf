// The bus on Postgres: topics, partitions and offsets as Kafka has them, in tables of a schema of its own.
//
// It keeps B1–B4 of bus.ts by these:
//   G1. Offsets of a partition have no gaps and become visible in order. A publisher takes the counter rows of all its
//       partitions, in one order for everybody, and keeps them until its commit; so a reader that has seen an offset
//       has seen all before it, and publishers cannot deadlock.
//   G2. A batch of messages is one commit: all of it is on the bus or nothing is.
//   G3. The number of a topic's partitions is fixed when the topic is first used, whatever later openers say.
//   G4. What is not consumed is not deleted. Messages go when every group of the topic has consumed them and they are
//       7 days old; on a topic that nobody reads, such as one of dead letters, when they are 30 days old.
//
// Notifications only save waiting: whoever listens also looks by itself now and then. They are sent by publishers,
// which batch, so that the lock that NOTIFY takes at commit does not matter here.

import { busMigrations } from "./bus.postgres-schema.ts";
import { type Listeners, subscribe } from "./bus.postgres-subscription.ts";
import type { Bus, Message } from "./bus.ts";
import { connectPatiently } from "./connect.ts";
import { checkMessages, checkTopic } from "./event.ts";
import type { Log } from "./log.ts";
import { openPostgres, type Postgres, PostgresUnavailable, WriteRefused } from "./postgres.ts";
import { migrate } from "./postgres-migrations.ts";
import { Outage } from "./refusal.ts";
import type { Statement } from "./write.ts";

export type PostgresBusOptions = {
  readonly url: string;
  readonly log: Log;
  readonly nowMs: () => number;
  /** For topics that are new; default 8: as many members of a group can share the work. At most 64. */
  readonly partitions?: number;
  /** Default `bus`. */
  readonly schema?: string;
  /** Default 6 s: how long a member that has died keeps its partitions. Renewed at a third of it. */
  readonly leaseMs?: number;
  /** Default 1 s: how long a message can wait whose notification was lost. */
  readonly pollMs?: number;
  /** Default 5 s: when a look that failed is tried again. */
  readonly pollRetryMs?: number;
  /** Default 1 s: when a message comes again whose handler has failed. */
  readonly redeliverMs?: number;
  /** Default 100 ms from the end of one look of a member to its next, so that under load progress is committed together. */
  readonly spacingMs?: number;
  /** The waits before the first connection is tried again. */
  readonly delayMs?: (ms: number) => Promise<void>;
};

const poolMax = 3;
const statementTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;
const probeEveryMs = 1_000;
const sweepEveryMs = 600_000;
const partitionsMax = 64;

export async function openPostgresBus(options: PostgresBusOptions): Promise<Bus> {
  const { log, schema = "bus", partitions = 8 } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
    throw new RangeError(`a topic has 1 to ${partitionsMax} partitions`);
  }
  const postgres = await connect(options, schema);
  const health = watch(postgres);
  const topics = openTopics(postgres, partitions);
  const listeners: Listeners = new Set();
  const subscriptions = new Set<() => Promise<void>>();
  const endSweeping = startSweeping(postgres, options);
  let listening: Promise<unknown> | undefined;
  let closing: Promise<void> | undefined;

  return {
    publish: (messages) => health.observe(publish(postgres, topics, options.nowMs, messages)),
    subscribe: async (is) => {
      if (closing !== undefined) throw new Error("the bus is closed");
      listening ??= postgres.listen(channelOf(schema), (payload) => {
        for (const listener of listeners) listener(payload);
      });
      await listening;
      const subscription = await subscribe(
        {
          postgres,
          health,
          listeners,
          channel: channelOf(schema),
          partitions: await topics.partitionsOf(is.topic),
          log,
          nowMs: options.nowMs,
          leaseMs: options.leaseMs ?? 6_000,
          pollMs: options.pollMs ?? 1_000,
          pollRetryMs: options.pollRetryMs ?? 5_000,
          redeliverMs: options.redeliverMs ?? 1_000,
          spacingMs: options.spacingMs ?? 100,
        },
        is,
      );
      subscriptions.add(subscription.stop);
      return subscription;
    },
    ready: () => health.isWell() && closing === undefined,
    close: () => {
      closing ??= (async () => {
        await endSweeping();
        await Promise.all([...subscriptions].map((stop) => stop()));
        health.stop();
        await postgres.close();
      })();
      return closing;
    },
  };
}

function connect({ url, log, delayMs }: PostgresBusOptions, schema: string): Promise<Postgres> {
  const say = (message: string) => log.info(message);
  const open = async () => {
    await migrate({ url, schema, log: say }, busMigrations);
    const limits = { poolMax, statementTimeoutMs, connectTimeoutMs };
    return openPostgres({ url, schema, applicationName: "bus", ...limits, log: say });
  };
  const isOutage = (error: unknown) => error instanceof PostgresUnavailable;
  return connectPatiently(open, { what: "the bus", log, isOutage, delayMs });
}

const channelOf = (schema: string) => `${schema}_messages`;

export type Health = {
  /** Passes the outcome on, and remembers whether the database was there. */
  observe<T>(work: Promise<T>): Promise<T>;
  isWell(): boolean;
  stop(): void;
};

/** Whether the database answers, by what is asked of it anyway; once it has not, it is asked until it does. */
function watch(postgres: Postgres): Health {
  let isWell = true;
  let probe: NodeJS.Timeout | undefined;
  const recovered = () => {
    isWell = true;
    clearInterval(probe);
    probe = undefined;
  };
  const failed = (error: unknown) => {
    if (!(error instanceof PostgresUnavailable)) return;
    isWell = false;
    probe ??= setInterval(() => {
      void postgres.ready().then((answers) => answers && recovered());
    }, probeEveryMs).unref();
  };
  return {
    observe: async (work) => {
      try {
        const result = await work;
        if (!isWell) recovered();
        return result;
      } catch (error) {
        failed(error);
        throw error;
      }
    },
    isWell: () => isWell,
    stop: () => clearInterval(probe),
  };
}

type Topics = { partitionsOf(topic: string): Promise<number>; forget(): void };

function openTopics(postgres: Postgres, partitions: number): Topics {
  const known = new Map<string, Promise<number>>();
  const make = async (topic: string): Promise<number> => {
    checkTopic(topic);
    const rows = await postgres.commit(
      [{ text: "insert into topics values ($1, $2) on conflict do nothing", values: [topic, partitions] }],
      [
        {
          text: `insert into partitions (topic, partition)
                 select topic, generate_series(0, partitions - 1) from topics where topic = $1
                 on conflict do nothing`,
          values: [topic],
        },
      ],
      [{ text: "select partitions from topics where topic = $1", values: [topic] }],
    );
    return (rows[2] as { partitions: number }[])[0]?.partitions ?? partitions;
  };
  return {
    partitionsOf: (topic) => {
      const found = known.get(topic);
      if (found !== undefined) return found;
      const making = make(topic);
      known.set(topic, making);
      making.catch(() => known.delete(topic));
      return making;
    },
    forget: () => known.clear(),
  };
}

/** FNV-1a over the key's bytes: the same partition for a key in every process, for ever. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % partitions;
}

const partitionMissing = "bus_partition_missing";

async function publish(
  postgres: Postgres,
  topics: Topics,
  nowMs: () => number,
  messages: readonly Message[],
): Promise<void> {
  if (messages.length === 0) return;
  checkMessages(messages);
  const columns = { topics: [] as string[], partitions: [] as number[], keys: [] as string[] };
  const values: Uint8Array[] = [];
  const headers: string[] = [];
  for (const message of messages) {
    const partitions = await topics.partitionsOf(message.topic);
    columns.topics.push(message.topic);
    columns.partitions.push(partitionOf(message.key, partitions));
    columns.keys.push(message.key);
    values.push(message.value);
    headers.push(JSON.stringify(message.headers));
  }
  const { topics: at, partitions, keys } = columns;
  const insert: Statement = {
    name: "bus_publish",
    text: publishText,
    values: [at, partitions, keys, values, headers, new Date(nowMs())],
  };
  const notify: Statement = {
    name: "bus_notify",
    text: "select pg_notify(current_schema() || '_messages', topic) from unnest($1::text[]) as t(topic)",
    values: [[...new Set(at)]],
  };
  const lock: Statement = { name: "bus_turn", text: turnText, values: [at, partitions] };
  try {
    await postgres.commit([lock, insert, notify]);
  } catch (error) {
    if (!(error instanceof WriteRefused) || error.what !== partitionMissing) throw error;
    topics.forget();
    throw new Outage("bus", "the bus has lost its topics; they are made anew at the next try", {
      notSent: true,
    });
  }
}

/** Takes the counters in one order for everybody. The next statement sees what was committed until then. */
const turnText = `
  select 1 from partitions
  where (topic, partition) in (select * from unnest($1::text[], $2::int[]))
  order by topic, partition for update`;

const publishText = `
  with incoming as (
    select * from unnest($1::text[], $2::int[], $3::text[], $4::bytea[], $5::text[])
      with ordinality as m (topic, partition, key, value, headers, n)
  ), numbered as (
    select *, row_number() over (partition by topic, partition order by n) - 1 as place from incoming
  ), counted as (
    select topic, partition, count(*) as messages from incoming group by topic, partition
  ), moved as (
    update partitions p set next_offset = p.next_offset + c.messages
    from counted c where p.topic = c.topic and p.partition = c.partition
    returning p.topic, p.partition, p.next_offset - c.messages as first
  ), inserted as (
    insert into messages (topic, partition, "offset", key, value, headers, published_at)
    select n.topic, n.partition, m.first + n.place, n.key, n.value, n.headers::jsonb, $6
    from numbered n join moved m on m.topic = n.topic and m.partition = n.partition
    returning 1
  )
  select webstore_expect((select count(*) from inserted) = (select count(*) from incoming), '${partitionMissing}')`;

/** Deletes by G4, a slice of each partition at a time; no two processes at once. Gives how many are gone. */
export async function sweep(postgres: Postgres, nowMs: number): Promise<number> {
  const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000);
  const rows = await postgres.commit(
    [{ name: "bus_sweep", text: sweepText, values: [daysAgo(7), daysAgo(30), sweepSlice] }],
    [{ text: "delete from members where alive_until < clock_timestamp() - interval '1 hour'", values: [] }],
  );
  return rows[0]?.length ?? 0;
}

const sweepSlice = 1_000;
const sweepPassesMax = 100;

const sweepText = `
  delete from messages d using (
    select old.* from (
      select pg_try_advisory_xact_lock(hashtextextended('webstore sweep ' || current_schema(), 0)) as held
    ) as lock
    cross join partitions p
    left join lateral (
      select min(next_offset) as consumed from claims c where c.topic = p.topic and c.partition = p.partition
    ) as groups on true
    cross join lateral (
      -- The oldest first, and no further than the slice, however much is there.
      select topic, partition, "offset", published_at from messages m
      where m.topic = p.topic and m.partition = p.partition
        and m."offset" < coalesce(groups.consumed, p.next_offset)
      order by m."offset" limit $3
    ) as old
    where lock.held and old.published_at < case when groups.consumed is null then $2::timestamptz else $1::timestamptz end
  ) as old
  where d.topic = old.topic and d.partition = old.partition and d."offset" = old."offset"
  returning 1`;

function startSweeping(postgres: Postgres, { log, nowMs }: PostgresBusOptions): () => Promise<void> {
  let sweeping: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    sweeping = sweeping
      .then(async () => {
        for (let pass = 0; pass < sweepPassesMax; pass++) if ((await sweep(postgres, nowMs())) === 0) return;
      })
      .catch((error: unknown) => log.warn({ error }, "old messages were not deleted"));
  }, sweepEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await sweeping;
  };
}
