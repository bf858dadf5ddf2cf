// One payment, compared with the provider, the books and its order. Pure.

import { agree, type Difference, difference, type Ids, type Sides, text } from "./difference.ts";
import {
  type Books,
  isHeld,
  type Money,
  type OrderView,
  type PaymentView,
  type ProviderView,
  providerViewOf,
  type Views,
} from "./reconciliation-view.ts";

/** How long a payment may be in a state that it only passes through. */
export const unsettledMaxMs = {
  created: 15 * 60_000,
  unknown: 60_000,
  // The shopper has 15 minutes; then the store lets the money go.
  requires_action: 20 * 60_000,
} as const;

/** How long placing an order takes at most, a confirmation by the shopper included. */
export const placingMaxMs = 15 * 60_000;

type Compared = {
  readonly payment: PaymentView;
  readonly provider: ProviderView | undefined;
  readonly order: OrderView | undefined;
  readonly books: Books;
  readonly ids: Ids;
  readonly nowMs: number;
};

export function paymentDifferences(
  views: Views,
  payment: PaymentView,
  books: Books,
  nowMs: number,
): Difference[] {
  const provider = providerViewOf(payment, views.provider);
  const { paymentId } = payment;
  const providerReference = payment.providerReference || (provider?.providerReference ?? "");
  const ids = { orderId: views.orderId, paymentId, providerReference };
  const compared = { payment, provider, order: views.order, books, ids, nowMs };

  const found = [...unsettled(compared), ...missingAtProvider(compared), ...missingInOrders(compared)];
  const amounts = [...captured(compared), ...refunded(compared)];
  const isSound = found.length === 0 && amounts.length === 0;
  return [...found, ...amounts, ...(isSound ? statuses(compared) : [])];
}

function unsettled({ payment, provider, ids, nowMs }: Compared): Difference[] {
  const { status, givenUp } = payment;
  const sides = { payments: asked(payment), provider: provider && standing(provider) };
  if (givenUp) {
    const detail = `Nobody asks the provider any more what became of this payment; it stands as ${status}.`;
    return [difference("status", ids, sides, detail)];
  }
  if (status !== "created" && status !== "unknown" && status !== "requires_action") return [];
  if (nowMs - payment.updateTimeMs <= unsettledMaxMs[status]) return [];
  const detail = `The payment has been ${status} since ${new Date(payment.updateTimeMs).toISOString()}.`;
  return [difference("status", ids, sides, detail)];
}

function missingAtProvider({ payment, provider, ids }: Compared): Difference[] {
  const isExpected = payment.providerReference !== "" || payment.capturedMinor > 0n;
  if (provider !== undefined || !isExpected) return [];
  const taken = money(payment, payment.capturedMinor);
  const detail = `The provider does not list this payment, which is ${payment.status} here.`;
  return [difference("missing_at_provider", ids, { payments: taken }, detail)];
}

function missingInOrders({ payment, order, ids }: Compared): Difference[] {
  const isMoney = payment.capturedMinor > 0n || payment.status === "authorized";
  if (order !== undefined || !isMoney) return [];
  const detail = `The payment is ${payment.status}, and orders do not know its order.`;
  return [difference("missing_in_orders", ids, { payments: asked(payment) }, detail)];
}

/** What was taken: by the provider, as payments know it, as the books have it, and as the order cost. */
function captured(is: Compared): Difference[] {
  const { payment, order, books, ids } = is;
  const sold = order?.sold === true && payment.capturedMinor > 0n ? order : undefined;
  const booked = moneyIn(is, books.captured(payment.paymentId));
  const sides = {
    payments: money(payment, payment.capturedMinor),
    provider: providerSide(is, ({ capturedMinor }) => capturedMinor),
    orders: sold && money(sold, sold.totalMinor),
  };
  return compare(ids, sides, booked, sold && moneyIn(is, books.sale.totalMinor), {
    booked: "taken",
    missing: "The payment took money that the books do not have.",
    surplus: "The books have money that this payment did not take.",
    noted: "The order is paid, and the books do not have its sale.",
  });
}

/** What went back, in the same way. The books have it twice: as the payment told it, and as the order noted it. */
function refunded(is: Compared): Difference[] {
  const { payment, order, books, ids } = is;
  const sold = order?.sold === true && payment.capturedMinor > 0n ? order : undefined;
  const booked = moneyIn(is, books.refunded(payment.paymentId));
  const sides = {
    payments: money(payment, payment.refundedMinor),
    provider: providerSide(is, ({ refundedMinor }) => refundedMinor),
    orders: sold && money(sold, sold.refundedMinor),
  };
  return compare(ids, sides, booked, sold && moneyIn(is, books.notedMinor), {
    booked: "given back",
    missing: "The payment gave money back, and the books do not have that.",
    surplus: "The books have a refund that this payment did not make.",
    noted: "The order took note of a refund, and the books do not have that.",
  });
}

