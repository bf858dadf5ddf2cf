// Dead letters in Postgres. A redrive is one commit: the advisory lock that lets one be scheduled at a time, the counts,
// the letters, the redrive's row, its audit entry.

import type { Postgres, Statement } from "@webstore/kit";
import { recordWrite } from "./audit-store.postgres.ts";
import { type Conditions, openConditions } from "./conditions.ts";
import {
  type DeadLetter,
  type DeadLetterContent,
  type DeadLetterFilter,
  type DeadLetterStatus,
  redrivesMax,
  type WholeDeadLetter,
} from "./dead-letter.ts";
import type { DeadLetterStore, Redrive, RedriveCounts, Standing } from "./dead-letter-store.ts";

const columns = `dead_letter_id, source_topic, source_partition, source_offset, consumer_group, event_name, key,
  correlation_id, error_reason, attempts, redrives, status, created_at`;

/** The letters with their content, for whoever reads some of them. */
export const wholeColumns = `${columns}, headers, value`;

const keepText = `
  insert into dead_letters (dead_letter_id, source_topic, source_partition, source_offset, consumer_group, event_name,
    key, correlation_id, error_reason, attempts, redrives, created_at, headers, value)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  on conflict (dead_letter_id) do nothing`;

export function postgresDeadLetterStore(postgres: Postgres): DeadLetterStore {
  return {
    async keep(letter) {
      const { sourceTopic, sourcePartition, sourceOffset, consumerGroup, eventName, key } = letter;
      const source = [sourceTopic, sourcePartition, sourceOffset, consumerGroup, eventName, key];
      const told = [letter.correlationId, letter.errorReason, letter.attempts, letter.redrives];
      const content = [new Date(letter.createTimeMs), JSON.stringify(letter.headers), letter.value];
      const values = [letter.deadLetterId, ...source, ...told, ...content];
      await postgres.commit([{ name: "dead_letter_keep", text: keepText, values }]);
    },

    async list(filter, { limit, after }) {
      const where = conditionsOf(filter);
      if (after !== undefined) {
        const given = [new Date(after.atMs), after.id];
        where.and((at, id) => `(created_at, dead_letter_id) < (${at}, ${id})`, ...given);
      }
      // Without a name, as below: what it looks for differs, and each is planned for what it is.
      const rows = await postgres.query<Row>(
        `select ${columns} from dead_letters ${where.text}
         order by created_at desc, dead_letter_id desc limit ${where.place(limit)}`,
        where.values,
      );
      return rows.map(letterOf);
    },

    async find(deadLetterId) {
      const [row] = await postgres.query<WholeRow>(
        `select ${wholeColumns} from dead_letters where dead_letter_id = $1`,
        [deadLetterId],
        "dead_letter_find",
      );
      return row === undefined ? undefined : wholeLetterOf(row);
    },

    async count(is) {
      const { text, values } = countStatement(is);
      return countsOf(await postgres.query<CountRow>(text, values), is.lettersMax);
    },

    async redrive(is, entry) {
      const [, counted, scheduled] = await postgres.commit(
        [lockStatement, countStatement(is), scheduleStatement(is)],
        recordWrite(entry),
      );
      const [row] = scheduled as { scheduled: number }[];
      return { ...countsOf(counted as CountRow[], is.lettersMax), scheduled: row?.scheduled ?? 0 };
    },
  };
}

/** How the letters stand, a row a topic and status: for the gauges. */
export async function standingOf(postgres: Postgres): Promise<readonly Standing[]> {
  const rows = await postgres.query<{
    source_topic: string;
    status: DeadLetterStatus;
    letters: number;
    oldest: Date;
  }>(
    `select source_topic, status, count(*)::int as letters, min(created_at) as oldest from dead_letters
     group by source_topic, status order by letters desc limit 60`,
    [],
    "dead_letter_standing",
  );
  return rows.map(({ source_topic: sourceTopic, status, letters, oldest }) => ({
    sourceTopic,
    status,
    letters,
    oldestAtMs: oldest.getTime(),
  }));
}

/** Deletes a slice of the letters that came before `beforeMs`, but for those that are to go out. Gives how many. */
export async function pruneDeadLetters(
  postgres: Postgres,
  is: { beforeMs: number; lettersMax: number },
): Promise<number> {
  const [rows] = await postgres.commit([
    {
      name: "dead_letter_prune",
      text: `delete from dead_letters where ctid = any(array(
               select ctid from dead_letters where created_at < $1 and status <> 'scheduled'
               order by created_at limit $2)) and status <> 'scheduled' returning 1`,
      values: [new Date(is.beforeMs), is.lettersMax],
    },
  ]);
  return rows?.length ?? 0;
}

