// `webstore reconcile`: compares the orders, the payments, the books and the provider's own list. One difference a line.

import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Difference, type ReconcileResponse, ReconcileResponseSchema } from "@webstore/proto/es/ops/v1";
import type { Command } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { UsageFailure } from "./failure.ts";
import { beforeOption, sinceOption } from "./options.ts";
import { count, plain, say, sayJson, timeText } from "./print.ts";

type Window = { readonly since?: Date; readonly before?: Date };
type Money = NonNullable<Difference["ledgerAmount"]>;

/** The store leaves out what is younger, unless it is asked for. */
const inFlightMs = 60_000;

export function addReconcile(program: Command): void {
  program
    .command("reconcile")
    .description("compare orders, payments, books and provider; exit status 1 when they differ")
    .addOption(sinceOption("payments created at or after this"))
    .addOption(beforeOption("payments created before this; without it until a minute ago"))
    .action(reconcile);
}

async function reconcile(is: Window, command: Command): Promise<void> {
  if (is.since !== undefined && is.since >= (is.before ?? new Date(Date.now() - inFlightMs))) {
    throw new UsageFailure(
      is.before === undefined
        ? "--since must be more than a minute ago, or --before be given"
        : "--before must be later than --since",
    );
  }
  const { ops } = await connect(command);
  const found = await ops.reconcile({
    ...(is.since === undefined ? {} : { createdSince: timestampFromDate(is.since) }),
    ...(is.before === undefined ? {} : { createdBefore: timestampFromDate(is.before) }),
  });
  const { differences } = found;
  if (differences.length > 0) process.exitCode = 1;
  if (globalsOf(command).json) {
    sayJson(toJson(ReconcileResponseSchema, found, { useProtoFieldName: true, alwaysEmitImplicit: true }));
    return;
  }
  const { decimalOf } = differences.length === 0 ? { decimalOf: String } : await import("@webstore/kit");
  const amount = (money: Money | undefined) =>
    money === undefined ? "-" : `${decimalOf(money.amountMinor, money.currency)} ${money.currency}`;
  for (const difference of differences) say(lineOf(difference, amount));
  const result =
    differences.length === 0
      ? "they agree."
      : `${found.truncated ? "more than " : ""}${count(differences.length, "difference")}.`;
  say(`${comparedText(found, is)}: ${result}`);
}

function comparedText(found: ReconcileResponse, { since, before }: Window): string {
  const orders = count(found.ordersCompared, "order");
  const payments = count(found.paymentsCompared, "payment");
  const from = since === undefined ? "" : `from ${since.toISOString()} `;
  const until = before?.toISOString() ?? "a minute before";
  const at = found.at === undefined ? "" : ` at ${timeText(timestampMs(found.at))}`;
  return `${orders}, ${payments} and ${found.providerPaymentsCompared} of the provider's, created ${from}until ${until}, were compared${at}`;
}

function lineOf(difference: Difference, amount: (money: Money | undefined) => string): string {
  const ids = [
    ["order", difference.orderId],
    ["payment", difference.paymentId],
    ["provider", difference.providerReference],
  ].flatMap(([name, id]) => (id === "" ? [] : [`${name} ${id}`]));
  const sides = [
    ["orders", difference.ordersAmount],
    ["payments", difference.paymentsAmount],
    ["books", difference.ledgerAmount],
    ["provider", difference.providerAmount],
  ] as const;
  const isSaid = sides.every(([, money]) => money === undefined || says(difference.detail, amount(money)));
  const amounts = isSaid ? "" : `${sides.map(([name, money]) => `${name} ${amount(money)}`).join(", ")}: `;
  return plain(`${difference.kind}: ${ids.join(", ")}: ${amounts}${difference.detail}`);
}

/** `5.00 USD` is not said by `15.00 USD`. */
function says(detail: string, amount: string): boolean {
  return ` ${detail}`.includes(` ${amount}`);
}
