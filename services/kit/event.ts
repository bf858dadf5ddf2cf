// What goes over a bus: the envelope of an event as bytes, back again, and how large a message may be.
//
// Invariants:
//   V1. Whatever leaves through `encodeEvent` is read back by `readEvent`. What does not fit is refused on the way
//       out, where its author sees it, because on the other side it can only become a dead letter.
//   V2. Every bus takes a message within `messageLimits` and refuses every other, whole and before it sends anything.

import { z } from "zod";
import type { Event, Message } from "./bus.ts";

export const messageLimits = {
  topicLengthMax: 128,
  keyBytesMax: 1_024,
  /** As much as Kafka's brokers take by default. */
  valueBytesMax: 1_000_000,
  headersMax: 64,
  headerBytesMax: 32_768,
  messagesMax: 1_000,
} as const;

/** An event is far smaller than what a bus can carry, so that a dead letter, which carries it whole, fits too. */
export const eventBytesMax = 262_144;

const eventNameLengthMax = 100;
const traceparentLengthMax = 100;
const topicPattern = /^[a-z0-9][a-z0-9._-]*$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Thrown for what no bus takes: a bug of the publisher, never worth a retry. */
export class MessageRefused extends Error {
  override readonly name = "MessageRefused";
}

/** The bytes of an envelope as text. Throws MessageRefused for one that nobody could read. */
export function encodeEvent(event: Event): string {
  if (!uuidPattern.test(event.id)) throw new MessageRefused("an event's id must be a UUID");
  if (event.name === "" || event.name.length > eventNameLengthMax) {
    throw new MessageRefused(`an event's name must have 1 to ${eventNameLengthMax} characters`);
  }
  if (event.data === undefined) throw new MessageRefused(`${event.name}: an event needs data`);
  if (event.traceparent.length > traceparentLengthMax) {
    throw new MessageRefused(`${event.name}: the traceparent is too long`);
  }
  const { id, name, data, occurredAt, traceparent } = event;
  const text = JSON.stringify({ id, name, data, occurredAt, traceparent });
  const bytes = Buffer.byteLength(text);
  if (bytes > eventBytesMax) {
    throw new MessageRefused(`${name}: an event of ${bytes} bytes is more than ${eventBytesMax}`);
  }
  return text;
}

const envelope = z.object({
  id: z.string().regex(uuidPattern),
  name: z.string().min(1).max(eventNameLengthMax),
  data: z.unknown().refine((data) => data !== undefined),
  occurredAt: z.iso.datetime(),
  traceparent: z.string().max(traceparentLengthMax),
});

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export type ReadEvent = { readonly event: Event } | { readonly problem: "not_json" | "no_envelope" };

/** The event in a message's value, or why there is none. Never throws: a message is input from outside. */
export function readEvent(value: Uint8Array): ReadEvent {
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(value));
  } catch {
    return { problem: "not_json" };
  }
  const read = envelope.safeParse(json);
  return read.success ? { event: read.data } : { problem: "no_envelope" };
}

export function checkTopic(topic: string): void {
  if (!topicPattern.test(topic) || topic.length > messageLimits.topicLengthMax) {
    throw new MessageRefused("a topic has lower case letters, digits, dots, underscores and dashes only");
  }
}

/** A key is text that every store can keep: no lone surrogates, no NUL. */
export function checkKey(key: string): void {
  if (key.includes("\0") || !key.isWellFormed()) throw new MessageRefused("a key must be well-formed text");
  if (Buffer.byteLength(key) > messageLimits.keyBytesMax) throw new MessageRefused("a key is too long");
}

/** What every adapter of the bus asks before it sends anything. */
export function checkMessages(messages: readonly Message[]): void {
  if (messages.length > messageLimits.messagesMax) {
    throw new MessageRefused(`at most ${messageLimits.messagesMax} messages are published at once`);
  }
  for (const { topic, key, value, headers } of messages) {
    checkTopic(topic);
    checkKey(key);
    if (value.byteLength > messageLimits.valueBytesMax) {
      throw new MessageRefused(
        `${topic}: ${value.byteLength} bytes are more than ${messageLimits.valueBytesMax}`,
      );
    }
    checkHeaders(topic, headers);
  }
}

function checkHeaders(topic: string, headers: Message["headers"]): void {
  let count = 0;
  let bytes = 0;
  for (const name in headers) {
    const text = headers[name] ?? "";
    if (`${name}${text}`.includes("\0") || !name.isWellFormed() || !text.isWellFormed()) {
      throw new MessageRefused(`${topic}: a header must be well-formed text`);
    }
    count++;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  if (count > messageLimits.headersMax || bytes > messageLimits.headerBytesMax) {
    throw new MessageRefused(`${topic}: the headers are too many or too long`);
  }
}
