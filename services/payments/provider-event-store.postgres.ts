// The provider's events in Postgres. Those that come at about the same time are added in one commit: only the provider
// waits for them, and a shop that sells much hears several at a time. They are added in the order of their ids, so that
// two replicas that are told the same ones do not wait for each other.

import type { Postgres } from "@webstore/kit";
import { gathered } from "./gather.ts";
import type { ProviderEvent } from "./provider-event.ts";
import type { EventEnd, ProviderEventStore } from "./provider-event-store.ts";

/** At a hundred orders a second about four events come within it, and no shopper notices it. */
const addWaitMs = 20;
const addMax = 100;

const addText = `
  insert into provider_events (event_id, type, payment_reference, payment_id, create_time, receive_time, status, due_at)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::text[],
    $8::timestamptz[])
  on conflict (event_id) do nothing returning event_id`;

const claimText = `
  with due as (
    select event_id from provider_events where status = 'waiting' and due_at <= $1
    order by due_at limit $3 for update skip locked
  )
  update provider_events as this set due_at = $2, attempts = attempts + 1
  from due where this.event_id = due.event_id and this.due_at <= $1
  returning this.event_id, type, payment_reference, payment_id, create_time, attempts, misses`;

const endText = `
  update provider_events set status = $2, due_at = null where event_id = any($1::text[]) and status = 'waiting'`;
const postponeText = `
  update provider_events set due_at = $3, misses = misses + $4::int
  where event_id = $1 and attempts = $2 and status = 'waiting'`;
const pruneText = `
  with pruned as (
    delete from provider_events where event_id in (
      select event_id from provider_events where receive_time < $1 and due_at is null order by receive_time limit $2)
    returning 1)
  select count(*)::int as count from pruned`;
const claimSweepText = "update provider_event_sweep set due_at = $2 where due_at <= $1 returning swept_until";
const sweptText = "update provider_event_sweep set swept_until = greatest(swept_until, $1), due_at = $2";
const backlogText = `
  select count(*) filter (where status = 'waiting')::int as waiting,
    count(*) filter (where status = 'given_up')::int as given_up,
    min(receive_time) filter (where status = 'waiting') as oldest
  from provider_events where status in ('waiting', 'given_up')`;

type Row = {
  event_id: string;
  type: string;
  payment_reference: string;
  payment_id: string | null;
  create_time: Date;
  attempts: number;
  misses: number;
};

type Added = { readonly event: ProviderEvent; readonly status: "waiting" | EventEnd; readonly now: Date };

/** The values of addText: a list a column. */
function columnsOf(added: readonly Added[]): unknown[][] {
  const rows = added
    .toSorted((a, b) => Number(a.event.eventId > b.event.eventId) - Number(a.event.eventId < b.event.eventId))
    .map(({ event: { eventId, type, paymentReference, paymentId, createTimeMs }, status, now }) => {
      const ours = paymentId === "" ? null : paymentId;
      const dueAt = status === "waiting" ? now : null;
      return [eventId, type, paymentReference, ours, new Date(createTimeMs), now, status, dueAt];
    });
  return Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column]));
}

export function postgresProviderEventStore(postgres: Postgres): ProviderEventStore {
  const change = async (name: string, text: string, values: readonly unknown[]) => {
    const [rows] = await postgres.commit([{ name, text, values }]);
    return rows;
  };
  const add = gathered({
    waitMs: addWaitMs,
    itemsMax: addMax,
    work: async (added: readonly Added[]) => {
      const rows = await change("events_add", addText, columnsOf(added));
      const fresh = new Set((rows as { event_id: string }[]).map(({ event_id }) => event_id));
      // Of the same event twice, one is new.
      return added.map(({ event }) => fresh.delete(event.eventId));
    },
  });
  return {
    add: (event, status, nowMs) => add({ event, status, now: new Date(nowMs) }),
    async claim({ nowMs, leaseMs, limit }) {
      const values = [new Date(nowMs), new Date(nowMs + leaseMs), limit];
      const rows = await postgres.query<Row>(claimText, values, "event_claim");
      return rows.map((row) => ({
        eventId: row.event_id,
        type: row.type,
        paymentReference: row.payment_reference,
        paymentId: row.payment_id ?? "",
        createTimeMs: row.create_time.getTime(),
        attempts: row.attempts,
        misses: row.misses,
      }));
    },
    async end(eventIds, status) {
      if (eventIds.length > 0) await change("event_end", endText, [eventIds, status]);
    },
    async postpone({ eventId, attempts }, { dueAtMs, isMissed }) {
      const values = [eventId, attempts, new Date(dueAtMs), isMissed ? 1 : 0];
      await change("event_postpone", postponeText, values);
    },
    async prune(receivedBeforeMs, limit) {
      const rows = await change("event_prune", pruneText, [new Date(receivedBeforeMs), limit]);
      return (rows?.[0] as { count: number } | undefined)?.count ?? 0;
    },
    async claimSweep({ nowMs, everyMs }) {
      const values = [new Date(nowMs), new Date(nowMs + everyMs)];
      const rows = await change("event_claim_sweep", claimSweepText, values);
      return (rows?.[0] as { swept_until: Date } | undefined)?.swept_until.getTime();
    },
    async swept(untilMs, dueAtMs) {
      await change("event_swept", sweptText, [new Date(untilMs), new Date(dueAtMs)]);
    },
    async backlog() {
      const [row] = await postgres.query<{ waiting: number; given_up: number; oldest: Date | null }>(
        backlogText,
        [],
        "event_backlog",
      );
      const { waiting = 0, given_up: givenUp = 0, oldest = null } = row ?? {};
      return { waiting, givenUp, oldestAtMs: oldest?.getTime() };
    },
  };
}
