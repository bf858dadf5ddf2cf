// Whether the price of an order is right. Pure: the order as the contract shows it and what its event told go in, the
// name of what is wrong comes out.
//
// Invariants that are checked, each in minor units and exactly:
//   P1. Everything is in one currency; a line's total is its unit price times its quantity; there is a line.
//   P2. subtotal = the sum of the lines; total = subtotal + shipping - discount, and is more than 0.
//   P3. 0 <= discount <= subtotal; no amount is negative.
//   P4. What the event told is what the order says.

import { minorOf } from "@webstore/kit";
import type { Order } from "@webstore/proto/orders/v1";

type Money = Order["total"];

/** What OrderCreated tells of the price: decimals, as on the topic. `amounts` is missing from events of older stores. */
export type ToldPrice = {
  readonly currency: string;
  readonly totalAmount: string;
  readonly items: readonly {
    readonly productId: string;
    readonly quantity: number;
    readonly unitPrice: string;
    readonly totalPrice: string;
  }[];
  readonly amounts?:
    | { readonly subtotal: string; readonly shipping: string; readonly discount: string }
    | undefined;
};

export type PriceProblem =
  | "lines"
  | "currency"
  | "line_total"
  | "subtotal"
  | "shipping"
  | "discount"
  | "total"
  | "event_currency"
  | "event_items"
  | "event_total"
  | "event_amounts";

/** What is wrong with the order's own amounts (P1 to P3). */
export function priceProblem({
  lines,
  subtotal,
  shipping,
  discount,
  total,
}: Order): PriceProblem | undefined {
  const currency = total?.currency ?? "";
  const all = [subtotal, shipping, discount, ...lines.flatMap((line) => [line.unitPrice, line.lineTotal])];
  if (lines.length === 0) return "lines";
  if (currency === "" || all.some((money) => money?.currency !== currency)) return "currency";
  const isRight = ({ quantity, unitPrice, lineTotal }: Order["lines"][number]) =>
    quantity > 0 && minor(unitPrice) >= 0n && minor(lineTotal) === minor(unitPrice) * BigInt(quantity);
  if (!lines.every(isRight)) return "line_total";
  if (minor(subtotal) !== lines.reduce((sum, { lineTotal }) => sum + minor(lineTotal), 0n)) return "subtotal";
  if (minor(shipping) < 0n) return "shipping";
  if (minor(discount) < 0n || minor(discount) > minor(subtotal)) return "discount";
  const sum = minor(subtotal) + minor(shipping) - minor(discount);
  return minor(total) === sum && sum > 0n ? undefined : "total";
}

/** Where the event and the order disagree (P4). */
export function differenceFrom(order: Order, told: ToldPrice): PriceProblem | undefined {
  const { currency } = told;
  const isTold = (amount: string, money: Money) => minorOf(amount, currency) === minor(money);
  if (currency !== order.total?.currency) return "event_currency";
  if (!isTold(told.totalAmount, order.total)) return "event_total";
  const isSame = (item: ToldPrice["items"][number], line: Order["lines"][number] | undefined) =>
    line?.productId === item.productId &&
    line.quantity === item.quantity &&
    isTold(item.unitPrice, line.unitPrice) &&
    isTold(item.totalPrice, line.lineTotal);
  const sameItems =
    told.items.length === order.lines.length &&
    told.items.every((item, index) => isSame(item, order.lines[index]));
  if (!sameItems) return "event_items";
  if (told.amounts === undefined) return undefined;
  const { subtotal, shipping, discount } = told.amounts;
  const sameAmounts =
    isTold(subtotal, order.subtotal) && isTold(shipping, order.shipping) && isTold(discount, order.discount);
  return sameAmounts ? undefined : "event_amounts";
}

/** A missing amount is never equal to one: its absence is found by its currency before. */
const minor = (money: Money): bigint => money?.amountMinor ?? -1n;
