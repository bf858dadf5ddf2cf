// Money between its two forms: whole minor units with a currency inside the store, and a decimal
// string for people and JSON. Exact both ways: no number with a fraction exists in between.
//
// Invariant M1: an amount in the right number of decimals comes back as it was, and an amount
// that the currency cannot express is not rounded but not read at all.

/** The currencies of ISO 4217 whose minor unit is not a hundredth. */
const decimalsByCurrency: ReadonlyMap<string, number> = new Map([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"].map(
    (currency): [string, number] => [currency, 0],
  ),
  ...["XAF", "XOF", "XPF"].map((currency): [string, number] => [currency, 0]),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((currency): [string, number] => [currency, 3]),
  ...["CLF", "UYW"].map((currency): [string, number] => [currency, 4]),
]);
const decimalsDefault = 2;

/** The greatest amount that a request may name, as in the contracts. */
const amountMinorMax = 1_000_000_000_000n;

/** What an amount looks like in a request: no sign, no exponent, no separators. */
export const amountPattern = /^[0-9]{1,13}(\.[0-9]{1,4})?$/;

/** How many decimals amounts of this currency have. */
export function decimalsOf(currency: string): number {
  return decimalsByCurrency.get(currency) ?? decimalsDefault;
}

/** 1999 minor units of USD are `19.99`, of JPY `1999`. */
export function decimalOf(amountMinor: bigint, currency: string): string {
  const decimals = decimalsOf(currency);
  if (decimals === 0) return amountMinor.toString();
  const negative = amountMinor < 0n;
  const digits = (negative ? -amountMinor : amountMinor).toString().padStart(decimals + 1, "0");
  const point = digits.length - decimals;
  return `${negative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** `19.99` USD are 1999 minor units; undefined when the text is no amount of this currency. */
export function minorOf(amount: string, currency: string): bigint | undefined {
  if (!amountPattern.test(amount)) return undefined;
  const [whole = "", fraction = ""] = amount.split(".");
  const decimals = decimalsOf(currency);
  if (fraction.length > decimals) return undefined;
  const amountMinor = BigInt(whole + fraction.padEnd(decimals, "0"));
  return amountMinor > amountMinorMax ? undefined : amountMinor;
}

/** `numerator / denominator`, rounded to the nearest whole, and to the even one when in the middle. Amounts are not negative. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const twiceTheRest = 2n * (numerator % denominator);
  if (twiceTheRest < denominator) return whole;
  if (twiceTheRest > denominator) return whole + 1n;
  return whole + (whole % 2n);
}
