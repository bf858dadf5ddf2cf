// `webstore payments`: finding out about one now.

import { Argument, type Command } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { uuidOf } from "./options.ts";
import { facts, say, sayJson } from "./print.ts";

type Money = { readonly amount: string; readonly currency: string };
type Payment = {
  readonly payment_id: string;
  readonly order_id: string;
  readonly status: string;
  readonly amount: Money;
  readonly captured: Money;
  readonly refunded: Money;
  readonly provider_reference: string | null;
  readonly resolution_given_up: boolean;
};

export function addPayments(program: Command): void {
  program
    .command("payments")
    .description("payments")
    .command("resolve")
    .description("ask the provider now how a payment stands, and settle it")
    .addArgument(new Argument("<id>", "the payment's").argParser(uuidOf))
    .action(resolve);
}

async function resolve(id: string, _is: object, command: Command): Promise<void> {
  const store = await connect(command);
  const answer = await store.rest<{ payment: Payment }>("POST", `/payments/${id}/resolve`);
  if (globalsOf(command).json) {
    sayJson(answer);
    return;
  }
  const { payment } = answer;
  say(
    ...facts([
      ["id", payment.payment_id],
      ["order", payment.order_id],
      ["status", payment.status],
      ["amount", moneyText(payment.amount)],
      ["captured", moneyText(payment.captured)],
      ["refunded", moneyText(payment.refunded)],
      ["provider", payment.provider_reference ?? ""],
      ["given up", payment.resolution_given_up ? "yes: nobody asks the provider any more" : ""],
    ]),
  );
}

const moneyText = ({ amount, currency }: Money) => `${amount} ${currency}`;
