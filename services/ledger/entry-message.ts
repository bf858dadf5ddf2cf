// Entries and balances as the contract's messages.

import { invalidRequest, uuidOf } from "@webstore/kit";
import type { AccountBalance, Account as AccountMessage, LedgerEntry } from "@webstore/proto/ledger/v1";
import { type Account, accounts, type Entry } from "./entry.ts";
import type { Balance } from "./entry-store.ts";

const messageOf = (account: Account) => `ACCOUNT_${account.toUpperCase()}` as AccountMessage;

export function entryMessage(entry: Entry): LedgerEntry {
  return {
    entryId: entryIdOf(entry),
    transactionId: entry.transactionId,
    orderId: entry.orderId,
    paymentId: entry.paymentId ?? "",
    account: messageOf(entry.account),
    amount: { amountMinor: entry.amountMinor, currency: entry.currency },
    event: entry.event,
    createTime: new Date(entry.createTimeMs),
  };
}

export function balanceMessage({ account, currency, amountMinor }: Balance): AccountBalance {
  return { account: messageOf(account), balance: { amountMinor, currency } };
}

/** Which account a filter names; undefined: any. */
export function accountIn(message: AccountMessage): Account | undefined {
  const account = accounts.find((each) => messageOf(each) === message);
  if (account === undefined && message !== "ACCOUNT_UNSPECIFIED") {
    throw invalidRequest("account", "is not an account of the books");
  }
  return account;
}

/** An entry is known by its transaction and its line; out of both comes its UUID (version 8), the same for ever. */
function entryIdOf({ transactionId, line }: Entry): string {
  return uuidOf(transactionId, String(line));
}
