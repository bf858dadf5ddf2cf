// Publishing what is scheduled: at its rate, once more rather than never, whatever happens to who does it. The queue is
// the real one; the clock is the test's, and where the bus has to fail it is a stand-in.

import { randomUUID } from "node:crypto";
import { type Message, openLog, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { deadLetterOf } from "./dead-letter.ts";
import { postgresDeadLetterStore } from "./dead-letter-store.postgres.ts";
import { pruneOld } from "./prune-dead-letters.ts";
import { postgresRedriveQueue } from "./redrive-queue.postgres.ts";
import { redriveOnce, startRedriver } from "./redriver.ts";
import { type Letter, letterMessage, received } from "./testing-desk.ts";

const log = openLog("test", { level: "silent" });
const migrations = migrationsFrom(new URL("./migrations/", import.meta.url));
const startMs = Date.parse("2026-01-02T03:04:05.000Z");
const leaseMs = 30_000;

let postgres: Postgres;
let nowMs: number;
let out: Message[];
beforeAll(async () => {
  postgres = await freshSchema(migrations);
});
afterAll(() => postgres?.close());
beforeEach(async () => {
  await postgres.commit([{ text: "truncate dead_letters, redrives", values: [] }]);
  nowMs = startMs;
  out = [];
});

const bus = {
  publish: async (messages: readonly Message[]) => {
    out.push(...messages);
  },
};
const partsWith = (publish = bus.publish) => ({
  queue: postgresRedriveQueue(postgres),
  bus: { publish },
  log,
  nowMs: () => nowMs,
  leaseMs,
});
const once = (publish = bus.publish) => redriveOnce(partsWith(publish));
/** All that is due now. */
const all = async () => {
  while (await once());
};

/** So many letters, a millisecond apart, scheduled at this rate. */
async function schedule(count: number, ratePerSecond: number, is: (index: number) => Letter = () => ({})) {
  const store = postgresDeadLetterStore(postgres);
  const redriveId = randomUUID();
  const eventName = `Event${redriveId}`;
  for (let offset = 0; offset < count; offset += 1) {
    const message = letterMessage({
      offset,
      key: String(offset),
      value: Buffer.from(JSON.stringify({ name: eventName })),
      ...is(offset),
    });
    await store.keep({ ...deadLetterOf(received(message), startMs - 1_000 + offset), eventName });
  }
  const filter = {
    deadLetterIds: [],
    sourceTopic: "",
    eventName,
    errorContains: "",
    status: undefined,
    createdSinceMs: undefined,
    createdBeforeMs: undefined,
  };
  const actor = { actorId: randomUUID(), action: "RedriveDeadLetters", subject: "", detail: "" };
  const counts = await store.redrive(
    { redriveId, filter, topics: ["payment-topic"], ratePerSecond, lettersMax: 1_000, atMs: nowMs },
    { auditEntryId: redriveId, ...actor, atMs: nowMs },
  );
  expect(counts.scheduled).toBe(count);
}

const keys = () => out.map(({ key }) => Number(key));
const statuses = () =>
  postgres.query<{ status: string; letters: number }>(
    "select status, count(*)::int as letters from dead_letters group by status order by status",
  );
const count = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test.each([
  [1, 5],
  [10, 30],
  [100, 250],
])("at %i a second, %i letters go out in order and no second has more", async (ratePerSecond, letters) => {
  await schedule(letters, ratePerSecond);
  const bySecond = new Map<number, number>();
  while (out.length < letters && nowMs < startMs + 60_000) {
    const before = out.length;
    await all();
    const second = Math.floor((nowMs - startMs) / 1_000);
    bySecond.set(second, (bySecond.get(second) ?? 0) + out.length - before);
    nowMs += 10;
  }
  expect(keys()).toEqual(count(0, letters));
  expect(Math.max(...bySecond.values())).toBe(Math.min(letters, ratePerSecond));
  expect(bySecond.size).toBe(Math.ceil(letters / ratePerSecond));
});

test("after a long pause the rate is kept: nothing is made up for", async () => {
  await schedule(30, 10);
  await all();
  nowMs += 3_600_000;
  await all();
  expect(out.length).toBe(2);
});

test("two replicas share the work, and a letter goes out once", async () => {
  await schedule(40, 100);
  await schedule(40, 100);
  for (let tick = 0; tick < 20; tick += 1) {
    await Promise.all([all(), all()]);
    nowMs += 100;
  }
  expect(out.length).toBe(80);
  expect(new Set(out.map(({ headers }) => headers.dead_letter_id)).size).toBe(80);
});

test("what a killed replica had in hand is published by another when the lease ends, and not before", async () => {
  await schedule(3, 1);
  const dead = postgresRedriveQueue(postgres);
  const claim = await dead.claim({ nowMs, leaseMs });
  expect(claim?.letters).toHaveLength(1);
  nowMs += leaseMs - 1;
  await all();
  expect(out).toEqual([]);
  nowMs += 1;
  await all();
  expect(keys()).toEqual([0]);
  // It was not dead after all, and comes back: it sets nothing free that another has.
  const other = await postgresRedriveQueue(postgres).claim({ nowMs: nowMs + 1_000, leaseMs });
  if (claim === undefined || other === undefined) throw new Error("nothing was claimed");
  await dead.postpone(claim, { nextAtMs: nowMs });
  expect(await dead.claim({ nowMs: nowMs + 1_000, leaseMs })).toBeUndefined();
});

test("what the bus does not take now is tried again later, and goes out", async () => {
  await schedule(3, 100);
  let isAway = true;
  const publish = async (messages: readonly Message[]) => {
    if (isAway) throw new Error("the bus is away");
    out.push(...messages);
  };
  expect(await once(publish)).toBe(true);
  expect(await once(publish)).toBe(false);
  expect(await statuses()).toEqual([{ status: "scheduled", letters: 3 }]);
  isAway = false;
  nowMs += 5_000;
  while (await once(publish));
  expect(keys()).toEqual([0, 1, 2]);
  expect(await statuses()).toEqual([{ status: "redriven", letters: 3 }]);
});

test("a letter that no bus takes is dead again, and does not hold up those behind it", async () => {
  await schedule(5, 100);
  class MessageRefused extends Error {
    override readonly name = "MessageRefused";
  }
  const publish = async (messages: readonly Message[]) => {
    if (messages.some(({ key }) => key === "2")) throw new MessageRefused("a key must be well-formed text");
    out.push(...messages);
  };
  while (await once(publish));
  expect(keys()).toEqual([0, 1, 3, 4]);
  expect(await statuses()).toEqual([
    { status: "dead", letters: 1 },
    { status: "redriven", letters: 4 },
  ]);
  expect(await postgres.query("select 1 from redrives")).toEqual([]);
});

test("what is in hand at once is a megabyte at most, or one letter", async () => {
  const bytes = [900_000, 300_000, 300_000, 300_000, 300_000, 900_000];
  await schedule(6, 100, (offset) => ({ value: Buffer.alloc(bytes[offset] ?? 0, "x") }));
  const batches: number[][] = [];
  const publish = async (messages: readonly Message[]) => {
    batches.push(messages.map(({ key }) => Number(key)));
  };
  for (let tick = 0; tick < 10; tick += 1) {
    while (await once(publish));
    nowMs += 1_000;
  }
  expect(batches).toEqual([[0], [1, 2, 3], [4], [5]]);
});

test("a redriver that runs finds what another scheduled, and ends when it is stopped", async () => {
  const redriver = startRedriver({ ...partsWith(), nowMs: Date.now });
  await schedule(3, 100);
  redriver.wake();
  await expect.poll(keys, { timeout: 10_000, interval: 20 }).toEqual([0, 1, 2]);
  await redriver.stop();
  await schedule(1, 100);
  redriver.wake();
  expect(out.length).toBe(3);
});

test("letters are kept for 90 days, and those that are to go out until they are", async () => {
  await schedule(2, 1);
  const old = letterMessage({ key: "old" });
  await postgresDeadLetterStore(postgres).keep(deadLetterOf(received(old), startMs));
  const day = 86_400_000;
  expect(await pruneOld(postgres, startMs + 90 * day)).toBe(0);
  expect(await pruneOld(postgres, startMs + 90 * day + 1)).toBe(1);
  expect(await statuses()).toEqual([{ status: "scheduled", letters: 2 }]);
});