function conditionsOf(filter: DeadLetterFilter): Conditions {
  const { deadLetterIds, sourceTopic, eventName, errorContains, status } = filter;
  const { createdSinceMs, createdBeforeMs } = filter;
  const where = openConditions();
  if (deadLetterIds.length > 0) where.and((ids) => `dead_letter_id = any(${ids}::uuid[])`, deadLetterIds);
  if (sourceTopic !== "") where.and((one) => `source_topic = ${one}`, sourceTopic);
  if (eventName !== "") where.and((one) => `event_name = ${one}`, eventName);
  if (errorContains !== "") where.and((part) => `position(${part} in error_reason) > 0`, errorContains);
  if (status !== undefined) where.and((one) => `status = ${one}`, status);
  if (createdSinceMs !== undefined) where.and((at) => `created_at >= ${at}`, new Date(createdSinceMs));
  if (createdBeforeMs !== undefined) where.and((at) => `created_at < ${at}`, new Date(createdBeforeMs));
  return where;
}

/** Until the commit; so of two that want the same letters the second sees what the first has done. */
const lockStatement: Statement = {
  name: "dead_letter_redrive_turn",
  text: "select pg_advisory_xact_lock(hashtextextended('dead letter redrive ' || current_schema(), 0))",
  values: [],
};

type CountRow = { matched: number; due: number; looping: number };

function countStatement({ filter, topics }: Pick<Redrive, "filter" | "topics">): Statement {
  const where = conditionsOf(filter);
  const text = `
    select count(*)::int as matched,
           count(*) filter (where status = 'dead' and redrives < ${redrivesMax}
                              and source_topic = any(${where.place(topics)}::text[]))::int as due,
           count(*) filter (where status = 'dead' and redrives >= ${redrivesMax})::int as looping
    from dead_letters ${where.text}`;
  return { text, values: where.values };
}

const countsOf = ([row]: readonly CountRow[], lettersMax: number): RedriveCounts => ({
  matched: row?.matched ?? 0,
  scheduled: Math.min(row?.due ?? 0, lettersMax),
  looping: row?.looping ?? 0,
});

function scheduleStatement({
  redriveId,
  filter,
  topics,
  ratePerSecond,
  lettersMax,
  atMs,
}: Redrive): Statement {
  const where = conditionsOf(filter);
  const id = where.place(redriveId);
  where.and((allowed) => `source_topic = any(${allowed}::text[])`, topics);
  where.and(() => "status = 'dead'");
  where.and(() => `redrives < ${redrivesMax}`);
  where.and(() => `not exists (select 1 from dead_letters where redrive_id = ${id})`);
  const text = `
    with chosen as (
      select dead_letter_id from dead_letters ${where.text}
      order by created_at, dead_letter_id limit ${where.place(lettersMax)} for update
    ), scheduled as (
      update dead_letters d set status = 'scheduled', redrive_id = ${id}::uuid
      from chosen where d.dead_letter_id = chosen.dead_letter_id returning 1
    ), redrive as (
      insert into redrives (redrive_id, rate_per_second, next_at)
      select ${id}::uuid, ${where.place(ratePerSecond)}::int, ${where.place(new Date(atMs))}::timestamptz
      where exists (select 1 from scheduled)
    )
    -- What was scheduled by the same redrive before, or is now.
    select (select count(*) from dead_letters where redrive_id = ${id})::int
         + (select count(*) from scheduled)::int as scheduled`;
  return { text, values: where.values };
}

type Row = {
  dead_letter_id: string;
  source_topic: string;
  source_partition: number;
  source_offset: bigint;
  consumer_group: string;
  event_name: string;
  key: Buffer;
  correlation_id: string;
  error_reason: string;
  attempts: number;
  redrives: number;
  status: DeadLetterStatus;
  created_at: Date;
};

export type WholeRow = Row & DeadLetterContent;

function letterOf(row: Row): DeadLetter {
  return {
    deadLetterId: row.dead_letter_id,
    sourceTopic: row.source_topic,
    sourcePartition: row.source_partition,
    sourceOffset: row.source_offset,
    consumerGroup: row.consumer_group,
    eventName: row.event_name,
    key: row.key,
    correlationId: row.correlation_id,
    errorReason: row.error_reason,
    attempts: row.attempts,
    redrives: row.redrives,
    status: row.status,
    createTimeMs: row.created_at.getTime(),
  };
}

export const wholeLetterOf = (row: WholeRow): WholeDeadLetter => ({
  ...letterOf(row),
  headers: row.headers,
  value: row.value,
});
