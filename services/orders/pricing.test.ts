import { decimalsOf } from "@webstore/kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultPriceRules, limitBroken, type PriceRules, priceOf } from "./pricing.ts";

const currencies = ["USD", "EUR", "JPY", "KWD", "CLF"] as const;

const lines = fc.array(
  fc.record({
    productId: fc.uuid(),
    name: fc.string({ maxLength: 20 }),
    quantity: fc.integer({ min: 1, max: 99 }),
    unitPriceMinor: fc.oneof(
      fc.bigInt({ min: 0n, max: 2_000n }),
      fc.bigInt({ min: 0n, max: 1_000_000_000_000n }),
    ),
  }),
  { minLength: 1, maxLength: 100 },
);

const rules: fc.Arbitrary<PriceRules> = fc.record({
  shippingHundredths: fc.bigInt({ min: 0n, max: 100_00n }),
  shippingFreeFromHundredths: fc.bigInt({ min: 0n, max: 1_000_00n }),
  totalLimitHundredths: fc.constant(1_000_00n),
  campaign: fc.record({ name: fc.constant("welcome"), percent: fc.integer({ min: 0, max: 100 }) }),
});

const anyOrder = fc.tuple(lines, fc.constantFrom(...currencies), rules);

const one = (unitPriceMinor: bigint, quantity = 1) => ({
  productId: "p",
  name: "n",
  quantity,
  unitPriceMinor,
});
const priced = (unitPriceMinor: bigint, currency = "USD") =>
  priceOf([one(unitPriceMinor)], currency, defaultPriceRules);

/**
 * Half-even by another road than the code's: the candidates below, at and above the exact quotient, the
 * nearest of them, and of two that are as near the even one.
 */
function nearestEven(numerator: bigint, denominator: bigint): bigint {
  const guess = numerator / denominator;
  const distance = (candidate: bigint) => {
    const difference = candidate * denominator - numerator;
    return difference < 0n ? -difference : difference;
  };
  const candidates = [guess - 1n, guess, guess + 1n].sort((a, b) => {
    const further = distance(a) - distance(b);
    return further === 0n ? Number((a & 1n) - (b & 1n)) : further < 0n ? -1 : 1;
  });
  return candidates[0] as bigint;
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

describe("for any lines, currency and rules", () => {
  test("the total is goods and shipping less the discount, and the goods are the lines (M1)", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const price = priceOf(unpriced, currency, is);
        expect(price.totalMinor).toBe(price.subtotalMinor + price.shippingMinor - price.discountMinor);
        expect(price.subtotalMinor).toBe(sum(price.lines.map((line) => line.lineTotalMinor)));
        expect(price.lines).toEqual(
          unpriced.map((line) => ({
            ...line,
            lineTotalMinor: sum(Array.from({ length: line.quantity }, () => line.unitPriceMinor)),
          })),
        );
        expect(price.currency).toBe(currency);
      }),
    );
  });

  test("a discount is never below nothing nor above the goods (M2)", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const { discountMinor, subtotalMinor, campaign } = priceOf(unpriced, currency, is);
        expect(discountMinor >= 0n && discountMinor <= subtotalMinor).toBe(true);
        expect(campaign).toBe(discountMinor > 0n ? is.campaign.name : "");
      }),
    );
  });

  test("each line's discount is its exact share, rounded half-even once (M3)", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const { discountMinor } = priceOf(unpriced, currency, is);
        const percent = BigInt(is.campaign.percent);
        const shares = unpriced.map(({ unitPriceMinor, quantity }) =>
          nearestEven(unitPriceMinor * BigInt(quantity) * percent, 100n),
        );
        expect(discountMinor).toBe(sum(shares));
      }),
    );
  });

  test("shipping is one of two amounts, and goods of the threshold or more have the free one", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const { shippingMinor, subtotalMinor } = priceOf(unpriced, currency, is);
        const unit = 10n ** BigInt(decimalsOf(currency));
        const free = subtotalMinor >= nearestEven(is.shippingFreeFromHundredths * unit, 100n);
        expect(shippingMinor).toBe(free ? 0n : nearestEven(is.shippingHundredths * unit, 100n));
      }),
    );
  });

  test("the order of the lines does not matter", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const { lines: _, ...forwards } = priceOf(unpriced, currency, is);
        const { lines: __, ...backwards } = priceOf(unpriced.toReversed(), currency, is);
        expect(backwards).toEqual(forwards);
      }),
    );
  });

  test("an order passes the limits exactly when it costs something and less than 1000", () => {
    fc.assert(
      fc.property(anyOrder, ([unpriced, currency, is]) => {
        const price = priceOf(unpriced, currency, is);
        const thousand = 1_000n * 10n ** BigInt(decimalsOf(currency));
        const expected =
          price.totalMinor === 0n
            ? "amount_too_small"
            : price.totalMinor < thousand
              ? undefined
              : "amount_too_large";
        expect(limitBroken(price, is)).toBe(expected);
      }),
    );
  });
});

