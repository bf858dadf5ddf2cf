// What an order costs. Pure: the catalog's prices and the rules go in, amounts come out.
//
// Invariants (pricing.test.ts):
//   M1. total = subtotal + shipping - discount, and subtotal = the sum of the lines.
//   M2. 0 <= discount <= subtotal: a discount never touches the shipping.
//   M3. Rounding is half-even and once a line; nothing is rounded twice.

import { decimalsOf, divideHalfEven } from "@webstore/kit";

export type PricedLine = {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  readonly lineTotalMinor: bigint;
};

export type Price = {
  readonly currency: string;
  readonly lines: readonly PricedLine[];
  readonly subtotalMinor: bigint;
  readonly shippingMinor: bigint;
  readonly discountMinor: bigint;
  readonly totalMinor: bigint;
  /** The campaign that the discount is from; empty when there is none. */
  readonly campaign: string;
};

/** Amounts in hundredths of the currency's main unit, whatever its own minor unit is. */
export type PriceRules = {
  readonly shippingHundredths: bigint;
  readonly shippingFreeFromHundredths: bigint;
  readonly totalLimitHundredths: bigint;
  readonly campaign: { readonly name: string; readonly percent: number };
};

export const defaultPriceRules: PriceRules = {
  shippingHundredths: 5_99n,
  shippingFreeFromHundredths: 100_00n,
  totalLimitHundredths: 1_000_00n,
  campaign: { name: "welcome", percent: 10 },
};

type Unpriced = Omit<PricedLine, "lineTotalMinor">;

export function priceOf(unpriced: readonly Unpriced[], currency: string, rules: PriceRules): Price {
  const lines = unpriced.map((line) => ({
    ...line,
    lineTotalMinor: line.unitPriceMinor * BigInt(line.quantity),
  }));
  const subtotalMinor = sum(lines.map(({ lineTotalMinor }) => lineTotalMinor));
  const percent = BigInt(rules.campaign.percent);
  const perLine = lines.map(({ lineTotalMinor }) => divideHalfEven(lineTotalMinor * percent, 100n));
  const discountMinor = smaller(sum(perLine), subtotalMinor);
  const isFree = subtotalMinor >= minorOfHundredths(rules.shippingFreeFromHundredths, currency);
  const shippingMinor = isFree ? 0n : minorOfHundredths(rules.shippingHundredths, currency);
  const totalMinor = subtotalMinor + shippingMinor - discountMinor;
  const campaign = discountMinor > 0n ? rules.campaign.name : "";
  return { currency, lines, subtotalMinor, shippingMinor, discountMinor, totalMinor, campaign };
}

/** An order is paid for at all, and with less than the limit. */
export function limitBroken(
  { totalMinor, currency }: Price,
  rules: PriceRules,
): "amount_too_small" | "amount_too_large" | undefined {
  if (totalMinor <= 0n) return "amount_too_small";
  if (totalMinor >= minorOfHundredths(rules.totalLimitHundredths, currency)) return "amount_too_large";
  return undefined;
}

/** 599 hundredths are 599 minor units of USD, 6 of JPY and 5990 of KWD. */
function minorOfHundredths(hundredths: bigint, currency: string): bigint {
  return divideHalfEven(hundredths * 10n ** BigInt(decimalsOf(currency)), 100n);
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
