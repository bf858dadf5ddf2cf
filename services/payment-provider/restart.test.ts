import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { start } from "./main.ts";
import { clientOf, hold, refusalOf } from "./testing.ts";

let dataDir = "";

beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "payment-provider-"));
  dataDir = made;
  return () => rm(made, { recursive: true, force: true });
});

const environment = () => ({ DATA_DIR: dataDir, PAYMENT_PROVIDER_PORT: "0" });

async function spawnProvider(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
    env: { ...process.env, ...environment() },
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
