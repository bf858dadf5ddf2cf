// Who of a group works on which partition, and how far the group is: the SQL of it.
//
// Invariants:
//   C1. A partition has at most one member at a time. The claim is a lease on the database's clock, and each change of
//       member raises the fence.
//   C2. An offset is committed only under the fence of the claim. A member that was thought dead and is not changes
//       nothing any more; it learns so from the answer.
//   C3. Offsets are committed without waiting for the disk: a crash of the server may undo the last of them, and
//       those messages come again, as they may at any time (B3).

import type { ReceivedMessage } from "./bus.ts";
import type { Postgres } from "./postgres.ts";

export type Member = { readonly group: string; readonly topic: string; readonly id: string };
export type Claim = { readonly partition: number; readonly fence: bigint; readonly nextOffset: bigint };

const fetchMax = 100;
const fetchBytesMax = 4_000_000;

/** Makes the group known: it begins with the oldest message there is. */
export async function openGroup(postgres: Postgres, { group, topic }: Member): Promise<void> {
  await postgres.commit([
    {
      text: `insert into claims (consumer_group, topic, partition, next_offset)
             select $1, p.topic, p.partition, coalesce(
               (select min("offset") from messages m where m.topic = p.topic and m.partition = p.partition),
               p.next_offset)
             from partitions p where p.topic = $2
             on conflict do nothing`,
      values: [group, topic],
    },
  ]);
}

/** Says that this member lives, and renews its claims. Gives the partitions it still has and how many others live. */
export async function beat(
  postgres: Postgres,
  { group, topic, id }: Member,
  leaseMs: number,
): Promise<{ others: number; kept: number[] }> {
  const [rows] = await postgres.commit([
    {
      name: "bus_beat",
      text: `with me as (
               insert into members values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
               on conflict (consumer_group, topic, member) do update set alive_until = excluded.alive_until
             ), renewed as (
               update claims set leased_until = clock_timestamp() + $4 * interval '1 millisecond'
               where consumer_group = $1 and topic = $2 and member = $3 returning partition
             )
             select (select count(*)::int from members
                     where consumer_group = $1 and topic = $2 and member <> $3
                       and alive_until > clock_timestamp()) as others,
                    (select coalesce(array_agg(partition), '{}') from renewed) as kept`,
      values: [group, topic, id, leaseMs],
    },
  ]);
  return (rows as { others: number; kept: number[] }[])[0] ?? { others: 0, kept: [] };
}

/** Takes up to `limit` partitions that nobody has, or whose member has died. */
export async function claim(
  postgres: Postgres,
  { group, topic, id }: Member,
  leaseMs: number,
  limit: number,
): Promise<Claim[]> {
  const [rows] = await postgres.commit([
    {
      name: "bus_claim",
      text: `with free as (
               select partition from claims
               where consumer_group = $1 and topic = $2 and (member is null or leased_until < clock_timestamp())
               order by partition limit $5 for update skip locked
             )
             update claims c set member = $3, fence = c.fence + 1,
               leased_until = clock_timestamp() + $4 * interval '1 millisecond'
             from free where c.consumer_group = $1 and c.topic = $2 and c.partition = free.partition
             returning c.partition, c.fence, c.next_offset as "nextOffset"`,
      values: [group, topic, id, leaseMs, limit],
    },
  ]);
  return rows as Claim[];
}

export type Progress = Claim & { readonly release: boolean };

/** Commits how far these partitions are, and gives up those to be released. Gives those that were still this member's. */
export async function commitProgress(
  postgres: Postgres,
  { group, topic, id }: Member,
  progress: readonly Progress[],
): Promise<Set<number>> {
  const [rows] = await postgres.commit([
    {
      name: "bus_progress",
      text: `update claims c set next_offset = done.next_offset,
               member = case when done.release then null else c.member end,
               leased_until = case when done.release then '-infinity' else c.leased_until end
             from unnest($4::int[], $5::bigint[], $6::bigint[], $7::boolean[])
               as done (partition, fence, next_offset, release)
             where c.consumer_group = $1 and c.topic = $2 and c.member = $3
               and c.partition = done.partition and c.fence = done.fence
               and (select set_config('synchronous_commit', 'off', true)) = 'off'
             returning c.partition`,
      values: [
        group,
        topic,
        id,
        progress.map(({ partition }) => partition),
        progress.map(({ fence }) => fence),
        progress.map(({ nextOffset }) => nextOffset),
        progress.map(({ release }) => release),
      ],
    },
  ]);
  return new Set((rows as { partition: number }[]).map(({ partition }) => partition));
}

/** The next messages of these partitions, each from its own offset, bounded in number and bytes. */
export async function fetchMessages(
  postgres: Postgres,
  topic: string,
  at: readonly { readonly partition: number; readonly position: bigint }[],
): Promise<Map<number, { messages: ReceivedMessage[]; more: boolean }>> {
  const rows = await postgres.query<Omit<ReceivedMessage, "topic"> & { more: boolean }>(
    `select at.partition, m."offset", m.key, m.value, m.headers, m.more
     from unnest($2::int[], $3::bigint[]) as at (partition, position)
     cross join lateral (
       select counted.*, rows = $4 or bytes >= $5 as more from (
         select first.*, count(*) over () as rows,
           sum(octet_length(value)) over () as bytes,
           sum(octet_length(value)) over (order by "offset") - octet_length(value) as bytes_before
         from (
           select "offset", key, value, headers from messages
           where topic = $1 and partition = at.partition and "offset" >= at.position
           order by "offset" limit $4
         ) as first
       ) as counted
       where bytes_before < $5
     ) as m
     order by at.partition, m."offset"`,
    [
      topic,
      at.map(({ partition }) => partition),
      at.map(({ position }) => position),
      fetchMax,
      fetchBytesMax,
    ],
    "bus_fetch",
  );
  const found = new Map<number, { messages: ReceivedMessage[]; more: boolean }>();
  for (const { partition, offset, key, value, headers, more } of rows) {
    const of = found.get(partition) ?? { messages: [], more };
    found.set(partition, of);
    of.messages.push({ topic, partition, offset, key, value, headers });
  }
  return found;
}

/** Published and not yet consumed by the group. */
export async function lagOf(postgres: Postgres, { group, topic }: Member): Promise<number> {
  const rows = await postgres.query<{ lag: number }>(
    `select coalesce(sum(p.next_offset - c.next_offset), 0)::float8 as lag
     from claims c join partitions p on p.topic = c.topic and p.partition = c.partition
     where c.consumer_group = $1 and c.topic = $2`,
    [group, topic],
    "bus_lag",
  );
  return rows[0]?.lag ?? 0;
}

/** Tells every listener to look at everything: members have come or gone. */
export async function tellMembers(postgres: Postgres, channel: string): Promise<void> {
  await postgres.commit([{ name: "bus_tell", text: "select pg_notify($1, '')", values: [channel] }]);
}

export async function leave(postgres: Postgres, { group, topic, id }: Member): Promise<void> {
  await postgres.commit([
    {
      text: "delete from members where consumer_group = $1 and topic = $2 and member = $3",
      values: [group, topic, id],
    },
  ]);
}