type Words = {
  readonly booked: string;
  readonly missing: string;
  readonly surplus: string;
  readonly noted: string;
};

/** `booked` is from the payment's events, `noted` from the order's; a side that is missing is said once and left out. */
function compare(
  ids: Ids,
  sides: Sides,
  booked: Money,
  noted: Money | undefined,
  words: Words,
): Difference[] {
  const found: Difference[] = [];
  const { payments, provider, orders } = sides;
  const has = (side: Money | undefined) => side !== undefined && side.amountMinor !== 0n;
  const say = (kind: Difference["kind"], detail: string, said: Sides) =>
    found.push(difference(kind, ids, said, detail));

  const isBookedMissing = has(payments) && !has(booked);
  const isSurplus = has(booked) && !has(payments);
  if (isBookedMissing) say("missing_in_ledger", words.missing, { payments, provider });
  if (isSurplus) say("missing_in_payments", words.surplus, { ledger: booked });
  const isNotedMissing = has(orders) && noted !== undefined && !has(noted);
  if (isNotedMissing) say("missing_in_ledger", words.noted, { orders });

  const bookedSide = isBookedMissing || isSurplus ? undefined : booked;
  const notedSide = isNotedMissing ? undefined : noted;
  if (agree([payments, provider, orders, bookedSide, notedSide])) return found;
  // The books' two numbers have one place; it is for the one that differs.
  const ledger = agree([payments, bookedSide]) ? (notedSide ?? bookedSide) : bookedSide;
  say("amount", amountDetail(words.booked, { payments, provider, orders, ledger }), {
    payments,
    provider,
    orders,
    ledger,
  });
  return found;
}

function amountDetail(what: string, sides: Sides): string {
  const names = { orders: "orders", payments: "payments", ledger: "the books", provider: "the provider" };
  const said = (Object.keys(names) as (keyof typeof names)[]).flatMap((side) => {
    const amount = sides[side];
    return amount === undefined ? [] : [`${names[side]} ${text(amount)}`];
  });
  return `The amounts ${what} differ: ${said.join(", ")}.`;
}

/** Only when all agree about the amounts. */
function statuses({ payment, provider, order, ids, nowMs }: Compared): Difference[] {
  const sides = { payments: asked(payment), provider: provider && standing(provider) };
  const say = (detail: string): Difference[] => [difference("status", ids, sides, detail)];
  const keptMinor = payment.capturedMinor - payment.refundedMinor;
  const isHolding = payment.status === "authorized";

  const isFresh = nowMs - payment.updateTimeMs <= unsettledMaxMs.unknown;
  const mayBeHeld = isHolding || payment.status === "unknown" || payment.status === "created" || isFresh;
  if (provider !== undefined && isHeld(provider) && !mayBeHeld) {
    return say(`The provider still holds the money of this payment, which is ${payment.status} here.`);
  }
  if (provider !== undefined && isHolding && !isHeld(provider)) {
    return say(`The payment is authorized here, and ${provider.status} at the provider.`);
  }

  if (order === undefined || order.sold) return [];
  const isOver = order.status === "failed" || order.status === "cancelled";
  if (isOver && keptMinor !== 0n) {
    const detail = `The order is ${order.status}, and its payment keeps ${text(money(payment, keptMinor))}.`;
    const orders = money(order, 0n);
    return [difference("amount", ids, { payments: money(payment, keptMinor), orders }, detail)];
  }
  if (isOver && isHolding) return say(`The order is ${order.status}, and its money is still held.`);
  const isLate = nowMs - order.createTimeMs > placingMaxMs;
  if (!isOver && isLate && (isHolding || keptMinor > 0n)) {
    return say(`The order has been ${order.status} for more than 15 minutes, and its money is held.`);
  }
  return [];
}

const money = ({ currency }: { currency: string }, amountMinor: bigint): Money => ({ amountMinor, currency });

const asked = (payment: PaymentView): Money => money(payment, payment.amountMinor);

/** What the provider has of it: taken, else held. */
export function standing(provider: ProviderView): Money {
  const { capturedMinor, amountMinor } = provider;
  return money(provider, capturedMinor > 0n ? capturedMinor : isHeld(provider) ? amountMinor : 0n);
}

/** The books' number in the currency that they were read in: the order's, else the payment's. */
const moneyIn = ({ order, payment }: Compared, amountMinor: bigint): Money =>
  money(order ?? payment, amountMinor);

/** Undefined while payments themselves do not know what the provider did, and when the provider has no such payment. */
function providerSide(
  { payment, provider }: Compared,
  amountMinorOf: (provider: ProviderView) => bigint,
): Money | undefined {
  const knows = payment.status !== "unknown" && payment.status !== "created";
  return provider !== undefined && knows ? money(provider, amountMinorOf(provider)) : undefined;
}
