// A dead letter: a message that was given up, what is known of it, and how it becomes that message again. Pure.
//
// Invariants:
//   D1. One given-up message is one dead letter however often it is delivered: its id is computed from where it came
//       from, who gave it up and its bytes. (The bytes too, because offsets begin anew on a bus that was made anew.)
//   D2. Anything that a bus delivers can be kept: what should be text and cannot be stored as text is left out, and a
//       message without a believable source has the dead letter topic itself as its source.
//   D3. Key and value are never changed. A redriven message has them byte for byte, and the headers that it came with.
//   D4. The loop guard: each redrive raises `redrive_count`, and what came back `redrivesMax` times is not redriven.
//       The count always survives: so few other headers are sent along that the consumer which makes the next dead
//       letter keeps them all.

import { createHash } from "node:crypto";
import { type Message, type ReceivedMessage, uuidOf } from "@webstore/kit";

export const deadLetterStatuses = ["dead", "scheduled", "redriven"] as const;
export type DeadLetterStatus = (typeof deadLetterStatuses)[number];

/** A dead letter without its content. */
export type DeadLetter = {
  readonly deadLetterId: string;
  readonly sourceTopic: string;
  readonly sourcePartition: number;
  readonly sourceOffset: bigint;
  /** Who gave it up; empty when that is not known. */
  readonly consumerGroup: string;
  /** Empty when the message is no event. */
  readonly eventName: string;
  readonly key: Uint8Array;
  readonly correlationId: string;
  readonly errorReason: string;
  readonly attempts: number;
  /** How often it was redriven before it came here. */
  readonly redrives: number;
  readonly status: DeadLetterStatus;
  readonly createTimeMs: number;
};

export type DeadLetterContent = {
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

export type WholeDeadLetter = DeadLetter & DeadLetterContent;

/** All that are given must match. */
export type DeadLetterFilter = {
  readonly deadLetterIds: readonly string[];
  readonly sourceTopic: string;
  readonly eventName: string;
  readonly errorContains: string;
  readonly status: DeadLetterStatus | undefined;
  readonly createdSinceMs: number | undefined;
  readonly createdBeforeMs: number | undefined;
};

export const redrivesMax = 3;
export const retentionDays = 90;

const topicLengthMax = 128;
const nameLengthMax = 100;
const reasonLengthMax = 500;
const keptHeadersMax = 30;
const keptHeaderBytesMax = 8_192;

/** What says how it died. A message that is published again is no dead letter, and goes without them. */
const headersOfDeath: ReadonlySet<string> = new Set([
  "error_reason",
  "source_topic",
  "source_partition",
  "source_offset",
  "attempts",
  "consumer_group",
]);

/** A message of a dead letter topic, as it is to be kept. */
export function deadLetterOf(message: ReceivedMessage, nowMs: number): WholeDeadLetter {
  const { value } = message;
  const headers = storable(message.headers);
  const source = sourceOf(message);
  const consumerGroup = textOf(headers.consumer_group, nameLengthMax);
  const key = Buffer.from(message.key);
  const place = [source.sourceTopic, `${source.sourcePartition}`, `${source.sourceOffset}`];
  return {
    deadLetterId: uuidOf("dead letter", ...place, consumerGroup, digestOf(key), digestOf(value)),
    ...source,
    consumerGroup,
    eventName: eventNameIn(value),
    key,
    correlationId: textOf(headers.correlation_id, nameLengthMax),
    errorReason: textOf(headers.error_reason, reasonLengthMax),
    attempts: countIn(headers.attempts),
    redrives: countIn(headers.redrive_count),
    status: "dead",
    createTimeMs: nowMs,
    value,
    headers,
  };
}

/** The message that a dead letter was, to be published to where it came from. */
export function redrivenMessage(letter: WholeDeadLetter): Message {
  return {
    topic: letter.sourceTopic,
    key: Buffer.from(letter.key).toString(),
    value: letter.value,
    headers: {
      ...keptHeaders(letter.headers),
      redrive_count: String(letter.redrives + 1),
      dead_letter_id: letter.deadLetterId,
      // Else every group of the topic would get it, and give it up again: more letters with each redrive.
      ...(letter.consumerGroup === "" ? {} : { redrive_group: letter.consumerGroup }),
    },
  };
}

const digestOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64");

/** The key as text; empty when it is none. */
export function keyTextOf(key: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(key);
    return /\p{Cc}/u.test(text) ? "" : text;
  } catch {
    return "";
  }
}

type Source = Pick<DeadLetter, "sourceTopic" | "sourcePartition" | "sourceOffset">;

function sourceOf({ topic, partition, offset, headers }: ReceivedMessage): Source {
  const { source_topic: named = "", source_partition: at = "", source_offset: place = "" } = headers;
  const isBelievable =
    /^[a-z0-9][a-z0-9._-]*$/.test(named) &&
    named.length <= topicLengthMax &&
    /^\d{1,9}$/.test(at) &&
    /^\d{1,18}$/.test(place);
  return isBelievable
    ? { sourceTopic: named, sourcePartition: Number(at), sourceOffset: BigInt(place) }
    : { sourceTopic: topic, sourcePartition: partition, sourceOffset: offset };
}

/** The name of the event, if the message is JSON with a name that can be stored and shown. */
function eventNameIn(value: Uint8Array): string {
  try {
    const { name } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value)) ?? {};
    // What is no name is a part of the message that nobody asked to have in a list, perhaps a card number.
    return typeof name === "string" && name.length <= nameLengthMax && /^[A-Za-z][\w.-]*$/.test(name)
      ? name
      : "";
  } catch {
    return "";
  }
}

const countIn = (text: string | undefined): number => (/^\d{1,6}$/.test(text ?? "") ? Number(text) : 0);

function textOf(text: string | undefined, lengthMax: number): string {
  return (text ?? "")
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, lengthMax)
    .toWellFormed();
}

function storable(headers: Message["headers"]): Record<string, string> {
  const entries = Object.entries(headers).filter(
    ([name, text]) => name.isWellFormed() && text.isWellFormed() && !`${name}${text}`.includes("\0"),
  );
  return Object.fromEntries(entries);
}

function keptHeaders(headers: Message["headers"]): Record<string, string> {
  const kept: Record<string, string> = {};
  let bytes = 0;
  const own = Object.entries(headers).filter(([name]) => !headersOfDeath.has(name));
  for (const [name, text] of own.slice(0, keptHeadersMax)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > keptHeaderBytesMax) break;
    kept[name] = text;
  }
  return kept;
}
