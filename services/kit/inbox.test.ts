import { afterAll, beforeAll, expect, test } from "vitest";
import { inboxMigrations, isAlreadyConsumed, once, pruneInbox } from "./inbox.ts";
import { type Postgres, WriteRefused } from "./postgres.ts";
import { freshSchema } from "./testing-postgres.ts";
import type { Write } from "./write.ts";

const eventId = "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11";
const counters = {
  id: "0001-counters",
  sql: "create table counters (name text primary key, value integer not null)",
};

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema([...inboxMigrations, counters]);
});
afterAll(() => postgres.close());

const count = (name: string): Write => [
  {
    text: "insert into counters values ($1, 1) on conflict (name) do update set value = counters.value + 1",
    values: [name],
  },
];
const counted = async (name: string) =>
  (await postgres.query<{ value: number }>("select value from counters where name = $1", [name]))[0]?.value ??
  0;

test("an event changes something once, however often it comes", async () => {
  await postgres.commit(once("group", eventId), count("repeated"));
  for (let again = 0; again < 3; again++) {
    const error = await postgres
      .commit(count("repeated"), once("group", eventId))
      .catch((thrown: unknown) => thrown);
    expect(isAlreadyConsumed(error)).toBe(true);
  }
  expect(await counted("repeated")).toBe(1);
});

test("of twenty at the same time exactly one stands", async () => {
  const id = "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b12";
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => postgres.commit(once("group", id), count("concurrent"))),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await counted("concurrent")).toBe(1);
});

test("each group consumes an event for itself", async () => {
  const id = "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b13";
  await postgres.commit(once("one", id), count("groups"));
  await postgres.commit(once("two", id), count("groups"));
  expect(await counted("groups")).toBe(2);
});

test("an event whose change failed is not consumed", async () => {
  const id = "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b14";
  const fails: Write = [{ text: "select webstore_expect(false, 'order_closed')", values: [] }];
  const error = await postgres.commit(once("group", id), fails).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WriteRefused);
  expect(isAlreadyConsumed(error)).toBe(false);
  await postgres.commit(once("group", id), count("after failure"));
  expect(await counted("after failure")).toBe(1);
});

test("notes are pruned when they are older than any bus keeps a message", async () => {
  await postgres.commit(once("pruned", eventId));
  const day = 86_400_000;
  await pruneInbox(postgres, Date.now() + 59 * day);
  const noted = () => postgres.query("select 1 from inbox where consumer_group = 'pruned'");
  expect(await noted()).toHaveLength(1);
  expect(await pruneInbox(postgres, Date.now() + 61 * day)).toBeGreaterThan(0);
  expect(await noted()).toHaveLength(0);
});
