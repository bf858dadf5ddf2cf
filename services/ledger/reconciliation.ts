// Where the orders, the payments, the books and the provider disagree about one order. Pure.
//
// Invariants:
//   R1. What is in order gives nothing, in every state that an order passes through.
//   R2. One fault gives one difference: a number that several sides hold is compared once, and told with all sides.
//   R3. Money moves by events. So each event that is lost is found on its own, and what a customer owes (the
//       receivable) needs a rule only for entries that no event explains.

import { agree, type Difference, difference, text } from "./difference.ts";
import { paymentDifferences, standing } from "./payment-comparison.ts";
import {
  type Books,
  booksOf,
  isHeld,
  type Money,
  type OrderView,
  providerViewOf,
  type Views,
} from "./reconciliation-view.ts";

export function differencesOf(views: Views, nowMs: number): Difference[] {
  const books = booksOf(views.entries, currencyOf(views));
  const payments = views.payments.flatMap((payment) => paymentDifferences(views, payment, books, nowMs));
  const found = [
    ...imbalances(views),
    ...foreignEntries(views, books),
    ...unknownToStore(views),
    ...payments,
    ...bookedWithoutPayment(views, books),
    ...orderDifferences(views, books, payments),
  ];
  return found.length > 0 ? found : openReceivable(views, books);
}

function currencyOf({ order, payments, entries }: Views): string {
  // An order from another channel has no currency until it is priced.
  return order?.currency || payments[0]?.currency || entries[0]?.currency || "";
}

function imbalances({ orderId, entries }: Views): Difference[] {
  const sums = new Map<string, Money>();
  for (const { transactionId, currency, amountMinor } of entries) {
    const key = `${transactionId} ${currency}`;
    sums.set(key, { amountMinor: (sums.get(key)?.amountMinor ?? 0n) + amountMinor, currency });
  }
  return [...sums].flatMap(([key, ledger]) => {
    if (ledger.amountMinor === 0n) return [];
    const detail = `The entries of the transaction ${key.split(" ")[0]} sum to ${text(ledger)}.`;
    return [difference("imbalance", { orderId }, { ledger }, detail)];
  });
}

function foreignEntries({ orderId, order }: Views, { foreign }: Books): Difference[] {
  const [entry] = foreign;
  if (entry === undefined) return [];
  const { amountMinor, currency } = entry;
  const detail = `The books have entries of this order in ${currency}, which is not its currency.`;
  const sides = { ledger: { amountMinor, currency }, orders: order && total(order) };
  return [difference("amount", { orderId, paymentId: entry.paymentId ?? "" }, sides, detail)];
}

/** What a card was asked for and never gave is nobody's money, and no difference. */
function unknownToStore(views: Views): Difference[] {
  const known = new Set(views.payments.map((payment) => providerViewOf(payment, views.provider)));
  return views.provider.flatMap((provider) => {
    const isMoney = isHeld(provider) || provider.capturedMinor > 0n || provider.refundedMinor > 0n;
    if (known.has(provider) || !isMoney) return [];
    const { orderId, paymentId, providerReference, status } = provider;
    const detail = `The provider has a payment, ${status}, that the store does not know.`;
    const ids = { orderId, paymentId, providerReference };
    return [difference("unknown_to_store", ids, { provider: standing(provider) }, detail)];
  });
}

function bookedWithoutPayment({ orderId, payments }: Views, books: Books): Difference[] {
  const known = new Set(payments.map(({ paymentId }) => paymentId));
  return books.paymentIds.flatMap((paymentId) => {
    const amountMinor = books.captured(paymentId) || books.refunded(paymentId);
    if (known.has(paymentId) || amountMinor === 0n) return [];
    const ledger = { amountMinor, currency: books.currency };
    const detail = "The books have money of a payment that payments do not know.";
    return [difference("missing_in_payments", { orderId, paymentId }, { ledger }, detail)];
  });
}

function orderDifferences(views: Views, books: Books, found: readonly Difference[]): Difference[] {
  const { order } = views;
  if (order === undefined) return unknownSale(views, books);
  if (!order.sold) return unsold(order, books);
  const paid = views.payments.filter(({ capturedMinor }) => capturedMinor > 0n);
  if (paid.length === 0) {
    const detail = `The order is ${order.status} and counts as paid, and no payment took its money.`;
    return [difference("unpaid_order", { orderId: order.orderId }, { orders: total(order) }, detail)];
  }
  const keptMinor = paid.reduce((sum, each) => sum + each.capturedMinor - each.refundedMinor, 0n);
  const isAmountFound = found.some(({ kind }) => kind === "amount");
  return [
    ...saleParts(order, books, isAmountFound),
    ...refundStatus(order),
    ...feeDifferences(order, books, keptMinor, isAmountFound),
  ];
}

