// A dead letter: a message that was given up, as it came, with headers that say from where and why.
//
// Invariants:
//   L1. Key and value are the original's, byte for byte, so that a redrive is the same message again.
//   L2. The reason is at most 500 characters of well-formed text without control characters, and holds no
//       secret that can be told by its shape: credentials in URLs, bearer tokens, JWTs, API keys, card numbers.
//   L3. The original's own headers are kept as far as a bus takes them, without the secrets that their names or their
//       shapes tell; ours win.

import type { Message, ReceivedMessage } from "./bus.ts";
import { reasonOf } from "./reason.ts";
import { redact, redacted } from "./redaction.ts";

const keptHeadersMax = 40;
const keptHeaderBytesMax = 16_384;

/** `orders-dlq` for `order-events`, else `<topic>-dlq`. */
export function deadLetterTopicOf(topic: string): string {
  return topic === "order-events" ? "orders-dlq" : `${topic}-dlq`;
}

export function deadLetterOf(
  message: ReceivedMessage,
  is: { topic: string; group: string; correlationId: string; error: unknown; attempts: number },
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
      // Who gave it up: a redrive is theirs alone.
      consumer_group: is.group,
    },
  };
}

const secretName =
  /passw|secret|token|api[_-]?key|authorization|cookie|session|credential|cvv|cvc|private[_-]?key/i;

function keptHeaders(headers: Message["headers"]): Record<string, string> {
  const kept: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries(headers).slice(0, keptHeadersMax)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > keptHeaderBytesMax) break;
    if (redact(name) === name) kept[name] = secretName.test(name) ? redacted : redact(text);
  }
  return kept;
}
