// `webstore ledger`: the books.

import { type Command, Option } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { limitOption, upTo, uuidOf } from "./options.ts";
import { age, say, sayJson, table } from "./print.ts";

type Money = { readonly amount: string; readonly currency: string };
type Entry = {
  readonly order_id: string;
  readonly account: string;
  readonly amount: Money;
  readonly event: string;
  readonly created_at: string;
};
type Balances = {
  readonly balances: readonly { readonly account: string; readonly balance: Money }[];
  readonly imbalances: readonly Money[];
};

const accounts = [
  "customer_receivable",
  "provider_clearing",
  "revenue",
  "shipping",
  "discount",
  "fees",
  "refunds",
];

export function addLedger(program: Command): void {
  const ledger = program.command("ledger").description("the books");
  ledger
    .command("entries")
    .description("list entries, the newest first; a debit is positive, a credit negative")
    .addOption(new Option("--order <id>", "of this order").argParser(uuidOf))
    .addOption(new Option("--account <account>", "booked here").choices(accounts))
    .addOption(limitOption())
    .action(entries);
  ledger
    .command("balances")
    .description("the sum of every account; exit status 1 when the books do not balance")
    .action(balances);
}

async function entries(
  is: { order?: string; account?: string; limit: number },
  command: Command,
): Promise<void> {
  const store = await connect(command);
  const { items, more } = await upTo<Entry>(is.limit, async ({ pageSize, pageToken }) => {
    const query = {
      order_id: is.order,
      account: is.account,
      page_size: String(pageSize),
      page_token: pageToken,
    };
    const page = await store.rest<{ entries: Entry[]; next_page_token: string }>("GET", "/ledger/entries", {
      query,
    });
    return { items: page.entries, next: page.next_page_token };
  });
  if (globalsOf(command).json) {
    sayJson({ entries: items, more });
    return;
  }
  if (items.length === 0) {
    say("No entry matches.");
    return;
  }
  const nowMs = Date.now();
  const columns = [
    { title: "ORDER", of: (entry: Entry) => entry.order_id },
    { title: "AGE", right: true, of: (entry: Entry) => age(Date.parse(entry.created_at), nowMs) },
    { title: "ACCOUNT", of: (entry: Entry) => entry.account },
    { title: "AMOUNT", right: true, of: ({ amount }: Entry) => moneyText(amount) },
    { title: "EVENT", cut: true, of: (entry: Entry) => entry.event },
  ] as const;
  say(...table(columns, items));
  if (more) say(`There are more than ${items.length}; --limit shows more of them.`);
}

async function balances(_is: object, command: Command): Promise<void> {
  const store = await connect(command);
  const found = await store.rest<Balances>("GET", "/ledger/balances");
  if (found.imbalances.length > 0) process.exitCode = 1;
  if (globalsOf(command).json) {
    sayJson(found);
    return;
  }
  if (found.balances.length === 0) {
    say("Nothing is booked yet.");
    return;
  }
  const columns = [
    { title: "ACCOUNT", of: (is: Balances["balances"][number]) => is.account },
    { title: "BALANCE", right: true, of: (is: Balances["balances"][number]) => moneyText(is.balance) },
  ] as const;
  say(...table(columns, found.balances));
  const wrong = found.imbalances.map(moneyText).join(", ");
  say("", wrong === "" ? "The books balance." : `The books do NOT balance: they are off by ${wrong}.`);
}

const moneyText = ({ amount, currency }: Money) => `${amount} ${currency}`;
