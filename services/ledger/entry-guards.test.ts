// The books against a hostile writer who owns the tables: what the database itself refuses, and why.

import { randomUUID } from "node:crypto";
import { inboxMigrations, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Booking, Line } from "./entry.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";
import type { EntryStore } from "./entry-store.ts";

let postgres: Postgres;
let store: EntryStore;
beforeAll(async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  postgres = await freshSchema([...inboxMigrations, ...own], { poolMax: 12 });
  store = postgresEntryStore(postgres);
});
afterAll(() => postgres?.close());

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const move = (amountMinor: bigint, debit: Line["account"], credit: Line["account"]): Line[] => [
  { account: debit, amountMinor },
  { account: credit, amountMinor: -amountMinor },
];
const bookingOf = (is: Partial<Booking> = {}): Booking => ({
  transactionId: randomUUID(),
  event: "payment_captured",
  orderId: randomUUID(),
  paymentId: randomUUID(),
  currency: "USD",
  lines: move(10_00n, "provider_clearing", "customer_receivable"),
  occurredAtMs: nowMs,
  ...is,
});

/** Everything that the books hold, to compare before with after. */
const everything = () =>
  postgres.query<Record<string, unknown>>(
    `select (select count(*) from entry) as entries, (select sum(hashtext(entry::text)) from entry) as content,
            (select jsonb_object_agg(account || currency || slot, amount_minor) from balance) as balances,
            (select count(*) from open_receivable) as open`,
  );

const columns =
  "transaction_id, line, position, order_id, payment_id, account, currency, amount_minor, event, occurred_at, create_time";
let made = 0;
type HostileRow = {
  transaction?: string;
  line: number;
  position?: number;
  order?: string;
  account?: string;
  currency?: string;
  amount: string | number;
  event?: string;
};

/** Rows as somebody writes them who does not ask the service. */
function insertOf(rows: readonly HostileRow[]): string {
  const [transaction, order] = [randomUUID(), randomUUID()];
  // Positions that nobody else has.
  made += 1;
  const values = rows.map(
    (row) =>
      `('${row.transaction ?? transaction}', ${row.line}, ${row.position ?? -made}, '${row.order ?? order}', null,
        '${row.account ?? "revenue"}', '${row.currency ?? "USD"}', ${row.amount}, '${row.event ?? "by_hand"}', '2026-01-01', '2026-01-01')`,
  );
  return `insert into entry (${columns}) values ${values.join(", ")}`;
}

