// 10,000 dead letters of up to 256 KiB are listed, filtered and redriven without ever being in memory together. They are
// 100 MiB in all; what a step holds is measured after the garbage is collected, so the machine's pace decides nothing.

import { randomUUID } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Message, openLog, type Postgres } from "@webstore/kit";
import { freshDatabase, freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { expect, onTestFinished, test } from "vitest";
import type { DeadLetterFilter } from "./dead-letter.ts";
import { filterOf } from "./dead-letter-message.ts";
import { postgresDeadLetterStore } from "./dead-letter-store.postgres.ts";
import { listDeadLetters } from "./list-dead-letters.ts";
import { redriveDeadLetters } from "./redrive-dead-letters.ts";
import { postgresRedriveQueue } from "./redrive-queue.postgres.ts";
import { redriveOnce } from "./redriver.ts";
import { openBus } from "./testing-desk.ts";

const letters = 10_000;
const heldBytesMax = 24 * 1_048_576;

/** One in 25 has 256 KiB. Written by the database itself, so that they never were in this process. */
async function fill(postgres: Postgres): Promise<void> {
  const slice = 1_000;
  for (let from = 0; from < letters; from += slice) {
    await postgres.commit([
      {
        text: `insert into dead_letters (dead_letter_id, source_topic, source_partition, source_offset, consumer_group,
                 event_name, key, correlation_id, error_reason, attempts, redrives, created_at, headers, value)
               select gen_random_uuid(), case when n % 2 = 0 then 'order-events' else 'payment-topic' end, n % 8, n,
                 'ledger', 'Event' || n % 10, convert_to('key-' || n, 'utf8'), 'c-' || n,
                 case when n % 100 = 0 then 'Outage: payments' else 'Refusal: orders/order_not_found' end, 4, 0,
                 timestamptz '2026-01-02' + n * interval '1 second', '{"origin": "test"}',
                 convert_to(repeat(chr(97 + n % 26), case when n % 25 = 0 then 262144 else 200 + n % 800 end), 'utf8')
               from generate_series($1::int, $2::int) as n`,
        values: [from, from + slice - 1],
      },
    ]);
  }
  await postgres.query("analyze dead_letters");
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What this process holds, in and beside the heap. */
function heldBytes(): number {
  // Twice: long strings lie outside of the heap, and are let go after the collection that finds them unused.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function openMany() {
  const database = await freshDatabase();
  const { bus, running } = await openBus(database.url);
  const postgres = await freshSchema(migrationsFrom(new URL("./migrations/", import.meta.url)), {
    url: database.url,
  });
  onTestFinished(async () => {
    await postgres.close();
    await running.stop();
    await database.drop();
  });
  await fill(postgres);
  return { bus, postgres, store: postgresDeadLetterStore(postgres) };
}

test("10,000 dead letters are listed, filtered and redriven in bounded memory, each once and byte for byte", async () => {
  const { bus, postgres, store } = await openMany();
  const atRest = heldBytes();
  let most = 0;
  const measure = () => {
    most = Math.max(most, heldBytes() - atRest);
  };
  const walk = async (is: Partial<DeadLetterFilter>) => {
    const seen = new Set<string>();
    let pageToken = "";
    do {
      const filter = { ...filterOf(undefined), ...is };
      const page = await listDeadLetters({ deadLetters: store }, filter, { pageSize: 100, pageToken });
      if (seen.size % 1_000 === 0) measure();
      for (const { deadLetterId } of page.deadLetters) seen.add(deadLetterId);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return seen.size;
  };
  expect(await walk({})).toBe(letters);
  expect(await walk({ sourceTopic: "order-events" })).toBe(letters / 2);
  expect(await walk({ eventName: "Event3" })).toBe(letters / 10);
  expect(await walk({ errorContains: "payments" })).toBe(letters / 100);

  let nowMs = Date.parse("2026-01-03T00:00:00.000Z");
  const parts = {
    deadLetters: store,
    topics: ["order-events", "payment-topic"],
    wakeRedriver: () => {},
    nowMs: () => nowMs,
    newId: randomUUID,
  };
  const request = { dryRun: false, ratePerSecond: 100, lettersMax: 1_000, reason: "", actorId: randomUUID() };
  for (const sourceTopic of parts.topics) {
    const filter = { ...filterOf(undefined), sourceTopic, status: "dead" as const };
    for (let left = letters / 2; left > 0; left -= 1_000) {
      const counts = await redriveDeadLetters(parts, { ...request, filter }, undefined);
      expect(counts).toEqual({ matched: left, scheduled: 1_000, looping: 0 });
    }
  }
  let published = 0;
  const publish = async (messages: readonly Message[]) => {
    // In the middle of it, with everything in hand.
    if (published % 500 < messages.length) measure();
    published += messages.length;
    await bus.publish(messages);
  };
  const redriver = {
    queue: postgresRedriveQueue(postgres),
    bus: { publish },
    log: openLog("test", { level: "silent" }),
    nowMs: () => nowMs,
  };
  while (published < letters && nowMs < Date.parse("2026-01-04")) {
    while (await redriveOnce(redriver));
    nowMs += 100;
  }
  expect(published).toBe(letters);
  expect(most).toBeLessThan(heldBytesMax);
  const [compared] = await postgres.query<{ same: number; redriven: number }>(
    `select count(distinct d.dead_letter_id) filter (where m.value = d.value and m.topic = d.source_topic
              and convert_to(m.key, 'utf8') = d.key and m.headers ->> 'origin' = 'test')::int as same,
            count(*) filter (where d.status = 'redriven')::int as redriven
     from dead_letters d join bus.messages m on m.headers ->> 'dead_letter_id' = d.dead_letter_id::text`,
  );
  expect(compared).toEqual({ same: letters, redriven: letters });
}, 300_000);

test("each way to look is answered by an index", async () => {
  const { postgres, store } = await openMany();
  const plans: string[] = [];
  const explained: Postgres = {
    ...postgres,
    query: async (text, values) => {
      const rows = await postgres.query<Record<"QUERY PLAN", string>>(`explain ${text}`, values);
      plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
      return [];
    },
  };
  const looking = postgresDeadLetterStore(explained);
  const page = { limit: 21, after: { atMs: Date.parse("2026-01-02T01:00:00Z"), id: randomUUID() } };
  const [one] = await store.list(filterOf(undefined), { limit: 1, after: undefined });
  const filters: Partial<DeadLetterFilter>[] = [
    {},
    { sourceTopic: "order-events" },
    { eventName: "Event3" },
    { status: "redriven" },
    { deadLetterIds: [one?.deadLetterId ?? ""] },
    { createdSinceMs: Date.parse("2026-01-02T00:30:00Z") },
  ];
  for (const filter of filters) await looking.list({ ...filterOf(undefined), ...filter }, page);
  expect(plans).toHaveLength(filters.length);
  for (const plan of plans) {
    expect(plan).toMatch(/Index (Only )?Scan/);
    expect(plan).not.toMatch(/Seq Scan/);
  }
}, 120_000);
