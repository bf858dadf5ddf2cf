import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { seqOf } from "./database.ts";
import { start } from "./main.ts";
import {
  admin,
  advance,
  clientOf,
  dayMs,
  eventsOf,
  hold,
  refusalOf,
  startReceiver,
  sumsOf,
  take,
  tell,
} from "./testing.ts";

let dataDir = "";

beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "payment-provider-"));
  dataDir = made;
  return () => rm(made, { recursive: true, force: true });
});

const environment = () => ({ DATA_DIR: dataDir, PAYMENT_PROVIDER_PORT: "0" });

async function spawnProvider(more: object = {}): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
    env: { ...process.env, ...environment(), ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), "line")) as [string];
  return { child, url: line.split(" ")[1] ?? "" };
}

test("what was answered before a SIGKILL stands after it, with its key, and no id comes again", async () => {
  const answered: string[] = [];
  let tried = 0;
  for (let round = 0; round < 3; round += 1) {
    const { child, url } = await spawnProvider();
    const stripe = clientOf(url);
    const work = async (shopper: number) => {
      for (let i = 0; i < 200; i += 1) {
        tried += 1;
        const { id } = await hold(stripe, { amount: 100 }, `key-${round}-${shopper}-${i}`);
        answered.push(id);
        if (answered.length === 60 * (round + 1)) child.kill("SIGKILL");
      }
    };
    const ended = once(child, "exit");
    await Promise.allSettled([work(0), work(1), work(2), work(3)]);
    await ended;
  }
  expect(new Set(answered).size).toBe(answered.length);

  const running = await start(environment());
  onTestFinished(running.stop);
  const stripe = clientOf(running.urls.http ?? "");
  const kept = await stripe.paymentIntents.list({ limit: 100 }).autoPagingToArray({ limit: 5_000 });
  const keptIds = new Set(kept.map(({ id }) => id));
  expect(answered.filter((id) => !keptIds.has(id))).toEqual([]);
  expect(kept.length).toBeLessThanOrEqual(tried);
  const charges = await stripe.charges.list({ limit: 100 }).autoPagingToArray({ limit: 5_000 });
  const events = await stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 5_000 });
  expect([charges.length, events.length]).toEqual([kept.length, kept.length]);
  expect(answered).toContain((await hold(stripe, { amount: 100 }, "key-0-0-0")).id);
  expect(keptIds).not.toContain((await hold(stripe)).id);
});

test("a delivery that was under way at a SIGKILL is made again", async () => {
  const receiver = await startReceiver();
  receiver.hold();
  const env = { PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url };
  const before = await spawnProvider(env);
  await take(clientOf(before.url));
  await expect.poll(() => receiver.open()).toBe(2);
  const ended = once(before.child, "exit");
  before.child.kill("SIGKILL");
  await ended;
  receiver.release();
  await expect.poll(() => receiver.received.length).toBe(2);

  await spawnProvider(env);
  await expect.poll(() => receiver.received.length).toBe(4);
  expect(new Set(receiver.taken().map(({ id }) => id)).size).toBe(2);
});

test("a delivery that arrived is not made again after a stop, and no id is skipped", async () => {
  const receiver = await startReceiver();
  const env = { ...environment(), PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url };
  const numbers: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    const running = await start(env);
    const url = running.urls.http ?? "";
    const { id } = await hold(clientOf(url));
    numbers.push(seqOf(id) % 2 ** 20);
    await expect.poll(() => tell(url, "GET", "deliveries")).toEqual({ waiting: 0 });
    await running.stop();
  }
  expect(receiver.received).toHaveLength(2);
  const [first = 0, second = 0] = numbers;
  // The intent, its charge, the event and the kept answer have one each.
  expect(second - first).toBe(4);
});

test("SIGTERM ends the process with code 0", async () => {
  const { child, url } = await spawnProvider();
  await hold(clientOf(url));
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a second start on the same data, a taken port and a broken file say so in one line", async () => {
  const running = await start(environment());
  onTestFinished(running.stop);
  await expect(start(environment())).rejects.toThrow(/^payment-provider: cannot open .*locked/);
  const port = new URL(running.urls.http ?? "").port;
  const onSamePort = start({ DATA_DIR: ":memory:", PAYMENT_PROVIDER_PORT: port });
  await expect(onSamePort).rejects.toThrow(/^payment-provider: cannot listen on .*EADDRINUSE/);
  const broken = join(dataDir, "broken");
  await writeFile(broken, "not a folder");
  await expect(start({ ...environment(), DATA_DIR: broken })).rejects.toThrow(
    /^payment-provider: cannot open/,
  );
});

test("a configuration that is not valid is refused with all its problems and without its values", async () => {
  const env = { PAYMENT_PROVIDER_PORT: "99999", PAYMENT_PROVIDER_API_KEY: "hunter2", FAILURES: "some" };
  const refusal = await start(env).catch((error: Error) => error.message);
  expect(refusal).toMatch(/PAYMENT_PROVIDER_PORT.*PAYMENT_PROVIDER_API_KEY.*FAILURES/);
  expect(refusal).not.toContain("hunter2");
});

