import { decimalOf, decimalsOf, minorOf } from "@webstore/kit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { priceOf } from "./money.ts";

test.each([
  [1999n, "USD", "19.99"],
  [5n, "USD", "0.05"],
  [0n, "USD", "0.00"],
  [100n, "EUR", "1.00"],
  [-599n, "USD", "-5.99"],
  [-5n, "USD", "-0.05"],
  [1999n, "JPY", "1999"],
  [0n, "JPY", "0"],
  [1999n, "KWD", "1.999"],
  [7n, "CLF", "0.0007"],
])("%i minor units of %s are written %s", (amountMinor, currency, amount) => {
  expect(priceOf({ amountMinor, currency })).toEqual({ amount, currency });
});

test.each([
  ["19.99", "USD", 1999n],
  ["20", "USD", 2000n],
  ["19.9", "USD", 1990n],
  ["007", "USD", 700n],
  ["1999", "JPY", 1999n],
  ["1.999", "KWD", 1999n],
  ["10000000000.00", "USD", 1_000_000_000_000n],
])("%s %s is read exactly", (amount, currency, amountMinor) => {
  expect(minorOf(amount, currency)).toBe(amountMinor);
});

test.each([
  ["", "USD"],
  ["-1", "USD"],
  ["+1", "USD"],
  [".5", "USD"],
  ["5.", "USD"],
  ["1,5", "USD"],
  ["1e3", "USD"],
  ["0x10", "USD"],
  [" 1", "USD"],
  ["1\n", "USD"],
  ["NaN", "USD"],
  ["Infinity", "USD"],
  ["١", "USD"],
  ["19.999", "USD"],
  ["1.5", "JPY"],
  ["10000000000.01", "USD"],
  ["9".repeat(400), "USD"],
])("%j is no amount of %s", (amount, currency) => {
  expect(minorOf(amount, currency)).toBeUndefined();
});

const currencies = fc.constantFrom("USD", "EUR", "JPY", "KWD", "CLF", "ISK");

test("what is written is read back as it was, in every currency", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 1_000_000_000_000n), currencies, (amountMinor, currency) => {
      expect(minorOf(decimalOf(amountMinor, currency), currency)).toBe(amountMinor);
    }),
  );
});

test("what is written has exactly the decimals of its currency", () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 15n), 10n ** 15n), currencies, (amountMinor, currency) => {
      expect(decimalOf(amountMinor, currency).split(".")[1]?.length ?? 0).toBe(decimalsOf(currency));
    }),
  );
});

test("reading never guesses: any text is an exact amount or none", () => {
  fc.assert(
    fc.property(fc.string(), currencies, (text, currency) => {
      const amountMinor = minorOf(text, currency);
      if (amountMinor === undefined) return;
      const canonical = decimalOf(amountMinor, currency);
      expect(Number(canonical)).toBe(Number(text));
    }),
  );
});