/** A sale of an order that orders do not know, when no payment says so already. */
function unknownSale({ orderId, payments }: Views, { sale, currency }: Books): Difference[] {
  if (sale.totalMinor === 0n || payments.some(({ capturedMinor }) => capturedMinor > 0n)) return [];
  const ledger = { amountMinor: sale.totalMinor, currency };
  const detail = "The books have the sale of an order that orders do not know.";
  return [difference("missing_in_orders", { orderId }, { ledger }, detail)];
}

function unsold(order: OrderView, books: Books): Difference[] {
  const bookedMinor = books.sale.totalMinor || books.notedMinor || books.feeMinor;
  if (bookedMinor === 0n) return [];
  const sides = { ledger: inCurrencyOf(order, bookedMinor), orders: inCurrencyOf(order, 0n) };
  const detail = `The order is ${order.status} and was never paid, and the books have it as sold.`;
  return [difference("amount", { orderId: order.orderId }, sides, detail)];
}

/** The totals were compared with the payment's; here their parts. */
function saleParts(order: OrderView, { sale }: Books, isAmountFound: boolean): Difference[] {
  if (isAmountFound || sale.totalMinor !== order.totalMinor) return [];
  const parts = [
    ["goods", order.subtotalMinor, sale.subtotalMinor],
    ["delivery", order.shippingMinor, sale.shippingMinor],
    ["discount", order.discountMinor, sale.discountMinor],
  ] as const;
  const part = parts.find(([, orderMinor, bookedMinor]) => orderMinor !== bookedMinor);
  if (part === undefined) return [];
  const [name, orderMinor, bookedMinor] = part;
  const sides = { orders: inCurrencyOf(order, orderMinor), ledger: inCurrencyOf(order, bookedMinor) };
  const detail = `The order's ${name} is ${text(sides.orders)}, and in the books ${text(sides.ledger)}.`;
  return [difference("amount", { orderId: order.orderId }, sides, detail)];
}

function refundStatus(order: OrderView): Difference[] {
  const isAll = order.refundedMinor >= order.totalMinor;
  const isCalledSo = order.status === "refunded";
  const mayBeElse = order.status === "cancelled" || order.cancelRequested;
  if (isCalledSo === isAll || (isAll && mayBeElse)) return [];
  const orders = inCurrencyOf(order, order.refundedMinor);
  const detail = `The order is ${order.status}, and ${text(orders)} of ${text(total(order))} went back.`;
  return [difference("status", { orderId: order.orderId }, { orders }, detail)];
}

/** What was kept of a cancelled order is its fee; what went back later still has lessened both. */
function feeDifferences(
  order: OrderView,
  books: Books,
  keptMinor: bigint,
  isAmountFound: boolean,
): Difference[] {
  const { orderId, feeMinor } = order;
  const [orders, ledger, payments] = [
    inCurrencyOf(order, feeMinor),
    inCurrencyOf(order, books.feeMinor),
    inCurrencyOf(order, keptMinor),
  ];
  if (feeMinor > 0n && books.feeMinor === 0n) {
    const detail = "The order was cancelled with a fee, and the books do not have that.";
    return [difference("missing_in_ledger", { orderId }, { orders }, detail)];
  }
  const isKept = order.status !== "cancelled" || feeMinor === keptMinor;
  if (isAmountFound || (isKept && agree([orders, ledger]))) return [];
  const sides = order.status === "cancelled" ? { orders, ledger, payments } : { orders, ledger };
  const detail = `The fee of the order is ${text(orders)}, in the books ${text(ledger)}; kept is ${text(payments)}.`;
  return [difference("amount", { orderId }, sides, detail)];
}

/** Only when nothing else was found. While an order is being placed its events are not complete. */
function openReceivable({ orderId, order }: Views, books: Books): Difference[] {
  if (books.receivableMinor === 0n || order?.status === "pending") return [];
  const ledger = { amountMinor: books.receivableMinor, currency: books.currency };
  const detail = `The books have a receivable of ${text(ledger)} that no event explains.`;
  return [difference("amount", { orderId }, { ledger }, detail)];
}

const inCurrencyOf = ({ currency }: OrderView, amountMinor: bigint): Money => ({ amountMinor, currency });
const total = (order: OrderView): Money => inCurrencyOf(order, order.totalMinor);
