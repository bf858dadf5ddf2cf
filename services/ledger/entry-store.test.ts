// The books against a hostile writer who owns the tables, and against many honest ones at once.

import { randomUUID } from "node:crypto";
import { consumeOnce, inboxMigrations, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Booking, Line } from "./entry.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";
import type { EntryPosition, EntryStore } from "./entry-store.ts";

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
const book = (is: Partial<Booking> = {}) => postgres.commit(store.book(bookingOf(is), nowMs));

/** Everything that the books hold, to compare before with after. */
const everything = () =>
  postgres.query<Record<string, unknown>>(
    `select (select count(*) from entry) as entries, (select sum(hashtext(entry::text)) from entry) as content,
            (select jsonb_object_agg(account || currency || slot, amount_minor) from balance) as balances,
            (select count(*) from open_receivable) as open`,
  );

const columns =
  "transaction_id, line, position, order_id, payment_id, account, currency, amount_minor, event, occurred_at, create_time";
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
  const values = rows.map(
    (row) =>
      `('${row.transaction ?? transaction}', ${row.line}, ${row.position ?? 0}, '${row.order ?? order}', null,
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

  test.each<[string, string | (() => string)]>([
    ["that is one-sided", insertOf([{ line: 1, amount: 5 }])],
    [
      "whose sides are not equal",
      insertOf([
        { line: 1, amount: 5 },
        { line: 2, amount: -4 },
      ]),
    ],
    [
      "that balances only over two currencies",
      insertOf([
        { line: 1, amount: 5 },
        { line: 2, amount: -5, currency: "EUR" },
      ]),
    ],
    [
      "of which one currency balances and the other does not",
      insertOf([...two, { line: 3, amount: 7, currency: "EUR" }]),
    ],
    [
      "that balances by another transaction",
      insertOf(two.map((row, at) => ({ ...row, line: 1, transaction: randomUUID(), position: at }))),
    ],
    ["with an entry of nothing", insertOf([...two, { line: 3, amount: 0 }])],
    [
      "with an amount beyond every limit",
      insertOf([
        { line: 1, amount: "9000000000000000000" },
        { line: 2, amount: "-9000000000000000000" },
      ]),
    ],
    ["in an account that there is not", insertOf(two.map((row) => ({ ...row, account: "pocket" })))],
    ["in a currency that is none", insertOf(two.map((row) => ({ ...row, currency: "usd" })))],
    [
      "with a gap in its lines",
      insertOf([
        { line: 1, amount: 5 },
        { line: 3, amount: -5 },
      ]),
    ],
    ["about two orders", insertOf(two.map((row) => ({ ...row, order: randomUUID() })))],
    [
      "that goes on with one that stands",
      () =>
        insertOf(
          [
            { line: 3, amount: 5 },
            { line: 4, amount: -5 },
          ].map((row) => ({ ...row, transaction: mine.transactionId })),
        ),
    ],
    [
      "that repeats one that stands",
      () => insertOf(two.map((row) => ({ ...row, transaction: mine.transactionId }))),
    ],
    [
      "that repeats one that stands and hopes to be skipped",
      () =>
        `${insertOf([...two, { line: 3, amount: 9 }].map((row) => ({ ...row, transaction: mine.transactionId })))} on conflict do nothing`,
    ],
    [
      "that overwrites one that stands",
      () =>
        `${insertOf(two.map((row) => ({ ...row, transaction: mine.transactionId })))} on conflict (transaction_id, line) do update set amount_minor = excluded.amount_minor`,
    ],
  ])("cannot insert a transaction %s", async (_, sql) => {
    const before = await everything();
    await expect(postgres.query(typeof sql === "string" ? sql : sql())).rejects.toThrow();
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
      await expect(done).rejects.toThrow();
    }
    expect(await everything()).toEqual(before);
  });

  test("cannot add to a transaction in the very commit that wrote it, whenever constraints are checked", async () => {
    const before = await everything();
    const transaction = randomUUID();
    const [order] = [randomUUID()];
    const done = postgres.transaction(async (tx) => {
      await tx.query(insertOf(two.map((row) => ({ ...row, transaction, order }))));
      await tx.query("set constraints all immediate");
      await tx.query(insertOf([{ line: 3, amount: 5, transaction, order }]));
    });
    await expect(done).rejects.toThrow();
    expect(await everything()).toEqual(before);
  });

  test("cannot bring two halves in side by side", async () => {
    const transaction = randomUUID();
    const half = (amount: number) =>
      postgres.query(insertOf([{ line: amount > 0 ? 1 : 2, amount, transaction }]));
    const outcomes = await Promise.allSettled([half(5), half(-5)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
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

describe("the store", () => {
  test("books a transaction once, whatever else comes under its id", async () => {
    const booking = bookingOf();
    await postgres.commit(store.book(booking, nowMs));
    const before = await everything();
    await expect(postgres.commit(store.book(booking, nowMs))).rejects.toMatchObject({
      name: "UniqueViolation",
    });
    const other = { ...booking, lines: move(99n, "refunds", "fees"), orderId: randomUUID() };
    await expect(postgres.commit(store.book(other, nowMs))).rejects.toMatchObject({
      name: "UniqueViolation",
    });
    expect(await everything()).toEqual(before);
  });

  test("drops the note of the event with an unbalanced transaction, so that it can be booked later", async () => {
    const [group, eventId] = ["ledger", randomUUID()];
    const lines: Line[] = [{ account: "fees", amountMinor: 1n }];
    const wrong = store.book(bookingOf({ lines }), nowMs);
    await expect(postgres.commit(consumeOnce(group, eventId), wrong)).rejects.toThrow();
    await postgres.commit(consumeOnce(group, eventId), store.book(bookingOf(), nowMs));
  });

  test("gives an entry as it was booked", async () => {
    const booking = bookingOf({ paymentId: undefined, event: "order_refunded", currency: "JPY" });
    await postgres.commit(store.book(booking, nowMs));
    const { lines, ...is } = booking;
    const expected = lines.map((line, at) => ({
      ...is,
      ...line,
      line: at + 1,
      position: expect.any(BigInt),
      createTimeMs: nowMs,
    }));
    expect(await store.ofOrders([booking.orderId])).toEqual(expected);
  });

  test("keeps balances and open orders equal to the entries while many write at once", async () => {
    const currency = "SEK";
    const orders = Array.from({ length: 12 }, () => randomUUID());
    const sale: Line[] = [
      { account: "customer_receivable", amountMinor: 41_99n },
      { account: "discount", amountMinor: 4_00n },
      { account: "revenue", amountMinor: -40_00n },
      { account: "shipping", amountMinor: -5_99n },
    ];
    const all = orders.flatMap((orderId, at) => [
      book({ orderId, currency, event: "order_created", lines: sale }),
      book({ orderId, currency, lines: move(41_99n, "provider_clearing", "customer_receivable") }),
      // Every third order is left with something that is not explained yet.
      ...(at % 3 === 0
        ? [book({ orderId, currency, lines: move(1_00n, "customer_receivable", "provider_clearing") })]
        : []),
    ]);
    await Promise.all(all);
    const balances = (await store.balances()).filter((each) => each.currency === currency);
    const sums = await postgres.query(
      `select account, currency, sum(amount_minor)::bigint as "amountMinor" from entry
       where currency = $1 group by 1, 2 order by 1`,
      [currency],
    );
    expect(balances).toEqual(sums);
    expect(balances.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)).toBe(0n);
    const open = await postgres.query("select 1 from open_receivable where currency = $1", [currency]);
    expect(open).toHaveLength(4);
  });

  test("counts an order as open until its receivable is zero", async () => {
    const orderId = randomUUID();
    const before = await store.openOrders();
    await book({ orderId });
    expect(await store.openOrders()).toBe(before + 1);
    await book({ orderId, lines: move(4_00n, "customer_receivable", "provider_clearing") });
    expect(await store.openOrders()).toBe(before + 1);
    await book({ orderId, lines: move(6_00n, "customer_receivable", "provider_clearing") });
    expect(await store.openOrders()).toBe(before);
  });

  test("lists the newest first, by page without a gap, a transaction's entries together", async () => {
    const orderId = randomUUID();
    for (let amount = 1n; amount <= 5n; amount += 1n) {
      await book({ orderId, lines: move(amount, "refunds", "fees") });
    }
    await Promise.all(Array.from({ length: 6 }, () => book({ orderId })));
    const seen: (EntryPosition & { transactionId: string })[] = [];
    for (let after: EntryPosition | undefined; ; after = seen.at(-1)) {
      const page = await store.list({ orderId }, { limit: 3, after });
      if (page.length === 0) break;
      seen.push(...page);
      // What is booked meanwhile is newer, and does not move the pages.
      await book();
    }
    expect(seen).toHaveLength(22);
    const positions = seen.map(({ position, line }) => position * 100n + BigInt(line));
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? 1 : -1)));
    const runs = seen.filter((each, at) => each.transactionId !== seen[at - 1]?.transactionId);
    expect(runs).toHaveLength(11);
  });

  test("lists by account, and by account and order", async () => {
    const orderId = randomUUID();
    await book({ orderId, lines: move(3n, "refunds", "fees") });
    await book({ lines: move(4n, "refunds", "fees") });
    const page = { limit: 2, after: undefined };
    const amounts = async (filter: Parameters<EntryStore["list"]>[0]) =>
      (await store.list(filter, page)).map(({ amountMinor }) => amountMinor);
    expect(await amounts({ account: "fees" })).toEqual([-4n, -3n]);
    expect(await amounts({ account: "fees", orderId })).toEqual([-3n]);
    expect(await amounts({})).toEqual([-4n, 4n]);
    expect(await amounts({ orderId: randomUUID() })).toEqual([]);
  });

  test("finds a page, an order and the balances without reading the books", async () => {
    await postgres.query("set enable_seqscan = on");
    const plan = async (sql: string) => JSON.stringify(await postgres.query(`explain (format json) ${sql}`));
    const rows = Array.from({ length: 400 }, () => book());
    await Promise.all(rows);
    await postgres.query("analyze entry");
    const id = randomUUID();
    const [first, order, account] = [
      await plan("select * from entry order by position desc, line desc limit 20"),
      await plan(`select * from entry where order_id = '${id}' order by position, line`),
      await plan(
        "select * from entry where account = 'fees' and (position, line) < (5, 1) order by position desc, line desc limit 20",
      ),
    ];
    expect(first).toContain("entry_position");
    expect(order).toContain("entry_order");
    expect(account).toMatch(/entry_account|entry_position/);
    for (const each of [first, order, account]) expect(each).not.toContain("Seq Scan");
  });
});
