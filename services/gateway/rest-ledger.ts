// REST for staff: the books, and how they compare with everybody else's.

import type { Account, LedgerEntry } from "@webstore/proto/ledger/v1";
import type { Difference } from "@webstore/proto/ops/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import type { Ops } from "./ops.ts";
import { present } from "./present.ts";
import {
  moneyJson,
  moneyOrNullJson,
  pageOf,
  pageSize,
  pageToken,
  priceShape,
  time,
  timeJson,
  timeShape,
  uuid,
} from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const accounts = [
  "customer_receivable",
  "provider_clearing",
  "revenue",
  "shipping",
  "discount",
  "fees",
  "refunds",
] as const;

const entryShape = z
  .strictObject({
    entry_id: z.string(),
    transaction_id: z.string().describe("The entries of a transaction sum to zero."),
    order_id: z.string(),
    payment_id: z.string().nullable(),
    account: z.enum(accounts),
    amount: priceShape.describe("A debit is positive, a credit negative."),
    event: z.string(),
    created_at: timeShape,
  })
  .meta({ id: "LedgerEntry" });

const balancesShape = z.strictObject({
  balances: z.array(z.strictObject({ account: z.enum(accounts), balance: priceShape })),
  imbalances: z.array(priceShape).describe("Empty when the books balance."),
});

const differenceShape = z
  .strictObject({
    kind: z.string().meta({ example: "missing_in_ledger" }),
    order_id: z.string().nullable(),
    payment_id: z.string().nullable(),
    provider_reference: z.string().nullable(),
    orders_amount: priceShape.nullable(),
    payments_amount: priceShape.nullable(),
    ledger_amount: priceShape.nullable(),
    provider_amount: priceShape.nullable(),
    detail: z.string(),
  })
  .meta({ id: "Difference" });

const reconciliationShape = z.strictObject({
  differences: z.array(differenceShape).describe("At most 1000."),
  truncated: z.boolean().describe("Whether there are more."),
  orders_compared: z.int(),
  payments_compared: z.int(),
  provider_payments_compared: z.int(),
  at: timeShape,
});

export function ledgerRoutes(ops: Ops, { ledger }: Pick<Ports, "ledger">): Route[] {
  return [entriesRoute(ledger), balancesRoute(ledger), reconciliationRoute(ops)];
}

function entriesRoute(ledger: Ports["ledger"]): Route {
  return route("listLedgerEntries", {
    tag: "ledger",
    summary: "Entries, the newest first; those of a transaction together.",
    query: z.object({
      order_id: uuid.optional(),
      account: z.enum(accounts).optional(),
      page_size: pageSize,
      page_token: pageToken,
    }),
    answers: { 200: { description: "A page of entries.", schema: pageOf("entries", entryShape) } },
    refusals: [],
    handle: async ({ query }) => {
      const { entries, nextPageToken } = await ledger.listEntries({
        orderId: query.order_id ?? "",
        account: `ACCOUNT_${(query.account ?? "unspecified").toUpperCase()}` as Account,
        pageSize: query.page_size,
        pageToken: query.page_token,
      });
      return { status: 200, body: { entries: entries.map(entryJson), next_page_token: nextPageToken } };
    },
  });
}

function balancesRoute(ledger: Ports["ledger"]): Route {
  return route("getLedgerBalances", {
    tag: "ledger",
    summary: "The sum of every account in each currency.",
    answers: { 200: { description: "The balances.", schema: balancesShape } },
    refusals: [],
    handle: async () => {
      const { balances, imbalances } = await ledger.getBalances({});
      const body = {
        balances: balances.map(({ account, balance }) => ({
          account: accountName(account),
          balance: moneyJson(present(balance, "balance")),
        })),
        imbalances: imbalances.map(moneyJson),
      };
      return { status: 200, body };
    },
  });
}

function reconciliationRoute(ops: Ops): Route {
  return route("reconcile", {
    tag: "ledger",
    summary: "Compare the orders, the payments, the books and the provider's own list. Changes nothing.",
    query: z.object({
      since: time.optional().meta({ description: "Payments created at or after this; without it all." }),
      before: time
        .optional()
        .meta({ description: "Payments created before this; without it until a minute ago." }),
    }),
    deadlineMs: 31_000,
    answers: { 200: { description: "Every difference.", schema: reconciliationShape } },
    refusals: [],
    handle: async ({ query }) => {
      const found = await ops.reconcile({ createdSince: query.since, createdBefore: query.before });
      const body = {
        differences: found.differences.map(differenceJson),
        truncated: found.truncated,
        orders_compared: found.ordersCompared,
        payments_compared: found.paymentsCompared,
        provider_payments_compared: found.providerPaymentsCompared,
        at: timeJson(found.at),
      };
      return { status: 200, body };
    },
  });
}

function entryJson(entry: LedgerEntry): z.input<typeof entryShape> {
  return {
    entry_id: entry.entryId,
    transaction_id: entry.transactionId,
    order_id: entry.orderId,
    payment_id: entry.paymentId || null,
    account: accountName(entry.account),
    amount: moneyJson(present(entry.amount, "amount")),
    event: entry.event,
    created_at: timeJson(entry.createTime),
  };
}

function differenceJson(difference: Difference): z.input<typeof differenceShape> {
  return {
    kind: difference.kind,
    order_id: difference.orderId || null,
    payment_id: difference.paymentId || null,
    provider_reference: difference.providerReference || null,
    orders_amount: moneyOrNullJson(difference.ordersAmount),
    payments_amount: moneyOrNullJson(difference.paymentsAmount),
    ledger_amount: moneyOrNullJson(difference.ledgerAmount),
    provider_amount: moneyOrNullJson(difference.providerAmount),
    detail: difference.detail,
  };
}

/** `ACCOUNT_REVENUE` is `revenue` outside. */
function accountName(account: Account) {
  return account.slice("ACCOUNT_".length).toLowerCase() as (typeof accounts)[number];
}
