// The sum of every account, and whether the books balance: all accounts of a currency together are zero.

import type { Balance, EntryStore } from "./entry-store.ts";

export type Imbalance = { readonly currency: string; readonly amountMinor: bigint };

export async function getBalances({
  store,
}: {
  store: Pick<EntryStore, "balances">;
}): Promise<{ balances: readonly Balance[]; imbalances: readonly Imbalance[] }> {
  const balances = await store.balances();
  return { balances, imbalances: sumsOf(balances).filter(({ amountMinor }) => amountMinor !== 0n) };
}

/** What the accounts of each currency sum to. */
export function sumsOf(balances: readonly Balance[]): Imbalance[] {
  const sums = new Map<string, bigint>();
  for (const { currency, amountMinor } of balances) {
    sums.set(currency, (sums.get(currency) ?? 0n) + amountMinor);
  }
  return [...sums].map(([currency, amountMinor]) => ({ currency, amountMinor }));
}
