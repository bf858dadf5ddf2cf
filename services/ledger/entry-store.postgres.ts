// The books in Postgres. What an entry must be is enforced by the migrations (0001-entries.sql, 0003-cheaper-booking.sql).

import type { Postgres } from "@webstore/kit";
import type { Account, Entry } from "./entry.ts";
import type { Balance, EntryFilter, EntryPosition, EntryStore, FirstBooking } from "./entry-store.ts";

type Row = {
  transaction_id: string;
  position: bigint;
  line: number;
  order_id: string;
  payment_id: string | null;
  account: Account;
  currency: string;
  amount_minor: bigint;
  event: string;
  occurred_at: Date;
  create_time: Date;
};

const columns = `transaction_id, position, line, order_id, payment_id, account, currency, amount_minor, event,
  occurred_at, create_time`;

// An order has a handful of entries; one with thousands was made by somebody who means harm.
const entriesOfOrdersMax = 20_000;

export function postgresEntryStore(postgres: Postgres): EntryStore {
  return {
    book: (booking, nowMs) => [
      {
        name: "entry_book",
        text: `with next as materialized (select nextval('entry_positions') as position)
               insert into entry (${columns})
               select $1, next.position, each.line, $2, $3, each.account, $4, each.amount_minor, $5, $6, $7
               from next, unnest($8::account[], $9::bigint[]) with ordinality as each (account, amount_minor, line)`,
        values: [
          booking.transactionId,
          booking.orderId,
          booking.paymentId ?? null,
          booking.currency,
          booking.event,
          new Date(booking.occurredAtMs),
          new Date(nowMs),
          booking.lines.map(({ account }) => account),
          booking.lines.map(({ amountMinor }) => amountMinor),
        ],
      },
    ],

    async list(filter, { limit, after }) {
      const { name, text, values } = listing(filter, after);
      const rows = await postgres.query<Row>(text, [limit, ...values], name);
      return rows.map(entryOf);
    },

    async balances() {
      const rows = await postgres.query<{ account: Account; currency: string; amount_minor: bigint }>(
        `select account, currency, sum(amount_minor)::bigint as amount_minor
         from balance group by 1, 2 order by 1, 2`,
        [],
        "balances",
      );
      return rows.map(
        ({ account, currency, amount_minor }): Balance => ({ account, currency, amountMinor: amount_minor }),
      );
    },

    async openOrders() {
      const [row] = await postgres.query<{ count: number }>(
        "select count(distinct order_id)::int as count from open_receivable",
        [],
        "open_orders",
      );
      return row?.count ?? 0;
    },

    async ofOrders(orderIds) {
      const rows = await postgres.query<Row>(
        `select ${columns} from entry where order_id = any($1::uuid[]) order by position, line limit $2`,
        [orderIds, entriesOfOrdersMax + 1],
        "entries_of_orders",
      );
      if (rows.length > entriesOfOrdersMax) throw new Error("these orders have too many entries to compare");
      return rows.map(entryOf);
    },

    async firstBookings({ limit, after }) {
      const rows = await postgres.query<{ order_id: string; transaction_id: string; occurred_at: Date }>(
        `select order_id, transaction_id, occurred_at from entry
         where line = 1 and event in ('order_created', 'payment_captured')
           and ($2::timestamptz is null or (occurred_at, transaction_id) < ($2, $3::uuid))
         order by occurred_at desc, transaction_id desc limit $1`,
        [limit, after === undefined ? null : new Date(after.occurredAtMs), after?.transactionId ?? null],
      );
      return rows.map(
        (row): FirstBooking => ({
          orderId: row.order_id,
          transactionId: row.transaction_id,
          occurredAtMs: row.occurred_at.getTime(),
        }),
      );
    },
  };
}

/** A statement for each combination of filters, so that each has a plan with the index that fits it. */
function listing(
  { orderId, account }: EntryFilter,
  after: EntryPosition | undefined,
): { name: string; text: string; values: unknown[] } {
  const given = [
    { name: "order", value: orderId, test: (at: number) => `order_id = $${at}` },
    { name: "account", value: account, test: (at: number) => `account = $${at}::account` },
    {
      name: "position",
      value: after?.position,
      test: (at: number) => `(position, line) < ($${at}, $${at + 1})`,
    },
    { name: "line", value: after?.line, test: () => "" },
  ].filter(({ value }) => value !== undefined);
  const tests = given.map(({ test }, index) => test(index + 2)).filter((test) => test !== "");
  const where = tests.length === 0 ? "" : `where ${tests.join(" and ")}`;
  return {
    name: ["entries", ...given.map(({ name }) => name)].join("_"),
    text: `select ${columns} from entry ${where} order by position desc, line desc limit $1`,
    values: given.map(({ value }) => value),
  };
}

function entryOf(row: Row): Entry {
  return {
    transactionId: row.transaction_id,
    position: row.position,
    line: row.line,
    orderId: row.order_id,
    paymentId: row.payment_id ?? undefined,
    account: row.account,
    currency: row.currency,
    amountMinor: row.amount_minor,
    event: row.event,
    occurredAtMs: row.occurred_at.getTime(),
    createTimeMs: row.create_time.getTime(),
  };
}
