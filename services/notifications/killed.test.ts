// The service as a process that is killed while it sends, at each point where that matters, and started again. What the
// customer's mailbox has afterwards is one mail.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type Moment, openMailServer } from "./testing-mail-server.ts";
import { eventOf, orderData } from "./testing-notifications.ts";
import { openSurroundings, type Surroundings } from "./testing-service.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const soon = { timeout: 20_000 };
const testTimeoutMs = 60_000;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function startProcess(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [main], { env, stdio: "ignore" });
  const exited = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  closing.push(kill);
  return { child, kill };
}

/** The first time that `moment` comes, `then` runs; the server waits for it. */
async function openWorld(
  moment: Moment,
  then: (world: Surroundings) => Promise<void>,
): Promise<Surroundings> {
  let came = false;
  const mailServer = await openMailServer({
    at: async (now) => {
      if (came || now !== moment) return;
      came = true;
      await then(world);
    },
  });
  const world = await openSurroundings({ mailServer, env: { MAIL_LEASE_MS: "3000" } });
  closing.push(() => world.close());
  return world;
}

async function expectOneMail(world: Surroundings, orderId: string, copiesMin: number) {
  startProcess(world.env);
  const statusOf = "select status, attempts from notifications.notifications where order_id = $1";
  await expect
    .poll(() => world.sql(statusOf, [orderId]), soon)
    .toEqual([{ status: "sent", attempts: expect.toSatisfy((attempts: number) => attempts > 1) }]);
  const { taken } = world.mailServer;
  expect(taken.length).toBeGreaterThanOrEqual(copiesMin);
  expect(new Set(taken.map(({ mail }) => mail.messageId)).size).toBe(1);
}

test.each<[string, Moment, number]>([
  ["before the server has the mail", "recipient", 1],
  ["when the server has all of the mail and has not answered", "complete", 2],
])(
  "killed %s",
  async (_, moment, copiesMin) => {
    let first: { child: ChildProcess; kill(): Promise<void> } | undefined;
    const died = Promise.withResolvers<void>();
    const world = await openWorld(moment, async () => {
      await first?.kill();
      died.resolve();
    });
    const data = orderData();
    await world.publish("order-events", [eventOf("OrderCreated", data)]);
    first = startProcess(world.env);
    await died.promise;
    await expectOneMail(world, data.orderId, copiesMin);
  },
  testTimeoutMs,
);

test(
  "killed between the server's answer and its own commit",
  async () => {
    const locked = Promise.withResolvers<() => Promise<void>>();
    const world = await openWorld("complete", async ({ connect }) => {
      const client = await connect();
      await client.query("begin");
      await client.query("select 1 from notifications.notifications for update");
      locked.resolve(async () => {
        await client.query("rollback");
        await client.end();
      });
    });
    const data = orderData();
    await world.publish("order-events", [eventOf("OrderCreated", data)]);
    const first = startProcess(world.env);
    const unlock = await locked.promise;
    const committing = `select pid from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database() and query like '%set status = ''sent''%'`;
    await expect.poll(() => world.sql(committing), soon).toHaveLength(1);
    await first.kill();
    // What the dead had asked the database for would still be done.
    await world.sql(committing.replace("select pid", "select pg_terminate_backend(pid)"));
    await unlock();
    expect(world.mailServer.taken).toHaveLength(1);
    await expectOneMail(world, data.orderId, 2);
  },
  testTimeoutMs,
);
