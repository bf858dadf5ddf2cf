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
import { whatWaits } from "./waiting.ts";

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
/** Longer than the longest wait of whoever tries again: five minutes. */
const restWithinMs = 420_000;
const restPollMs = 500;
const tellEveryMs = 15_000;

export async function comeToRest(scene: Scene): Promise<Rest> {
  const client = new pg.Client({ connectionString: scene.store.database()?.url });
  await client.connect();
  const count = async (query: string) => Number((await client.query(query)).rows[0].count);
  try {
    await scene.partners.failNoMore();
    const done = { resolved: 0, redriven: 0 };
    // What is disputed cannot be cancelled or refunded before the dispute has ended, so the days go by first.
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
    if (waiting.every((each) => /^(dead letters|cancellations|e-mails)/.test(each)))
      done.redriven += await redriveAll(store);
    return false;
  };
  const untilMs = performance.now() + restWithinMs;
  while (!(await isAtRest())) if (performance.now() > untilMs) return waiting;
  return [];
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
