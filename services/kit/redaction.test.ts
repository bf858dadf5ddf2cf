import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redact, redacted, redactValue } from "./redaction.ts";

/** Text around a secret: anything that does not itself make the secret longer. */
const around = fc.string({
  unit: fc.constantFrom(..." .,:;(){}<>|!?#äß€\n\t'\"abcXYZ".split("")),
  maxLength: 30,
});
/** What follows a secret ends it. */
const after = fc
  .tuple(fc.constantFrom(" ", ",", ")", '"', "\n", ";"), around)
  .map(([end, rest]) => end + rest)
  .filter((text) => text !== "");
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789".split("")), minLength: length, maxLength: length });
const word = (minLength: number, maxLength = 40) =>
  fc.string({ unit: fc.constantFrom(..."abcdefXYZ0123456789".split("")), minLength, maxLength });

function withCheckDigit(body: string): string {
  const sum = [...body].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return body + String((10 - (sum % 10)) % 10);
}

const cardNumber = fc
  .constantFrom(
    ...[
      ["4", 13],
      ["4", 16],
      ["4", 19],
      ["51", 16],
      ["2221", 16],
      ["2720", 16],
      ["34", 15],
      ["37", 15],
      ["6011", 16],
      ["62", 16],
      ["36", 14],
    ].map(([start, length]) => ({ start: String(start), length: Number(length) })),
  )
  .chain(({ start, length }) =>
    digits(length - start.length - 1).map((middle) => withCheckDigit(start + middle)),
  );

const groupings: Readonly<Record<number, RegExp>> = {
  14: /(.{4})(.{6})(.{4})/,
  15: /(.{4})(.{6})(.{5})/,
  16: /(.{4})(.{4})(.{4})(.{4})/,
  19: /(.{4})(.{4})(.{4})(.{4})(.{3})/,
};
const grouped = fc
  .tuple(cardNumber, fc.constantFrom(" ", "-"))
  .filter(([number]) => number.length in groupings)
  .map(([number, separator]) => (groupings[number.length]?.exec(number) ?? []).slice(1).join(separator));

const secrets: Readonly<Record<string, fc.Arbitrary<{ text: string; canary: string }>>> = {
  "a card number": cardNumber.map((canary) => ({ text: canary, canary })),
  "a card number in groups": grouped.map((canary) => ({ text: canary, canary })),
  "a card number among other digits": fc
    .tuple(digits(4), cardNumber, digits(4))
    .map(([before, canary, behind]) => ({ text: before + canary + behind, canary })),
  "a bearer token": word(8).map((canary) => ({ text: `Bearer ${canary}`, canary })),
  "a JWT": fc
    .tuple(word(10), word(10), word(10))
    .map(([a, b, c]) => ({ text: `eyJ${a}.${b}.${c}`, canary: c })),
  "half a JWT": word(10).map((canary) => ({ text: `eyJ${canary}`, canary })),
  "an API key": fc
    .tuple(fc.constantFrom("sk_live_", "sk_test_", "rk_live_", "whsec_"), word(8))
    .map(([start, canary]) => ({ text: start + canary, canary })),
  "a payment method": word(8).map((canary) => ({ text: ` pm_${canary}`, canary })),
  "a client secret": fc
    .tuple(word(10), word(10))
    .map(([id, canary]) => ({ text: `pi_${id}_secret_${canary}`, canary })),
  "a password in a URL": word(6).map((canary) => ({
    text: `postgres://webstore:${canary}@db.example:5432/store`,
    canary,
  })),
  "a named secret": fc
    .tuple(
      fc.constantFrom(
        "password",
        "Passwd",
        "DB_PASSWORD",
        "clientSecret",
        "refresh_token",
        "api-key",
        "x-api-key",
        "cvc",
      ),
      fc.constantFrom("=", ": ", " = ", '": "', '\\":\\"', "': '"),
      word(6),
    )
    .map(([name, separator, canary]) => ({ text: name + separator + canary, canary })),
  "a quoted secret with spaces": fc
    .tuple(word(6), word(6))
    .map(([one, canary]) => ({ text: `"password": "${one} ${canary}"`, canary })),
  "an authorization header": word(12).map((canary) => ({ text: `authorization: Basic ${canary}`, canary })),
};

