// The numbers of the books that somebody is called for. All are read from the database when they are asked for, so every
// process of the ledger tells the same.

import type { AddGauge } from "@webstore/kit";
import { differenceKinds } from "./difference.ts";
import type { EntryStore } from "./entry-store.ts";
import { sumsOf } from "./get-balances.ts";
import type { ReconciliationStore } from "./reconciliation-store.ts";

export function registerGauges(is: {
  readonly gauge: AddGauge;
  readonly store: Pick<EntryStore, "balances" | "openOrders">;
  readonly reconciliations: Pick<ReconciliationStore, "latest">;
  readonly nowMs: () => number;
}): void {
  const { gauge, store, reconciliations, nowMs } = is;
  gauge(
    "webstore_ledger_imbalance_minor",
    "What all accounts of a currency sum to, in minor units; must be 0.",
    async () =>
      sumsOf(await store.balances()).map(({ currency, amountMinor }) => ({
        labels: { currency },
        value: Number(amountMinor),
      })),
  );
  gauge(
    "webstore_ledger_receivable_open_orders",
    "Orders whose receivable is not zero: their events are under way, or one is missing.",
    async () => [{ value: await store.openOrders() }],
  );
  gauge(
    "webstore_reconciliation_differences",
    "What the last comparison of orders, payments, books and provider found, by kind; must be 0.",
    async () => {
      const latest = await reconciliations.latest();
      if (latest === undefined) return [];
      return differenceKinds.map((kind) => ({
        labels: { kind },
        value: latest.differences.filter((each) => each.kind === kind).length,
      }));
    },
  );
  gauge("webstore_reconciliation_age_seconds", "How long ago the last comparison was made.", async () => {
    const latest = await reconciliations.latest();
    return latest === undefined ? [] : [{ value: Math.max(0, nowMs() - latest.atMs) / 1_000 }];
  });
}