test("failure rates and scenarios that were set survive a restart", async () => {
  const first = await start(environment());
  const set = (path: string, method: string, body: object) =>
    fetch(`${first.urls.http}/admin/${path}`, { method, body: JSON.stringify(body) });
  await set("failures", "PUT", { countries: { JP: { rate: 1, codes: [503] } } });
  await set("scenarios", "POST", { match: { order_id: "o-1" }, do: "decline" });
  await first.stop();
  const second = await start(environment());
  onTestFinished(second.stop);
  const stripe = clientOf(second.urls.http ?? "");
  expect(await refusalOf(hold(stripe, { metadata: { country: "JP" } }))).toMatchObject({ statusCode: 503 });
  expect(await refusalOf(hold(stripe, { metadata: { order_id: "o-1" } }))).toMatchObject({ statusCode: 402 });
});

test("a SIGKILL loses no scenario, no delivery, nothing that was to happen, and not the clock", async () => {
  const receiver = await startReceiver(...Array.from({ length: 100 }, () => 503));
  const env = { PAYMENT_PROVIDER_WEBHOOK_URL: receiver.url };
  const before = await spawnProvider(env);
  await advance(before.url, 5 * dayMs);
  await tell(before.url, "POST", "scenarios", { match: { order_id: "o-1" }, do: "decline" });
  const stripe = clientOf(before.url);
  const disputed = await take(stripe, { payment_method: "pm_webstore_disputeLost" });
  const refunded = await take(stripe, { payment_method: "pm_webstore_refundPendingThenFailed" });
  const refund = await stripe.refunds.create({ payment_intent: refunded.id });
  const told = await eventsOf(stripe);
  const ended = once(before.child, "exit");
  before.child.kill("SIGKILL");
  await ended;
  receiver.answerAll(200);

  const after = await spawnProvider(env);
  const again = clientOf(after.url);
  const { ahead_ms } = await tell<{ ahead_ms: number }>(after.url, "GET", "clock");
  expect(ahead_ms).toBe(5 * dayMs);
  expect(await refusalOf(hold(again, { metadata: { order_id: "o-1" } }))).toMatchObject({ statusCode: 402 });
  await advance(after.url, 2 * dayMs);
  expect((await again.disputes.list({ payment_intent: disputed.id })).data[0]?.status).toBe("lost");
  expect((await again.refunds.retrieve(refund.id)).status).toBe("failed");
  expect(await sumsOf(after.url)).toMatchObject({ captured: 2000, refunded: 0, disputed_lost: 1000 });
  await expect.poll(() => new Set(receiver.taken().map(({ id }) => id)).size).toBeGreaterThan(told.length);
  expect(receiver.taken().map(({ type }) => type)).toEqual(expect.arrayContaining(told));
});

test("a file of before there was a clock is taken over", async () => {
  const file = join(dataDir, "payment-provider.sqlite");
  const running = await start(environment());
  const stripe = clientOf(running.urls.http ?? "");
  const taken = await take(stripe, { metadata: { order_id: "o-1" } });
  await stripe.refunds.create({ payment_intent: taken.id, amount: 100 });
  const held = await hold(stripe);
  const sums = await sumsOf(running.urls.http ?? "");
  await running.stop();
  // Back to what the first version knew.
  const old = new DatabaseSync(file);
  old.exec(`DROP INDEX scenarios_order; DROP INDEX scenarios_payment_intent; DROP TABLE once;
    DROP TABLE timers; DROP TABLE standings; ALTER TABLE scenarios DROP COLUMN details; PRAGMA user_version = 0`);
  old.close();

  const taking = await start(environment());
  onTestFinished(taking.stop);
  const url = taking.urls.http ?? "";
  expect(await sumsOf(url)).toEqual(sums);
  const page = await tell<{ payments: object[] }>(url, "GET", "payments?order_id=o-1");
  expect(page.payments).toMatchObject([{ id: taken.id, captured: 1000, refunded: 100 }]);
  await advance(url, 8 * dayMs);
  expect((await clientOf(url).paymentIntents.retrieve(held.id)).status).toBe("canceled");
});

test("a file of a newer version is left alone", async () => {
  const newer = new DatabaseSync(join(dataDir, "payment-provider.sqlite"));
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  await expect(start(environment())).rejects.toThrow("newer version");
});

test("a reset forgets the clock and all that waits", async () => {
  const running = await start(environment());
  onTestFinished(running.stop);
  const url = running.urls.http ?? "";
  await take(clientOf(url), { payment_method: "pm_webstore_disputeLost" });
  await advance(url, 1_000);
  expect((await admin(url, "POST", "reset")).status).toBe(200);
  expect(await tell(url, "GET", "clock")).toMatchObject({ ahead_ms: 0 });
  await advance(url, 10 * dayMs);
  expect(await eventsOf(clientOf(url))).toEqual([]);
  expect(await tell(url, "GET", "payment_intents")).toEqual({ count: 0, by_status: {}, totals: {} });
});
