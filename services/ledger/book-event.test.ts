// An event is booked once, together with the note that it is consumed, or not at all.

import { randomUUID } from "node:crypto";
import { type Event, inboxMigrations, isAlreadyConsumed, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BookEventParts, bookEvent } from "./book-event.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";

let postgres: Postgres;
let parts: BookEventParts;
beforeAll(async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  postgres = await freshSchema([...inboxMigrations, ...own]);
  parts = { store: postgresEntryStore(postgres), postgres, nowMs: () => 0 };
});
afterAll(() => postgres?.close());

const eventOf = (amount = "12.34"): Event => ({
  id: randomUUID(),
  name: "PaymentDone",
  data: { orderId: randomUUID(), paymentId: randomUUID(), amount, currency: "USD" },
  occurredAt: "2026-01-02T03:04:05.678Z",
  traceparent: "",
});
const count = async (table: "entry" | "inbox") => (await postgres.query(`select 1 from ${table}`)).length;

test("the second of two is told that it is consumed, and changes nothing", async () => {
  const event = eventOf();
  await bookEvent(parts, "ledger", event);
  const before = await count("entry");
  const again = await bookEvent(parts, "ledger", event).catch((error: unknown) => error);
  expect(isAlreadyConsumed(again)).toBe(true);
  expect(await count("entry")).toBe(before);
});

test("of ten at once one books", async () => {
  const event = eventOf();
  const before = await count("entry");
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, () => bookEvent(parts, "ledger", event)),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await count("entry")).toBe(before + 2);
});

test("one that the inbox has forgotten is booked already, in peace", async () => {
  const event = eventOf();
  await bookEvent(parts, "ledger", event);
  const before = await count("entry");
  await postgres.query("delete from inbox");
  await bookEvent(parts, "ledger", event);
  expect(await count("entry")).toBe(before);
});

test("one that cannot be read leaves neither an entry nor a note", async () => {
  const before = [await count("entry"), await count("inbox")];
  await expect(bookEvent(parts, "ledger", eventOf("-1.00"))).rejects.toMatchObject({ name: "Refusal" });
  expect([await count("entry"), await count("inbox")]).toEqual(before);
});

test("one that meets another's row, and not its own, fails, and is booked when it comes again", async () => {
  const [row] = await postgres.query<{ next: bigint }>("select nextval('entry_positions') + 1 as next");
  const lines = [1, 2].map(
    (line) =>
      `('${"6".repeat(8)}-0000-4000-8000-000000000001', ${line}, ${row?.next}, '${"6".repeat(8)}-0000-4000-8000-000000000002',
        'fees', 'USD', ${line === 1 ? 1 : -1}, 'by_hand', now(), now())`,
  );
  await postgres.query(
    `insert into entry (transaction_id, line, position, order_id, account, currency, amount_minor, event, occurred_at, create_time)
     values ${lines.join(", ")}`,
  );
  const event = eventOf();
  const before = await count("entry");
  await expect(bookEvent(parts, "ledger", event)).rejects.toMatchObject({ name: "UniqueViolation" });
  await bookEvent(parts, "ledger", event);
  expect(await count("entry")).toBe(before + 2);
});
