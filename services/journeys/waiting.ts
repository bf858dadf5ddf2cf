// What still waits in a store, asked of the tables themselves, because no API may be trusted to show what it has forgotten.

import pg from "pg";
import type { readPartners } from "./partners.ts";

/** What waits, by a query that gives a row for each kind and how many there are. */
const waitingByKind: readonly (readonly [what: string, query: string])[] = [
  ["sagas", "select count(*) from orders.sagas where status not in ('done', 'refused')"],
  [
    "payments of which not all is known",
    "select count(*) from payments.payments where unresolved_since is not null",
  ],
  ["news of payments", "select count(*) from payments.status_notifications"],
  [
    "events of the provider",
    "select count(*) from payments.provider_events where status not in ('applied', 'ignored')",
  ],
  ["e-mails", "select count(*) from notifications.notifications where status <> 'sent'"],
  ["dead letters", "select count(*) from order_processor.dead_letters where status <> 'redriven'"],
  [
    "messages",
    `select coalesce(sum(there.next_offset - claims.next_offset), 0) as count
     from bus.claims join bus.partitions as there using (topic, partition)`,
  ],
  [
    "cancellations",
    "select count(*) from orders.orders where cancel_requested and status in ('new', 'pending', 'paid', 'processing')",
  ],
];

/** One statement, so one moment: what moves from an outbox to the bus is seen in one of them. */
export async function whatWaits(
  client: pg.Client,
  partners: ReturnType<typeof readPartners>,
): Promise<string[]> {
  const deliveries = await partners.deliveriesWaiting();
  const { rows } = await client.query<{ schema: string }>(
    "select schemaname as schema from pg_tables where tablename = 'outbox'",
  );
  const outboxes = rows.map(
    ({ schema }) => [`${schema}'s outbox`, `select count(*) from "${schema}".outbox`] as const,
  );
  const counts = [...waitingByKind, ...outboxes].map(
    ([what, query]) => `select ${pg.escapeLiteral(what)} as what, (${query}) as count`,
  );
  const { rows: found } = await client.query<{ what: string; count: string }>(counts.join(" union all "));
  const waiting = found
    .filter(({ count }) => Number(count) > 0)
    .map(({ what, count }) => `${what}: ${count}`);
  return deliveries > 0 ? [...waiting, `webhooks: ${deliveries}`] : waiting;
}