describe("does not let through", () => {
  test.each(Object.keys(secrets))("%s", (kind) => {
    fc.assert(
      fc.property(
        around,
        secrets[kind] as never,
        after,
        (before, secret: { text: string; canary: string }, behind) => {
          const text = redact(before + secret.text + behind);
          expect(text).not.toContain(secret.canary);
          expect(text).toContain(redacted);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a card number that is a number", () => {
    expect(redactValue({ a: [4_242_424_242_424_242, 5_555_555_555_554_444n] }, String)).toEqual({
      a: [redacted, redacted],
    });
  });

  test("a secret anywhere in a value", () => {
    const value = { a: { b: [{ c: "Bearer abcdefgh" }] }, error: new Error("password=hunter22") };
    expect(JSON.stringify(redactValue(value, (error) => redact(error.message)))).not.toMatch(
      /abcdefgh|hunter22/,
    );
  });
});

describe("leaves alone", () => {
  const ordinary: Readonly<Record<string, fc.Arbitrary<string>>> = {
    "a UUID": fc.uuid(),
    "a UUID of digits only": fc
      .tuple(digits(8), digits(4), digits(4), digits(4), digits(12))
      .map((groups) => groups.join("-")),
    "an amount": fc
      .tuple(fc.bigInt(0n, 999_999_999_999n), fc.constantFrom("USD", "EUR", "JPY"))
      .map(([minor, currency]) => `${minor} ${currency}`),
    "a decimal amount": fc.integer({ min: 0, max: 99_999 }).map((minor) => (minor / 100).toFixed(2)),
    "a time": fc
      .date({ min: new Date("2000-01-01"), max: new Date("2035-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString()),
    "a time in ms, µs or ns": fc
      .tuple(
        fc.integer({ min: 1_000_000_000_000, max: 1_999_999_999_999 }),
        fc.constantFrom("", "000", "000000"),
      )
      .map(([ms, zeros]) => `${ms}${zeros}`),
    "a trace id": fc
      .string({
        unit: fc.constantFrom(..."0123456789abcdef".split("")),
        minLength: 32,
        maxLength: 32,
      })
      .filter((id) => !/\d{13}/.test(id)),
  };
  test.each(Object.keys(ordinary))("%s", (kind) => {
    fc.assert(
      fc.property(
        fc.constantFrom("order ", "(", "id=", ""),
        ordinary[kind] as never,
        (before, text: string) => {
          expect(redact(before + text)).toBe(before + text);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    "payment pi_3OabcDEF of order 7 is captured",
    "connect ECONNREFUSED 127.0.0.1:5432",
    'duplicate key value violates unique constraint "carts_pkey"',
    "password must have at least 8 characters",
    "Unexpected token } in JSON at position 4",
    "http://127.0.0.1:5101/webstore.cart.v1.CartService/GetCart",
    "the disk_usage of task_42 is 80 %",
  ])("%s", (text) => {
    expect(redact(text)).toBe(text);
  });
});

test("redacting again changes nothing", () => {
  const any = fc.oneof(
    fc.string(),
    ...Object.values(secrets).map((secret) => secret.map(({ text }) => text)),
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 4 }), (parts) => {
      const once = redact(parts.join(" "));
      expect(redact(once)).toBe(once);
    }),
    { numRuns: 500 },
  );
});

test("hostile text takes time in proportion to its length only", () => {
  const hostile = [
    "password",
    "eyJ",
    "4",
    "4242 ",
    "a_secret_",
    "://",
    "bearer ",
    '"password":"\\',
    "token=[",
  ];
  const tookMs = (text: string) => {
    const startedAt = performance.now();
    redact(text);
    return performance.now() - startedAt;
  };
  for (const unit of hostile) expect(tookMs(unit.repeat(100_000 / unit.length))).toBeLessThan(500);
});

test("deep and cyclic values end", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  expect(JSON.stringify(redactValue(cyclic, String))).toContain("[too deep]");
});
