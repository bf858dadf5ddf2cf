// npm run bench: how fast the store is on this machine, and what a checkout costs. Not a test; it asserts nothing but that
// every checkout is paid. --quick is a fifth of it. What a number is of stands beside it.

import { randomUUID } from "node:crypto";
import { cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { demoUsers } from "@webstore/kit";
import pg from "pg";
import { bareChains } from "./bench-chain.ts";
import { lagsOf } from "./bench-lag.ts";
import { type Load, openLoad, quantile, type Timed } from "./bench-load.ts";
import { durableCommits, httpHops } from "./bench-reference.ts";
import { openMailServer } from "./mail-server.ts";
import { countSpans } from "./otlp-spans.ts";
import { childrenOf, cpuOf, cpuOfFamily, memoryOf } from "./processes.ts";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { openShop } from "./shop.ts";
import { until } from "./wait.ts";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const batch = options.quick ? 80 : 400;
const referenceCount = options.quick ? 500 : 4_000;
const warmRounds = options.quick ? 1 : 8;
const tracedCheckouts = 20;
const idleMs = 3_000;

const chainSizes = {
  "bare chain": { rpcs: 2, partnerCalls: 1, commits: 3 },
  // Of a paid order, followers left out (ARCHITECTURE.md). The calls: inventory, CRM, the provider twice, and its two events.
  "a checkout's size": { rpcs: 8, partnerCalls: 6, commits: 9 },
};

const mailServer = await openMailServer({ keep: false });
const environment = {
  RATE_LIMIT_PER_SECOND: "1000000",
  // Customers are made by the hundred here, and logging in is not what is measured.
  IDENTITY_ARGON2_MEMORY_KIB: "8",
  IDENTITY_ARGON2_TIME_COST: "1",
  LOG_LEVEL: "error",
  MAIL_URL: mailServer.url,
};
/** What a checkout itself needs; the others only follow it. */
const withoutFollowers = [
  "payment-provider",
  "crm",
  "inventory",
  "identity",
  "catalog",
  "cart",
  "payments",
  "orders",
  "gateway",
];
let store = await openStoreRun(environment);

try {
  await bench();
} finally {
  await store.close();
  await mailServer.close();
}

async function bench(): Promise<void> {
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const others = loadavg()[0]?.toFixed(1);
  say(
    `node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? "?"}), ${gib} GiB; load before: ${others}\n`,
  );
  await startUp();

  const load = await openLoad(store.url, batch);
  say(
    "Checkouts: POST /checkout over HTTP until it answers 201 paid. Carts are filled before, outside of the",
  );
  say(
    `times. One process runs the store and its partners, another one the load, on the same ${cpus().length} cores.\n`,
  );
  say(
    "shoppers  checkouts/s   p50 ms   p95 ms   p99 ms    CPU ms a checkout: store (main thread) + Postgres + load",
  );
  await row("1, cold", load, 1, options.quick ? 1 : 0.5);
  await row("8, cold", load, 8, 1);
  await row("32, cold", load, 32, 1);
  const orders = Math.round(batch * (options.quick ? 3 : 2.5));
  const memory = memoryAfter(orders);
  // Node.js compiles what runs often; a store that has run for a minute is the one that matters.
  for (let round = 0; round < warmRounds; round += 1) await row("warm-up", load, 8, 1);
  for (const shoppers of [1, 8, 32]) await row(`${shoppers}`, load, shoppers, 1);
  await follow(load);
  await reference();
  await commits(load);
  await load.close();
  say(memory);
  await calls();
  await withoutThem();
}

/** A steady pace that leaves the machine room, and how far the followers were behind. */
async function follow(load: Load): Promise<void> {
  await load.fillCarts(batch);
  await load.checkouts(2, batch);
  const settled = performance.now();
  await until(() => performance.now() - settled > idleMs, 2 * idleMs, "time stands still");
  say(`\nWhat follows an order, at 2 shoppers: after it is paid it is`);
  for (const { what, count, p50Ms, p95Ms } of await lagsOf(databaseOf(store).url, batch)) {
    const lag = `p50 ${p50Ms.toFixed(0).padStart(5)} ms   p95 ${p95Ms.toFixed(0).padStart(5)} ms`;
    // The orders of the rows above come first.
    say(`  ${what.padEnd(26)} ${count === 0 ? "not yet" : lag}   (${count} of ${batch} orders)`);
  }
}

/** The same checkouts in a store without ledger, notifications and order-processor: the difference is what they cost. */
async function withoutThem(): Promise<void> {
  await store.close();
  store = await openStoreRun(environment);
  await store.start(...withoutFollowers);
  const load = await openLoad(store.url, batch);
  say("\nWithout ledger, notifications and order-processor, in a store of its own:");
  for (let round = 0; round < warmRounds; round += 1) await row("warm-up", load, 8, 1);
  for (const shoppers of [1, 8, 32]) await row(`${shoppers}`, load, shoppers, 1);
  await load.close();
}

/** From nothing, and on the data of before. */
async function startUp(): Promise<void> {
  const startedAt = performance.now();
  const freshMs = await store.start();
  const shop = openShop(store.url);
  const [mug] = await shop.products("stoneware mug");
  await shop.addToCart(demoUsers.ada.token, mug?.product_id ?? "", 1);
  const outcome = await shop.checkout(demoUsers.ada.token, randomUUID());
  if (outcome.is !== "ordered") throw new Error(outcome.reason);
  const firstMs = performance.now() - startedAt;
  await shop.close();
  await store.signal("SIGTERM");
  const againMs = await store.start();
  say(`Start on an empty folder, database made and seeded: serving after ${seconds(freshMs)},`);
  say(
    `first paid order after ${seconds(firstMs)}. Start on existing data: serving after ${seconds(againMs)}.\n`,
  );
}

/** `share` of the customers check out. */
async function row(name: string, load: Load, shoppers: number, share: number): Promise<void> {
  const count = Math.round(load.customers * share);
  await load.fillCarts(count);
  const before = cpuNow();
  const result = await load.checkouts(shoppers, count);
  const after = cpuNow();
  const each = (what: keyof typeof before) => ((after[what] - before[what]) / count).toFixed(2);
  const cpu = `${each("storeMs")} (${each("mainThreadMs")}) + ${each("databaseMs")} + ${each("loadMs")}`;
  say(`${name.padStart(8)}  ${rate(result).padStart(11)}  ${quantiles(result)}    ${cpu}`);
}

function cpuNow() {
  const { allMs, mainThreadMs } = cpuOf(store.pid());
  const { user, system } = process.cpuUsage();
  return {
    storeMs: allMs,
    mainThreadMs,
    databaseMs: cpuOfFamily(databaseOf(store).pid),
    loadMs: (user + system) / 1_000,
  };
}

function memoryAfter(orders: number): string {
  const database = databaseOf(store).pid;
  const own = memoryOf([store.pid()]);
  const postgres = memoryOf([database, ...childrenOf(database)]);
  const mib = ({ rssMib, pssMib }: typeof own) => `${rssMib.toFixed(0)} MiB RSS (${pssMib.toFixed(0)} PSS)`;
  const total = (own.pssMib + postgres.pssMib).toFixed(0);
  return `\nMemory after ${orders} orders: store process with its partners ${mib(own)}; Postgres, all its processes, ${mib(postgres)}; together ${total} MiB PSS.`;
}

async function reference(): Promise<void> {
  say("\nReference, in the same run: what this machine does when there is no store in between.");
  for (const shoppers of [1, 8, 32]) {
    const hops = await httpHops(shoppers, referenceCount);
    say(
      `  HTTP hop that does nothing, ${String(shoppers).padStart(2)} at once: ${rate(hops).padStart(6)}/s  ${quantiles(hops)}`,
    );
  }
  for (const [name, size] of Object.entries(chainSizes)) {
    for (const shoppers of [1, 8, 32]) {
      const before = cpuNow();
      const chains = await bareChains(databaseOf(store).url, size, shoppers, referenceCount);
      const after = cpuNow();
      // They run once before they are timed, and in this process.
      const each = (what: "loadMs" | "databaseMs") =>
        ((after[what] - before[what]) / (2 * referenceCount)).toFixed(2);
      const cpu = `CPU ${each("loadMs")} + Postgres ${each("databaseMs")} ms`;
      const { rpcs, partnerCalls, commits } = size;
      const of = `(1 HTTP hop, ${rpcs} gRPC hops, ${partnerCalls} HTTP calls, ${commits} commits)`;
      say(
        `  ${name.padEnd(17)}, ${String(shoppers).padStart(2)} at once: ${rate(chains).padStart(6)}/s  ${quantiles(chains)}   ${cpu} ${of}`,
      );
    }
  }
  for (const connections of [1, 8]) {
    const done = await durableCommits(databaseOf(store).url, connections, referenceCount);
    say(
      `  durable commit of one row,  ${String(connections).padStart(2)} at once: ${rate(done).padStart(6)}/s  ${quantiles(done)}`,
    );
  }
}

/**
 * Transactions that wrote, by the numbers that Postgres gives them, less those of the same time without load. Reads are
 * not among them: they make nothing durable.
 */
async function commits(load: Load): Promise<void> {
  const client = new pg.Client({ connectionString: databaseOf(store).url });
  await client.connect();
  try {
    const now = async () => {
      const { rows } = await client.query(
        "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xid, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as wal",
      );
      return { xid: Number(rows[0].xid), wal: Number(rows[0].wal), atMs: performance.now() };
    };
    const count = load.customers;
    await load.fillCarts(count);
    const idle = { before: await now() };
    await until(() => performance.now() - idle.before.atMs > idleMs, 2 * idleMs, "time stands still");
    const before = await now();
    await load.checkouts(8, count);
    // What follows an order, such as its events, belongs to it.
    const sent = performance.now();
    await until(() => performance.now() - sent > idleMs, 2 * idleMs, "time stands still");
    const after = await now();
    const background =
      ((before.xid - idle.before.xid) / (before.atMs - idle.before.atMs)) * (after.atMs - before.atMs);
    const each = (after.xid - before.xid - background) / count;
    const walKib = (after.wal - before.wal) / count / 1_024;
    say(
      `\nA checkout at 8 shoppers makes ${each.toFixed(2)} durable commits, what follows it included, and ${walKib.toFixed(1)} KiB of WAL.`,
    );
  } finally {
    await client.end();
  }
}

/** The store once more, with traces on: too slow to be timed, but they tell who called whom. */
async function calls(): Promise<void> {
  const counter = await countSpans();
  try {
    await store.signal("SIGTERM");
    await store.startWith({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: counter.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "200",
    });
    const load = await openLoad(store.url, tracedCheckouts);
    await load.fillCarts(tracedCheckouts);
    await store.signal("SIGTERM");
    const before = new Map(counter.served);
    await store.startWith({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: counter.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "200",
    });
    await load.checkouts(1, tracedCheckouts);
    await load.close();
    // A stop sends what is still held back.
    await store.signal("SIGTERM");
    const each = [...counter.served]
      .map(([name, served]) => ({ name, times: (served - (before.get(name) ?? 0)) / tracedCheckouts }))
      .filter(({ name, times }) => times > 0 && name.includes("/webstore."));
    const total = each.reduce((sum, { times }) => sum + times, 0);
    say(`A checkout makes ${total.toFixed(2)} RPCs between services:`);
    for (const { name, times } of each) say(`  ${times.toFixed(2)}  ${name.slice(1)}`);
  } finally {
    counter.close();
  }
}

function databaseOf(of: StoreRun): { pid: number; url: string } {
  const found = of.database();
  if (found === undefined) throw new Error("the store's database does not run");
  return found;
}

function rate({ count, ms }: Timed): string {
  return (count / (ms / 1_000)).toFixed(0);
}

function quantiles({ latenciesMs }: Timed): string {
  return [0.5, 0.95, 0.99].map((share) => quantile(latenciesMs, share).toFixed(2).padStart(7)).join("  ");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function say(line: string): void {
  console.log(line);
}
