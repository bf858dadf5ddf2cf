// How long after an order is paid the rest follows: its books, its e-mail, its way into processing. Read from the times that the services
// themselves have stored, of the orders that were placed last.

import pg from "pg";

export type Lag = {
  readonly what: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
};

const moments: readonly (readonly [what: string, query: string])[] = [
  [
    "booked (sale and capture)",
    "select max(create_time) from ledger.entry where entry.order_id = paid.order_id",
  ],
  [
    "e-mailed",
    "select sent_time from notifications.notifications as mail where mail.order_id = paid.order_id and kind = 'order_paid'",
  ],
  [
    "processing",
    `select (change ->> 'at')::timestamptz from jsonb_array_elements(paid.history) as change
     where change ->> 'status' = 'processing'`,
  ],
];

export async function lagsOf(databaseUrl: string, orders: number): Promise<Lag[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const lags: Lag[] = [];
    for (const [what, moment] of moments) {
      const { rows } = await client.query(
        `with paid as (
           select order_id, history, (change ->> 'at')::timestamptz as at
           from (select * from orders.orders order by created_at desc limit $1) as latest,
             jsonb_array_elements(history) as change
           where change ->> 'status' = 'paid'
         ), lags as (select extract(epoch from (${moment}) - paid.at) * 1000 as ms from paid)
         select count(ms)::int as count,
           coalesce(percentile_cont(0.5) within group (order by ms), 0)::float8 as p50,
           coalesce(percentile_cont(0.95) within group (order by ms), 0)::float8 as p95
         from lags`,
        [orders],
      );
      lags.push({ what, count: rows[0].count, p50Ms: rows[0].p50, p95Ms: rows[0].p95 });
    }
    return lags;
  } finally {
    await client.end();
  }
}