describe("a hostile writer", () => {
  let mine: Booking;
  beforeEach(async () => {
    mine = bookingOf();
    await postgres.commit(store.book(mine, nowMs));
  });
  const two = [
    { line: 1, amount: 5 },
    { line: 2, amount: -5 },
  ];

  const onMine = (rows: readonly HostileRow[]) =>
    insertOf(rows.map((row) => ({ ...row, transaction: mine.transactionId })));
  const euros = { line: 2, amount: -5, currency: "EUR" };
  const [zero, whole, known] = ["sum to zero", "all its lines", "unique constraint entry_pkey"];

  test.each<[string, string, () => string]>([
    ["that is one-sided", zero, () => insertOf([{ line: 1, amount: 5 }])],
    ["whose sides are not equal", zero, () => insertOf([...two.slice(0, 1), { line: 2, amount: -4 }])],
    ["that balances only over two currencies", zero, () => insertOf([...two.slice(0, 1), euros])],
    ["with a currency that does not balance", zero, () => insertOf([...two, { ...euros, line: 3 }])],
    [
      "that balances by another transaction",
      zero,
      () =>
        insertOf(two.map((row, at) => ({ ...row, line: 1, transaction: randomUUID(), position: -1e6 - at }))),
    ],
    ["with an entry of nothing", "amount_minor", () => insertOf([...two, { line: 3, amount: 0 }])],
    [
      "with an amount beyond every limit",
      "amount_minor",
      () => insertOf(two.map((row) => ({ ...row, amount: `${row.amount}000000000000000000` }))),
    ],
    [
      "in an account that there is not",
      "does not fit",
      () => insertOf(two.map((row) => ({ ...row, account: "pocket" }))),
    ],
    [
      "in a currency that is none",
      "currency",
      () => insertOf(two.map((row) => ({ ...row, currency: "usd" }))),
    ],
    ["with a gap in its lines", whole, () => insertOf([...two.slice(0, 1), { line: 3, amount: -5 }])],
    [
      "that goes on with one that stands, below its first line",
      whole,
      () => onMine([4, 0, -1, -2].map((line, at) => ({ line, amount: at % 2 === 0 ? 5 : -5 }))),
    ],
    ["at two positions", whole, () => insertOf(two.map((row, at) => ({ ...row, position: -1e7 - at })))],
    ["about two events", whole, () => insertOf(two.map((row, at) => ({ ...row, event: `by_hand_${at}` })))],
    [
      "that is not whole, behind one that is",
      whole,
      () =>
        insertOf([
          ...two,
          ...two.map((row) => ({ ...row, line: row.line + 1, transaction: mine.orderId, position: -1e8 })),
        ]),
    ],
    [
      "that is one-sided, behind one that is even",
      zero,
      () => insertOf([...two, { line: 1, amount: 5, transaction: mine.orderId, position: -1e8 }]),
    ],
    ["about two orders", whole, () => insertOf(two.map((row) => ({ ...row, order: randomUUID() })))],
    [
      "that goes on with one that stands",
      whole,
      () => onMine(two.map((row) => ({ ...row, line: row.line + 2 }))),
    ],
    ["that repeats one that stands", known, () => onMine(two)],
    [
      "that goes on with one that stands, its repeated lines skipped",
      whole,
      () => `${onMine([...two, { line: 3, amount: 9 }])} on conflict do nothing`,
    ],
    [
      "that overwrites one that stands",
      "is refused",
      () =>
        `${onMine(two)} on conflict (transaction_id, line) do update set amount_minor = excluded.amount_minor`,
    ],
  ])("cannot insert a transaction %s", async (_, why, sql) => {
    const before = await everything();
    await expect(postgres.query(sql())).rejects.toThrow(why);
    expect(await everything()).toEqual(before);
  });

  test.each([
    ["change an amount", "update entry set amount_minor = amount_minor * 2"],
    ["change nothing, for a beginning", "update entry set line = line where false"],
    ["delete an entry", "delete from entry"],
    ["empty the books", "truncate entry"],
    ["empty everything", "truncate entry, balance, open_receivable cascade"],
    ["merge into them", "merge into entry using (select 1) as one on true when matched then delete"],
    ["raise a balance", "update balance set amount_minor = amount_minor + 1"],
    ["add a balance", "insert into balance values ('revenue', 'USD', 99, 1)"],
    ["delete the balances", "delete from balance"],
    ["empty the balances", "truncate balance"],
    ["forget an open order", "delete from open_receivable"],
  ])("cannot %s", async (_, sql) => {
    const before = await everything();
    await expect(postgres.query(sql)).rejects.toThrow("is refused");
    expect(await everything()).toEqual(before);
  });

  test("cannot do it by switching the triggers off for the session", async () => {
    const before = await everything();
    for (const sql of ["update entry set amount_minor = 1", insertOf([{ line: 1, amount: 5 }])]) {
      const done = postgres.transaction(async (tx) => {
        await tx.query("set local session_replication_role = replica");
        await tx.query(sql);
      });
      await expect(done).rejects.toThrow(/is refused|sum to zero/);
    }
    expect(await everything()).toEqual(before);
  });

  test("cannot add to a transaction in the very commit that wrote it, whenever constraints are checked", async () => {
    const before = await everything();
    const transaction = randomUUID();
    const order = randomUUID();
    const done = postgres.transaction(async (tx) => {
      await tx.query(insertOf(two.map((row) => ({ ...row, transaction, order }))));
      await tx.query("set constraints all immediate");
      await tx.query(insertOf([{ line: 3, amount: 5, transaction, order }]));
    });
    await expect(done).rejects.toThrow(whole);
    expect(await everything()).toEqual(before);
  });

  test("cannot bring two halves in side by side", async () => {
    const transaction = randomUUID();
    const half = (amount: number) =>
      postgres.query(insertOf([{ line: amount > 0 ? 1 : 2, amount, transaction }]));
    const outcomes = await Promise.allSettled([half(5), half(-5)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("who writes many whole transactions at once, also in several currencies, is counted like everybody", async () => {
    const [settled, open, both] = [randomUUID(), randomUUID(), randomUUID()];
    const rowsOf = (order: string, amount: number, currency: string, firstLine = 1): HostileRow[] => [
      { order, line: firstLine, amount, currency, account: "customer_receivable" },
      { order, line: firstLine + 1, amount: -amount, currency },
    ];
    const transactions = [
      rowsOf(settled, 5, "NOK"),
      rowsOf(settled, -5, "NOK"),
      rowsOf(open, 10, "NOK"),
      rowsOf(open, -5, "NOK"),
      [...rowsOf(both, 7, "NOK"), ...rowsOf(both, 9, "DKK", 3)],
    ];
    const rows = transactions.flatMap((each, at) => {
      const transaction = randomUUID();
      return each.map((row) => ({ ...row, transaction, position: -2e6 - at }));
    });
    await postgres.query(insertOf(rows));
    const receivables = (await store.balances()).filter(({ account }) => account === "customer_receivable");
    expect(receivables).toContainEqual({
      account: "customer_receivable",
      currency: "NOK",
      amountMinor: 12n,
    });
    expect(receivables).toContainEqual({ account: "customer_receivable", currency: "DKK", amountMinor: 9n });
    const left = await postgres.query(
      "select order_id, currency, amount_minor from open_receivable where order_id = any($1::uuid[]) order by amount_minor",
      [[settled, open, both]],
    );
    expect(left).toEqual([
      { order_id: open, currency: "NOK", amount_minor: 5n },
      { order_id: both, currency: "NOK", amount_minor: 7n },
      { order_id: both, currency: "DKK", amount_minor: 9n },
    ]);
  });

  test("who writes a whole transaction is counted like everybody, into the balances too", async () => {
    const balanceOf = async () =>
      (await store.balances()).find(({ account, currency }) => account === "fees" && currency === "CHF");
    await postgres.query(
      insertOf([
        { line: 1, amount: 5, account: "refunds", currency: "CHF" },
        { line: 2, amount: -5, account: "fees", currency: "CHF" },
      ]),
    );
    expect(await balanceOf()).toMatchObject({ amountMinor: -5n });
  });
});
