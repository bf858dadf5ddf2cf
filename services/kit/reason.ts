// What was thrown, in a line that may be stored and shown: at most 500 characters of well-formed text without
// control characters, and without any secret that can be told by its shape (L2 in consumer-dead-letter.ts).

import { Refusal } from "./refusal.ts";

export const reasonLengthMax = 500;

export function reasonOf(error: unknown): string {
  const text =
    error instanceof Refusal
      ? `${error.name}: ${error.service}/${error.reason}`
      : error instanceof Error
        ? `${error.name}: ${error.message}`
        : "something that is no error was thrown";
  return presentable(text);
}

/** Any text, fit to be stored and shown. */
export function presentable(text: string): string {
  // Cut first: the patterns below must not be fed a text of any length.
  return withoutSecrets(oneLine(text.slice(0, 4 * reasonLengthMax)))
    .slice(0, reasonLengthMax)
    .toWellFormed();
}

const oneLine = (text: string) => text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");

const secrets: readonly (readonly [RegExp, string])[] = [
  [/(\w:\/\/)[^\s/@]+@/g, "$1[removed]@"],
  [/\b(bearer|basic)\s+\S+/gi, "$1 [removed]"],
  [/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, "[removed]"],
  [/\b\w+_secret_\w+/g, "[removed]"],
  [/\b(sk|rk|pk|whsec|pm|tok)_\w+/g, "[removed]"],
  [/\b\w*(password|passwd|secret|token|api[_-]?key|cvc|cvv)\w*["']?\s*[:=]\s*["']?[^\s"',;]+/gi, "[removed]"],
  // 13 to 19 digits, as cards have, also in groups; a UUID made of digits is none.
  [/\b(?:\d{13,19}|\d{4}(?:[ -]\d{4}){2}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{5})\b/g, "[removed]"],
];

function withoutSecrets(text: string): string {
  return secrets.reduce((cleaned, [pattern, replacement]) => cleaned.replace(pattern, replacement), text);
}
