// The books with many honest writers at once; hostile ones are in entry-guards.test.ts.

import { randomUUID } from "node:crypto";
import { consumeOnce, inboxMigrations, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
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

  test("settles an order whose sale is committed while its payment waits for it", async () => {
    const orderId = randomUUID();
    const before = await store.openOrders();
    const lines = move(10_00n, "customer_receivable", "revenue");
    const [sale] = store.book(bookingOf({ orderId, event: "order_created", lines }), nowMs);
    let paying: Promise<unknown> | undefined;
    await postgres.transaction(async (tx) => {
      await tx.query(sale?.text ?? "", sale?.values, sale?.name);
      paying = book({ orderId });
      await vi.waitFor(async () => {
        const waiting = await tx.query(
          "select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))",
        );
        expect(waiting).not.toHaveLength(0);
      }, 4_000);
    });
    await paying;
    expect(await store.openOrders()).toBe(before);
  });

  test("books without reading what is open of other orders, however little it was at first", async () => {
    const orderId = randomUUID();
    await postgres.query("vacuum analyze open_receivable");
    await postgres.transaction(async (tx) => {
      for (const lines of [
        move(5n, "customer_receivable", "revenue"),
        move(-5n, "customer_receivable", "revenue"),
      ]) {
        const [booking] = store.book(bookingOf({ orderId, lines }), nowMs);
        await tx.query(booking?.text ?? "", booking?.values);
      }
      const scans = await tx.query(
        "select seq_scan from pg_stat_xact_user_tables where relid = 'open_receivable'::regclass",
      );
      expect(scans).toEqual([{ seq_scan: 0n }]);
    });
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