test("more than the whole is never taken off", () => {
  const generous = { ...defaultPriceRules, campaign: { name: "all and more", percent: 250 } };
  expect(priceOf([one(3_33n, 3)], "USD", generous)).toMatchObject({
    subtotalMinor: 9_99n,
    discountMinor: 9_99n,
    totalMinor: 5_99n,
  });
});

// Worked out by hand. Goods, discount, shipping, total.
test.each([
  ["a mug", "USD", 14_50n, 1_45n, 5_99n, 19_04n],
  ["a cent short of free shipping", "USD", 99_99n, 10_00n, 5_99n, 95_98n],
  ["exactly at free shipping", "USD", 100_00n, 10_00n, 0n, 90_00n],
  ["half a cent off goes down to the even 0", "USD", 5n, 0n, 5_99n, 6_04n],
  ["1.5 cents off go up to the even 2", "USD", 15n, 2n, 5_99n, 6_12n],
  ["2.5 cents off go down to the even 2", "USD", 25n, 2n, 5_99n, 6_22n],
  ["3.5 cents off go up to the even 4", "USD", 35n, 4n, 5_99n, 6_30n],
  ["a hair above the half goes up", "USD", 26n, 3n, 5_99n, 6_22n],
  ["nothing", "USD", 0n, 0n, 5_99n, 5_99n],
  ["yen have no hundredths: shipping is 6", "JPY", 50n, 5n, 6n, 51n],
  ["yen: free from 100", "JPY", 100n, 10n, 0n, 90n],
  ["yen: 99 are not", "JPY", 99n, 10n, 6n, 95n],
  ["dinars have thousandths: shipping is 5.990", "KWD", 14_500n, 1_450n, 5_990n, 19_040n],
  ["dinars: free from 100.000", "KWD", 100_000n, 10_000n, 0n, 90_000n],
  ["dinars: 99.999 are not", "KWD", 99_999n, 10_000n, 5_990n, 95_989n],
])("%s", (_, currency, subtotalMinor, discountMinor, shippingMinor, totalMinor) => {
  const expected = { subtotalMinor, discountMinor, shippingMinor, totalMinor };
  expect(priced(subtotalMinor, currency)).toMatchObject(expected);
});

test("three lines of half a cent are rounded each, not together", () => {
  const price = priceOf([one(5n), one(5n), one(5n)], "USD", defaultPriceRules);
  expect(price).toMatchObject({ subtotalMinor: 15n, discountMinor: 0n, campaign: "" });
});

test("a line of three is rounded once, not three times", () => {
  expect(priceOf([one(5n, 3)], "USD", defaultPriceRules)).toMatchObject({ discountMinor: 2n });
});

test.each([
  ["999.99", "USD", 1_111_10n, 999_99n, undefined],
  ["1000.00", "USD", 1_111_11n, 1_000_00n, "amount_too_large"],
  ["999 yen", "JPY", 1_110n, 999n, undefined],
  ["1000 yen", "JPY", 1_111n, 1_000n, "amount_too_large"],
  ["999.999 dinars", "KWD", 1_111_110n, 999_999n, undefined],
  ["1000.000 dinars", "KWD", 1_111_111n, 1_000_000n, "amount_too_large"],
] as const)("a total of %s: %s", (_, currency, goodsMinor, totalMinor, broken) => {
  const price = priced(goodsMinor, currency);
  expect(price.totalMinor).toBe(totalMinor);
  expect(limitBroken(price, defaultPriceRules)).toBe(broken);
});

test("a total of nothing is too small, and the least there is is enough", () => {
  const free = { ...defaultPriceRules, shippingFreeFromHundredths: 0n };
  expect(limitBroken(priceOf([one(0n)], "USD", free), free)).toBe("amount_too_small");
  expect(limitBroken(priceOf([one(1n)], "USD", free), free)).toBeUndefined();
});
