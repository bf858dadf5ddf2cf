// What a mail says, before it is text or HTML: a heading, sentences, the goods, the sums. And the words that all
// mails share. Pure.
//
// Invariants:
//   L1. Everything in a letter is plain text of one line. What came from outside goes through `oneLine`; the
//       renderers escape all of it, without exception.

import { decimalsOf } from "@webstore/kit";
import type { FactsOf, Item, Kind } from "./facts.ts";

export type GoodsLine = {
  readonly quantity: number;
  readonly name: string;
  readonly each: string;
  readonly total: string;
};
export type Sum = { readonly label: string; readonly amount: string; readonly strong?: boolean };

export type Letter = {
  readonly heading: string;
  readonly paragraphs: readonly string[];
  readonly goods: readonly GoodsLine[];
  readonly sums: readonly Sum[];
  readonly closing: string;
};

/** What products were called when they were ordered, by their ids. */
export type ProductNames = ReadonlyMap<string, string>;

/** The words for one kind of notification. */
export type Template<K extends Kind> = {
  readonly subject: (facts: FactsOf<K>) => string;
  readonly letter: (facts: FactsOf<K>, names: ProductNames) => Letter;
};

const textLengthMax = 200;

/** Text from outside as one line: no control characters, and none that turn the direction of reading round. */
export function oneLine(text: string): string {
  const clean = text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ")
    .trim();
  return clean.length > textLengthMax ? `${clean.slice(0, textLengthMax - 1).toWellFormed()}…` : clean;
}

/** How people call an order: the beginning of its id. The whole id is at the end of each mail. */
export const orderName = (orderId: string): string => orderId.slice(0, 8).toUpperCase();

/** `19.99` and `USD` are `$19.99`. Exact: a decimal string is not read as a float. */
export function moneyText(amount: string, currency: string): string {
  return formatOf(currency).format(amount as `${number}`);
}

/** Making one costs more than all else about a mail. */
const formats = new Map<string, Intl.NumberFormat>();
const formatsMax = 100;

function formatOf(currency: string): Intl.NumberFormat {
  const known = formats.get(currency);
  if (known !== undefined) return known;
  const digits = decimalsOf(currency);
  const format = new Intl.NumberFormat("en-US", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  if (formats.size >= formatsMax) formats.clear();
  formats.set(currency, format);
  return format;
}

export const isZero = (amount: string): boolean => /^[0.]+$/.test(amount);

export function goodsOf(items: readonly Item[], currency: string, names: ProductNames): GoodsLine[] {
  return items.map(({ productId, quantity, unitPrice, totalPrice }) => ({
    quantity,
    name: oneLine(names.get(productId) ?? "") || `Product ${productId}`,
    each: moneyText(unitPrice, currency),
    total: moneyText(totalPrice, currency),
  }));
}
