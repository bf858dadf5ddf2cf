// How a store that went through chaos comes to rest: the partners stop failing, and an operator does what operators do, with the
// operator's own command line. What still waits is asked of the tables themselves, because no API may be trusted to show what it
// has forgotten.

import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import type { readPartners } from "./partners.ts";
import type { StoreRun } from "./run-store.ts";
import type { Shop } from "./shop.ts";

export type Rest = {
  /** What never came to rest, a line each. */
  readonly waiting: readonly string[];
  readonly sagasTakenOver: number;
  readonly resolved: number;
  readonly redriven: number;
};

type Scene = {
  readonly store: StoreRun;
  readonly shop: Shop;
  readonly partners: ReturnType<typeof readPartners>;
  readonly staff: string;
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A dispute that nobody answers is lost after seven days. */
const disputesEndMs = 9 * dayMs;
const restWithinMs = 150_000;
const restPollMs = 500;
const tellEveryMs = 15_000;

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

export async function comeToRest(scene: Scene): Promise<Rest> {
  const client = new pg.Client({ connectionString: scene.store.database()?.url });
  await client.connect();
  const count = async (query: string) => Number((await client.query(query)).rows[0].count);
  try {
    await scene.partners.failNoMore();
    const done = { resolved: 0, redriven: 0 };
    // The provider forgets its keys after a day: what is not known is asked about before the days go by.
    await rest(scene, client, done);
    await scene.partners.advanceClock(disputesEndMs);
    const waiting = await rest(scene, client, done);
    const sagasTakenOver = await count("select count(*) from orders.sagas where fence > 1");
    return { waiting, sagasTakenOver, ...done };
  } finally {
    await client.end();
  }
}

async function rest(
  { store, shop, partners, staff }: Scene,
  client: pg.Client,
  done: { resolved: number; redriven: number },
): Promise<string[]> {
  let waiting: string[] = [];
  let quiet = 0;
  let tellAtMs = performance.now() + tellEveryMs;
  const isAtRest = async () => {
    waiting = await whatWaits(client, partners);
    // Twice in a row: a request that is under way between two services is in no table.
    quiet = waiting.length === 0 ? quiet + 1 : 0;
    if (quiet >= 2) return true;
    if (performance.now() > tellAtMs) {
      tellAtMs += tellEveryMs;
      process.stdout.write(`still waiting: ${waiting.join(", ")}\n`);
    }
    await delay(restPollMs);
    done.resolved += await resolveAll(client, shop, staff);
    // When the rest has settled: a letter that is sent again too early dies again, and after three times it stays.
    if (waiting.every((each) => each.startsWith("dead letters"))) done.redriven += await redriveAll(store);
    return false;
  };
  const untilMs = performance.now() + restWithinMs;
  while (!(await isAtRest())) if (performance.now() > untilMs) return waiting;
  return [];
}

/** One statement, so one moment: what moves from an outbox to the bus is seen in one of them. */
async function whatWaits(client: pg.Client, partners: Scene["partners"]): Promise<string[]> {
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

/** An operator asks the provider now instead of at its next turn. */
async function resolveAll(client: pg.Client, shop: Shop, staff: string): Promise<number> {
  const { rows } = await client.query<{ payment_id: string }>(
    `select payment_id from payments.payments
     where unresolved_since < now() - interval '2 s' and status <> 'requires_action' limit 50`,
  );
  for (const { payment_id } of rows) await shop.resolve(staff, payment_id);
  return rows.length;
}

const run = promisify(execFile);
const cli = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** `npx webstore dlq redrive`, for every topic that has dead letters. */
async function redriveAll(store: StoreRun): Promise<number> {
  let redriven = 0;
  for (const topic of ["order-events", "payment-topic"]) {
    const args = [
      "dlq",
      "redrive",
      "--topic",
      topic,
      "--rate",
      "100",
      "--reason",
      "the partners answer again",
      "--json",
    ];
    const { stdout } = await run(process.execPath, [cli, ...args], {
      env: { ...process.env, WEBSTORE_URL: store.url },
    });
    redriven += (JSON.parse(stdout) as { scheduled: number }).scheduled;
  }
  return redriven;
}
