// Takes secrets out of free text, such as an error's message, before it is logged or traced. Names of
// fields cannot help there: drivers, SDKs and people put whatever they had into a sentence.
//
// Invariants:
//   X1. What looks like a card number, a bearer token, a JWT, an API key, a payment method's token or
//       a named password does not survive. When in doubt the text loses, not the secret.
//   X2. What one looks for in a log stays: UUIDs, trace ids, amounts, times, payment references.
//   X3. Redacting twice is redacting once; and the time it takes grows with the text's length only.

export const redacted = "[redacted]";

/** Card-like digits at once or in the usual groups; a UUID is found first, so that its digits stay. */
const cards =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{13,}|(?<!\d)(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]\d{3})?|\d{4}[ -]\d{6}[ -]\d{4,5})(?!\d)/gi;

const patterns: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/(bearer)\s+[\w.~+/=-]{8,}/gi, `$1 ${redacted}`],
  [/eyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g, redacted],
  [/(?:(?:sk|rk)_(?:live|test)|whsec)_\w+/g, redacted],
  [/(?<![A-Za-z0-9])(?:sk|rk|pm|ek|tok|whsec)_\w{4,}/g, redacted],
  [/_secret_\w+/g, `_secret_${redacted}`],
  [/(:\/\/)[^\s/@"'\\]{1,256}@/g, `$1${redacted}@`],
  // A name, perhaps quoted, then `:` or `=`, then a quoted text or all up to the next space or delimiter.
  [
    /((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|authorization|cookie|cvv|cvc|private[_-]?key)\w{0,16}(?:\\?["'])?\s{0,3}[:=]\s{0,3})(?:\\?"(?:[^"\\]|\\[^"])*|'[^']*|(?:(?:basic|bearer|digest)\s+)?[^\s"'\\,;&}\])]+\]?)/gi,
    `$1${redacted}`,
  ],
];

/** The shortest secret that the patterns know has more characters than this. */
const harmlessLength = 5;

export function redact(text: string): string {
  if (text.length <= harmlessLength) return text;
  let clean = text;
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
  return clean.replace(cards, (match) => (hasCardNumber(match) ? redacted : match));
}

const cardLengthMin = 13;
const cardLengthMax = 19;

function hasCardNumber(match: string): boolean {
  if (match.length === 36 && match[8] === "-") return false;
  const digits = match.replace(/\D/g, "");
  if (digits.length <= cardLengthMax) return isCardNumber(digits);
  // A run that is too long for a card may still hold one.
  for (let from = 0; from + cardLengthMin <= digits.length; from += 1) {
    for (let length = cardLengthMin; length <= cardLengthMax && from + length <= digits.length; length += 1) {
      if (isCardNumber(digits.slice(from, from + length))) return true;
    }
  }
  return false;
}

/** By what card numbers begin with: 3 to 6, or 2221 to 2720. Times in ms, µs and ns begin with 1. */
const cardStart = /^(?:[3-6]|22(?:2[1-9]|[3-9])|2[3-6]|27[01]|2720)/;

function isCardNumber(digits: string): boolean {
  return cardStart.test(digits) && luhn(digits);
}

function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const doubled = index % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const depthMax = 6;
const itemsMax = 100;

/** A value of a log line with all its texts redacted; too deep or too long parts are cut. Errors are `ofError`'s. */
export function redactValue(value: unknown, ofError: (error: Error) => unknown, depth = 0): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "number" || typeof value === "bigint") {
    return value > 1e12 && hasCardNumber(String(value)) ? redacted : value;
  }
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Error) return ofError(value);
  if (depth >= depthMax) return "[too deep]";
  if (Array.isArray(value))
    return value.slice(0, itemsMax).map((item) => redactValue(item, ofError, depth + 1));
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  const entries = Object.entries(value).slice(0, itemsMax);
  return Object.fromEntries(entries.map(([name, item]) => [name, redactValue(item, ofError, depth + 1)]));
}
