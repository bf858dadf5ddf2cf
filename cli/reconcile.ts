// `webstore reconcile`: compares the orders, the payments, the books and the provider's own list. One difference a line.

import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Difference, ReconcileResponseSchema } from "@webstore/proto/es/ops/v1";
import type { Command } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { beforeOption, sinceOption } from "./options.ts";
import { count, plain, say, sayJson } from "./print.ts";

type Money = NonNullable<Difference["ledgerAmount"]>;

export function addReconcile(program: Command): void {
  program
    .command("reconcile")
    .description("compare orders, payments, books and provider; exit status 1 when they differ")
    .addOption(sinceOption("payments created at or after this"))
    .addOption(beforeOption("payments created before this; without it until a minute ago"))
    .action(reconcile);
}

async function reconcile(is: { since?: Date; before?: Date }, command: Command): Promise<void> {
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
  const compared = `${count(found.ordersCompared, "order")}, ${count(found.paymentsCompared, "payment")} and ${found.providerPaymentsCompared} of the provider's were compared`;
  const result =
    differences.length === 0
      ? "they agree."
      : `${found.truncated ? "more than " : ""}${count(differences.length, "difference")}.`;
  say(`${compared}: ${result}`);
}

function lineOf(difference: Difference, amount: (money: Money | undefined) => string): string {
  const ids = [
    ["order", difference.orderId],
    ["payment", difference.paymentId],
    ["provider", difference.providerReference],
  ].flatMap(([name, id]) => (id === "" ? [] : [`${name} ${id}`]));
  const amounts = [
    `orders ${amount(difference.ordersAmount)}`,
    `payments ${amount(difference.paymentsAmount)}`,
    `books ${amount(difference.ledgerAmount)}`,
    `provider ${amount(difference.providerAmount)}`,
  ];
  return plain(`${difference.kind}: ${ids.join(", ")}: ${amounts.join(", ")}: ${difference.detail}`);
}
