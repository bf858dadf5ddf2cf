// How much a payment may be: SPEC's rule, in the currency's own units.

import { decimalsOf, invalidRequest } from "@webstore/kit";
import { refusals } from "./refusals.ts";

export type Amount = { readonly amountMinor: bigint; readonly currency: string };

/** A payment is less than this many whole units of its currency. */
const wholeUnitsLimit = 1_000n;
const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

/** The amount, when it may be asked for. */
export function checkAmount(amount: Amount | undefined): Amount {
  if (amount === undefined) throw invalidRequest("amount", "is required");
  const { amountMinor, currency } = amount;
  if (!currencies.has(currency)) throw invalidRequest("amount.currency", "is no currency of ISO 4217");
  if (amountMinor >= wholeUnitsLimit * 10n ** BigInt(decimalsOf(currency))) {
    throw refusals.refuse("amount_too_large");
  }
  if (amountMinor <= 0n) throw refusals.refuse("amount_too_small");
  return { amountMinor, currency };
}
