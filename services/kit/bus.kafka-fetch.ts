// Fetches messages of one topic for the partitions that a member has: one request at a time to each broker.
//
// Invariants:
//   F1. What comes back for a partition that is lost in the meantime is dropped; of what comes twice, the second is
//       (enqueue takes nothing below what it has).
//   F2. Bounded: a partition whose queue is full is left out. The request to its broker is then a short one, so that it
//       is in the next as soon as there is room.

import { type Broker, type Connection, fetchV16, findErrorBy, ResponseError } from "@platformatic/kafka";
import { isKafkaError, type Lane, recordBytesMax } from "./bus.kafka-cluster.ts";
import { enqueue, type HeldPartition, isFull } from "./bus.kafka-partition.ts";

type FetchResponse = fetchV16.FetchResponse;

const waitMs = 500;
const waitWhileFullMs = 100;
const bytesMax = 8 * recordBytesMax;
const noSession = { id: 0, epoch: -1 };

export const fetchWaitMaxMs = waitMs;

export type Fetched = {
  /** Those that have got something to handle. */
  readonly filled: readonly HeldPartition[];
  /** Those that ask for what is not there any more, or not yet. */
  readonly outOfRange: readonly HeldPartition[];
  /** True when partitions may have moved to other brokers. */
  readonly isStale: boolean;
};

/** `held`: what this member has of the partitions that `broker` leads. Undefined when all of them are full. */
export async function fetchFrom(
  lane: Lane,
  broker: Broker,
  topic: { name: string; id: string },
  held: readonly HeldPartition[],
): Promise<Fetched | undefined> {
  const wanted = held.filter((each) => !isFull(each));
  if (wanted.length === 0) return undefined;
  const connection = await lane.to(broker);
  const response = await ask(
    connection,
    topic.id,
    wanted,
    wanted.length < held.length ? waitWhileFullMs : waitMs,
  );
  const byNumber = new Map(wanted.map((each) => [each.partition, each]));
  const filled: HeldPartition[] = [];
  const outOfRange: HeldPartition[] = [];
  for (const { partitionIndex, records } of response.found) {
    const each = byNumber.get(partitionIndex);
    if (each === undefined || each.lost) continue;
    enqueue(each, topic.name, records);
    if (each.queue.length > 0) filled.push(each);
  }
  for (const partitionIndex of response.outOfRange) {
    const each = byNumber.get(partitionIndex);
    if (each !== undefined) outOfRange.push(each);
  }
  return { filled, outOfRange, isStale: response.isStale };
}

async function ask(
  connection: Connection,
  topicId: string,
  wanted: readonly HeldPartition[],
  maxWaitMs: number,
) {
  const partitions = wanted.map(({ partition, fetchAt }) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: fetchAt,
    lastFetchedEpoch: -1,
    partitionMaxBytes: recordBytesMax,
  }));
  const { id, epoch } = noSession;
  const topics = [{ topicId, partitions }];
  try {
    return read(
      await fetchV16.api.async(connection, maxWaitMs, 1, bytesMax, 0, id, epoch, topics, [], ""),
      false,
    );
  } catch (error) {
    // One partition's error is no reason to lose what came for the others.
    const { response } = error instanceof ResponseError ? (error as { response?: FetchResponse }) : {};
    const isStale = error instanceof Error && findErrorBy(error, "hasStaleMetadata", true) !== null;
    if (
      response === undefined ||
      !(isStale || isKafkaError(error, "OFFSET_OUT_OF_RANGE", "UNKNOWN_TOPIC_ID"))
    ) {
      throw error;
    }
    return read(response, isStale || isKafkaError(error, "UNKNOWN_TOPIC_ID"));
  }
}

const offsetOutOfRange = 1;

function read({ responses }: FetchResponse, isStale: boolean) {
  const partitions = responses.flatMap((each) => each.partitions);
  return {
    found: partitions
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ partitionIndex, records }) => ({ partitionIndex, records: records ?? [] })),
    outOfRange: partitions
      .filter(({ errorCode }) => errorCode === offsetOutOfRange)
      .map(({ partitionIndex }) => partitionIndex),
    isStale,
  };
}
