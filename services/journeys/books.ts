// The four books: the orders, the payments, the ledger, and the provider's own list. Read from outside and compared here once
// more, by rules of our own: the store's reconciliation is itself on trial.
//
// Amounts are in minor units. What each order must show:
//   K1. The provider and the payments have taken and given back the same.
//   K2. The ledger's provider clearing is what was taken less what went back; nothing is receivable; every transaction sums to zero.
//   K3. An order that stands as paid, or further, was paid in full, and knows what went back of it. One that was refunded got all
//       of it back. A cancelled one left exactly its fee. A failed one left nothing.
//   K4. Nothing is held any more, and nobody has a payment that the others do not have.

import type { Intent, readPartners } from "./partners.ts";
import { type LedgerEntry, minorOf, type Order, type Payment, type Shop } from "./shop.ts";

export type Books = {
  readonly orders: readonly Order[];
  readonly payments: readonly Payment[];
  readonly entries: readonly LedgerEntry[];
  readonly intents: readonly Intent[];
  /** By payment intent: what went back, lost disputes included. */
  readonly returned: ReadonlyMap<string, number>;
};

export async function readBooks(
  shop: Shop,
  partners: ReturnType<typeof readPartners>,
  staff: string,
): Promise<Books> {
  return {
    orders: await shop.allOrders(staff),
    payments: await shop.allPayments(staff),
    entries: await shop.ledger(staff),
    intents: await partners.intents(),
    returned: await partners.returned(),
  };
}

const standing = ["paid", "processing", "shipped", "delivered"];

/** A sentence for each disagreement; none, if the books agree to the cent. */
export function disagreements(books: Books): string[] {
  const paymentOf = new Map(books.payments.map((payment) => [payment.order_id, payment]));
  const intentOf = new Map(books.intents.map((intent) => [intent.metadata.order_id ?? "", intent]));
  const orderOf = new Map(books.orders.map((order) => [order.order_id, order]));
  const entriesOf = Map.groupBy(books.entries, ({ order_id }) => order_id ?? "");
  const ids = new Set([...paymentOf.keys(), ...intentOf.keys(), ...orderOf.keys(), ...entriesOf.keys()]);
  const found = [...ids].flatMap((id) =>
    ofOrder({
      order: orderOf.get(id),
      payment: paymentOf.get(id),
      intent: intentOf.get(id),
      returned: books.returned.get(intentOf.get(id)?.id ?? "") ?? 0,
      entries: entriesOf.get(id) ?? [],
    }).map((what) => `order ${id}: ${what}`),
  );
  return [...found, ...ofTransactions(books.entries), ...ofDoubles(books)];
}

type OneOrder = {
  readonly order: Order | undefined;
  readonly payment: Payment | undefined;
  readonly intent: Intent | undefined;
  readonly returned: number;
  readonly entries: readonly LedgerEntry[];
};

function ofOrder(is: OneOrder): string[] {
  const found: string[] = [];
  const same = (what: string, left: number, right: number) => {
    if (left !== right) found.push(`${what}: ${left} and ${right}`);
  };
  const taken = is.intent?.amount_received ?? 0;
  const captured = is.payment === undefined ? 0 : minorOf(is.payment.captured);
  const refunded = is.payment === undefined ? 0 : minorOf(is.payment.refunded);
  same("captured, by the payments and by the provider", captured, taken);
  same("given back, by the payments and by the provider", refunded, is.returned);
  same("still held at the provider", is.intent?.amount_capturable ?? 0, 0);
  if (is.payment?.status === "unknown") found.push("the payment is not known");

  const inAccount = (account: string) =>
    is.entries
      .filter((entry) => entry.account === account)
      .reduce((sum, entry) => sum + signedMinor(entry), 0);
  same(
    "the ledger's provider clearing, and what the provider kept",
    inAccount("provider_clearing"),
    taken - is.returned,
  );
  same("receivable in the ledger", inAccount("customer_receivable"), 0);
  return [...found, ...ofStatus(is, taken - is.returned, taken, inAccount("fees"))];
}

function ofStatus({ order, returned }: OneOrder, kept: number, taken: number, feesBooked: number): string[] {
  if (order === undefined) return kept === 0 ? [] : [`there is none, and ${kept} was kept`];
  const total = minorOf(order.total);
  const refunded = order.refunded ? minorOf(order.refunded) : 0;
  const fee = order.fee ? minorOf(order.fee) : 0;
  const { status } = order;
  const found: string[] = [];
  const same = (what: string, left: number, right: number) => {
    if (left !== right) found.push(`${status}: ${what}: ${left} and ${right}`);
  };
  if (standing.includes(status)) same("taken, and its total", taken, total);
  if (standing.includes(status) || status === "refunded")
    same("given back, and what it knows of", returned, refunded);
  if (status === "refunded") same("kept of a refunded order", kept, 0);
  if (status === "failed") same("kept of a failed order", kept, 0);
  if (status === "cancelled") same("kept, and its fee", kept, fee);
  if (status === "cancelled") same("its fee, and the one that is booked", fee, -feesBooked);
  if (status === "new" || status === "pending") found.push("it has not come to an end");
  return found;
}

function ofTransactions(entries: readonly LedgerEntry[]): string[] {
  return [...Map.groupBy(entries, ({ transaction_id }) => transaction_id)].flatMap(([id, lines]) => {
    const sum = lines.reduce((total, line) => total + signedMinor(line), 0);
    return sum === 0 ? [] : [`transaction ${id} sums to ${sum}`];
  });
}

/** A customer who paid twice would have two of them. */
function ofDoubles({ intents, payments, entries }: Books): string[] {
  const twice = (what: string, ids: readonly string[]) =>
    ids.length === new Set(ids).size ? [] : [`an order has two ${what}`];
  const tookMoney = intents.filter(({ amount_received }) => amount_received > 0);
  const bookings = entries.filter(
    ({ event, account }) => event === "payment_captured" && account === "provider_clearing",
  );
  return [
    ...twice(
      "payments that took money at the provider",
      tookMoney.map(({ metadata }) => metadata.order_id ?? ""),
    ),
    ...twice(
      "payments",
      payments.map(({ order_id }) => order_id),
    ),
    ...twice(
      "captures in the ledger",
      bookings.map(({ order_id }) => order_id ?? ""),
    ),
  ];
}

function signedMinor({ amount }: LedgerEntry): number {
  return amount.amount.startsWith("-")
    ? -minorOf({ ...amount, amount: amount.amount.slice(1) })
    : minorOf(amount);
}
