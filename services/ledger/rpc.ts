// The contract, method by method: message → use case → message.

import type { HandlersOf } from "@webstore/kit";
import type { LedgerServiceDefinition } from "@webstore/proto/ledger/v1";
import { accountIn, balanceMessage, entryMessage } from "./entry-message.ts";
import type { EntryStore } from "./entry-store.ts";
import { getBalances } from "./get-balances.ts";
import { listEntries } from "./list-entries.ts";
import { comparisonMessage } from "./reconciliation-message.ts";
import type { Reconciler } from "./run-reconciliation.ts";

export type RpcParts = {
  readonly store: Pick<EntryStore, "list" | "balances">;
  readonly reconciler: Reconciler;
};

export function rpc(parts: RpcParts): HandlersOf<typeof LedgerServiceDefinition> {
  return {
    async listEntries({ orderId, account, ...page }) {
      const named = accountIn(account);
      const filter = { ...(orderId && { orderId }), ...(named && { account: named }) };
      const { entries, nextPageToken } = await listEntries(parts, filter, page);
      return { entries: entries.map(entryMessage), nextPageToken };
    },

    async getBalances() {
      const { balances, imbalances } = await getBalances(parts);
      return { balances: balances.map(balanceMessage), imbalances: [...imbalances] };
    },

    async reconcile({ createdSince, createdBefore }) {
      return comparisonMessage(await parts.reconciler.run(createdSince, createdBefore));
    },
  };
}
