// The comparisons in Postgres.
//
// A turn is a row that is moved on, not an advisory lock: a lock would need a transaction that stays open for as long as
// the comparison takes, and the pool ends one that is idle.

import type { Postgres } from "@webstore/kit";
import type { Difference } from "./difference.ts";
import { type Comparison, keptMax, type ReconciliationStore } from "./reconciliation-store.ts";
import type { Money } from "./reconciliation-view.ts";

type Row = {
  at: Date;
  duration_ms: number;
  orders_compared: number;
  payments_compared: number;
  provider_payments_compared: number;
  truncated: boolean;
  differences: StoredDifference[];
};

type StoredMoney = { amountMinor: string; currency: string };
type Side = "ledger" | "payments" | "provider" | "orders";
type StoredDifference = Omit<Difference, Side> & { readonly [S in Side]?: StoredMoney };

export function postgresReconciliationStore(postgres: Postgres): ReconciliationStore {
  return {
    async keep(runId, is) {
      await postgres.commit([
        {
          text: `insert into reconciliation (run_id, at, duration_ms, orders_compared, payments_compared,
                   provider_payments_compared, difference_count, truncated, differences)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          values: [
            runId,
            new Date(is.atMs),
            is.durationMs,
            is.ordersCompared,
            is.paymentsCompared,
            is.providerPaymentsCompared,
            is.differences.length,
            is.truncated,
            JSON.stringify(is.differences.map(stored)),
          ],
        },
        {
          text: "delete from reconciliation where run_id in (select run_id from reconciliation order by at desc offset $1)",
          values: [keptMax],
        },
      ]);
    },

    async latest() {
      const [row] = await postgres.query<Row>(
        "select * from reconciliation order by at desc limit 1",
        [],
        "reconciliation_latest",
      );
      return row && comparisonOf(row);
    },

    async beginTurns(dueAtMs) {
      await postgres.commit([
        {
          text: "insert into reconciliation_turn (due_at) values ($1) on conflict do nothing",
          values: [new Date(dueAtMs)],
        },
      ]);
    },

    async takeTurn(nowMs, nextAtMs) {
      const [rows] = await postgres.commit([
        {
          name: "reconciliation_turn",
          text: "update reconciliation_turn set due_at = $2 where due_at <= $1 returning 1",
          values: [new Date(nowMs), new Date(nextAtMs)],
        },
      ]);
      return rows?.length === 1;
    },

    async returnTurn(dueAtMs) {
      await postgres.commit([
        {
          text: "update reconciliation_turn set due_at = least(due_at, $1)",
          values: [new Date(dueAtMs)],
        },
      ]);
    },
  };
}

function stored({ ledger, payments, provider, orders, ...is }: Difference): StoredDifference {
  const money = (side: Money | undefined) =>
    side && { amountMinor: side.amountMinor.toString(), currency: side.currency };
  const sides = {
    ledger: money(ledger),
    payments: money(payments),
    provider: money(provider),
    orders: money(orders),
  };
  // JSON has no undefined: a side that said nothing is left out.
  return { ...is, ...sides } as StoredDifference;
}

function comparisonOf(row: Row): Comparison {
  const money = (side: StoredMoney | undefined) =>
    side && { amountMinor: BigInt(side.amountMinor), currency: side.currency };
  return {
    atMs: row.at.getTime(),
    durationMs: row.duration_ms,
    ordersCompared: row.orders_compared,
    paymentsCompared: row.payments_compared,
    providerPaymentsCompared: row.provider_payments_compared,
    truncated: row.truncated,
    differences: row.differences.map(({ ledger, payments, provider, orders, ...is }) => ({
      ...is,
      ledger: money(ledger),
      payments: money(payments),
      provider: money(provider),
      orders: money(orders),
    })),
  };
}
