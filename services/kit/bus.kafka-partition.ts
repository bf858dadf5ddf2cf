// A partition that a member has: what is fetched and not handled yet, and its worker.
//
// Invariants:
//   M1. A partition has one worker at a time, and that one handles one message at a time, in order of offsets: nothing
//       is queued below what was queued before, and nothing is passed over.
//   M2. A worker begins no message once the partition is lost or is to be given up, or `mayWork` says no. The message
//       in hand is always finished.
//   M3. `position` moves only past what a handler has resolved. A message whose handler failed stays the first of its
//       queue and is handled again after a pause.

import type { RecordsBatch } from "@platformatic/kafka";
import { recordBytesOf } from "./bus.kafka-cluster.ts";
import type { ReceivedMessage } from "./bus.ts";

export type HeldPartition = {
  readonly partition: number;
  queue: ReceivedMessage[];
  queuedBytes: number;
  /** The next to be fetched; all below it are queued or handled. */
  fetchAt: bigint;
  /** The first that is not handled yet, and what of that Kafka knows. */
  position: bigint;
  committed: bigint;
  worker: Promise<void> | undefined;
  /** It is somebody else's, or soon will be: no message is begun. */
  releasing: boolean;
  /** It is somebody else's already: nothing is committed. */
  lost: boolean;
};

/** At most as much again comes with the fetch that fills it. */
export const queueBytesMax = 1_048_576;
const isControl = 1 << 5;

export function holdPartition(partition: number, position: bigint): HeldPartition {
  return {
    partition,
    queue: [],
    queuedBytes: 0,
    fetchAt: position,
    position,
    committed: position,
    worker: undefined,
    releasing: false,
    lost: false,
  };
}

export const isFull = (held: HeldPartition) => held.queuedBytes >= queueBytesMax;

/** Queues what was fetched. A batch may begin before what was asked for. */
export function enqueue(held: HeldPartition, topic: string, batches: readonly RecordsBatch[]): void {
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    const records = (batch.attributes & isControl) === 0 ? batch.records : [];
    for (const { offsetDelta, key, value, headers } of records) {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      if (offset < held.fetchAt) continue;
      const message = {
        topic,
        partition: held.partition,
        offset,
        key: key?.toString() ?? "",
        value: value ?? new Uint8Array(0),
        headers: Object.fromEntries(headers.map(([name, text]) => [String(name ?? ""), String(text ?? "")])),
      };
      held.queue.push(message);
      held.queuedBytes += recordBytesOf(message);
    }
    if (last >= held.fetchAt) held.fetchAt = last + 1n;
  }
}

export type WorkerParts = {
  readonly handle: (message: ReceivedMessage) => Promise<void>;
  readonly mayWork: () => boolean;
  /** After each message, handled or left. */
  readonly moved: () => void;
  readonly failed: (message: ReceivedMessage, error: unknown) => void;
  /** The pause before a message is handled again. */
  readonly pause: () => Promise<void>;
};

/** Starts the worker if there is none and there is something for it to do. */
export function startWorker(held: HeldPartition, parts: WorkerParts): void {
  if (held.worker !== undefined || held.queue.length === 0 || !mayGoOn(held, parts)) return;
  held.worker = work(held, parts).then(() => {
    held.worker = undefined;
    parts.moved();
    startWorker(held, parts);
  });
}

const mayGoOn = (held: HeldPartition, { mayWork }: WorkerParts) => !held.lost && !held.releasing && mayWork();

async function work(held: HeldPartition, parts: WorkerParts): Promise<void> {
  for (let message = held.queue[0]; message !== undefined && mayGoOn(held, parts); message = held.queue[0]) {
    try {
      await parts.handle(message);
    } catch (error) {
      parts.failed(message, error);
      await parts.pause();
      continue;
    }
    held.queue.shift();
    held.queuedBytes -= recordBytesOf(message);
    held.position = message.offset + 1n;
    parts.moved();
  }
}
