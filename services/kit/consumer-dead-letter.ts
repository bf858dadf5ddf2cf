// A dead letter: a message that was given up, as it came, with headers that say from where and why.
//
// Invariants:
//   L1. Key and value are the original's, byte for byte, so that a redrive is the same message again.
//   L2. The reason is at most 500 characters of well-formed text without control characters, and holds no
//       secret that can be told by its shape: credentials in URLs, bearer tokens, JWTs, API keys, card numbers.
//   L3. The original's own headers are kept as far as a bus takes them; ours win.

import type { Message, ReceivedMessage } from "./bus.ts";
import { Refusal } from "./refusal.ts";

const reasonLengthMax = 500;
const keptHeadersMax = 40;
const keptHeaderBytesMax = 16_384;

/** `orders-dlq` for `order-events`, else `<topic>-dlq`. */
export function deadLetterTopicOf(topic: string): string {
  return topic === "order-events" ? "orders-dlq" : `${topic}-dlq`;
}

export function deadLetterOf(
  message: ReceivedMessage,
  is: { topic: string; correlationId: string; error: unknown; attempts: number },
): Message {
  return {
    topic: is.topic,
    key: message.key,
    value: message.value,
    headers: {
      ...keptHeaders(message.headers),
      correlation_id: is.correlationId,
      error_reason: reasonOf(is.error),
      source_topic: message.topic,
      source_partition: String(message.partition),
      source_offset: String(message.offset),
      attempts: String(is.attempts),
    },
  };
}

function keptHeaders(headers: Message["headers"]): Record<string, string> {
  const kept: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries(headers).slice(0, keptHeadersMax)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > keptHeaderBytesMax) break;
    kept[name] = text;
  }
  return kept;
}

/** What was thrown, in a line that may be stored and shown. */
export function reasonOf(error: unknown): string {
  const text =
    error instanceof Refusal
      ? `${error.name}: ${error.service}/${error.reason}`
      : error instanceof Error
        ? `${error.name}: ${error.message}`
        : "something that is no error was thrown";
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
