// The brokers of a Kafka cluster: connections to them, where a topic's partitions and a group's coordinator are, and
// which failures mean that nobody answered.
//
// Invariants:
//   K1. A request that may wait at the broker has a lane of its own: a broker answers the requests of one connection one
//       after the other, so a fetch that waits for messages would hold up a heartbeat.
//   K2. Every request has a time limit, and none is repeated here: whoever asks knows whether that is safe.
//
// The versions of the requests are fixed; they are those of Kafka 3.7 and later.

import {
  type Broker,
  type Connection,
  type ConnectionOptions,
  ConnectionPool,
  createTopicsV7,
  FindCoordinatorKeyTypes,
  findCoordinatorV4,
  findErrorBy,
  GenericError,
  listOffsetsV7,
  metadataV12,
  ResponseError,
} from "@platformatic/kafka";
import { messageLimits } from "./event.ts";
import { delay } from "./retry.ts";

type MetadataResponse = metadataV12.MetadataResponse;

export type KafkaTopic = {
  readonly id: string;
  readonly partitions: number;
  /** By partition; a partition that is without a leader at the moment is not there. */
  readonly leaders: ReadonlyMap<number, Broker>;
};

export type Lane = { to(broker: Broker): Promise<Connection>; close(): Promise<void> };

export type KafkaCluster = {
  lane(requestTimeoutMs: number): Lane;
  /** Short requests; everybody shares it. */
  readonly calls: Lane;
  /** Whether any broker answers. */
  probe(): Promise<void>;
  /** As it was `topicAgeMaxMs` ago at most; `forget` after a failure that may come from its having changed. */
  topic(name: string): Promise<KafkaTopic>;
  forget(name: string): void;
  /** Makes a topic that is not there; one that is there stays as it is. */
  ensureTopic(name: string): Promise<void>;
  coordinator(group: string): Promise<Broker>;
  /** The first (-2) or the next (-1) offset of each partition. */
  offsets(name: string, at: "first" | "next"): Promise<ReadonlyMap<number, bigint>>;
  close(): Promise<void>;
};

/** How the brokers know who connects, and whether what is said is kept from others. */
export type KafkaSecurity = Pick<ConnectionOptions, "tls" | "sasl">;

export type KafkaClusterOptions = {
  readonly brokers: readonly string[];
  readonly security: KafkaSecurity;
  readonly clientId: string;
  /** For topics that are new. */
  readonly partitions: number;
  readonly retentionMs: (topic: string) => number;
  readonly topicAgeMaxMs: number;
};

export const connectTimeoutMs = 5_000;
export const requestTimeoutMs = 5_000;
/** One message of messageLimits with what Kafka puts around it. */
export const recordBytesMax = 1_048_588;
const leaderlessMaxMs = 10_000;
const coordinatorlessMaxMs = 5_000;
const lookAgainMs = 50;
const inflightMax = 16;

/** Nobody answered, or somebody who says that it will be different soon. */
export function isKafkaOutage(error: unknown): boolean {
  return (
    error instanceof Error &&
    GenericError.isGenericError(error) &&
    findErrorBy(error, "canRetry", false) === null
  );
}

/** Whether a broker gave this error, such as `REBALANCE_IN_PROGRESS`. */
export function isKafkaError(error: unknown, ...ids: readonly string[]): boolean {
  return error instanceof Error && ids.some((id) => findErrorBy(error, "apiId", id) !== null);
}

export function openKafkaCluster(options: KafkaClusterOptions): KafkaCluster {
  const bootstrap = options.brokers.map(brokerOf);
  const lanes = new Set<Lane>();
  const topics = new Map<string, { found: KafkaTopic; atMs: number }>();
  const pools = (timeoutMs: number) => openPool(options, timeoutMs);
  const lane = (timeoutMs: number): Lane => {
    const pool = pools(timeoutMs);
    const opened: Lane = {
      to: (broker) => pool.get(broker),
      close: async () => {
        lanes.delete(opened);
        await pool.close();
      },
    };
    lanes.add(opened);
    return opened;
  };
  const calls = lane(requestTimeoutMs);
  const first = pools(requestTimeoutMs);
  const any = () => first.getFirstAvailable(bootstrap);

  const look = async (name: string): Promise<KafkaTopic> => {
    const found = topicOf(name, await metadataOf(await any(), name));
    topics.set(name, { found, atMs: performance.now() });
    return found;
  };
  const topic = async (name: string) => {
    const known = topics.get(name);
    const isFresh = known !== undefined && performance.now() - known.atMs < options.topicAgeMaxMs;
    return isFresh ? known.found : await look(name);
  };

  return {
    lane,
    calls,
    probe: async () => void (await metadataV12.api.async(await any(), [], false, false)),
    topic,
    forget: (name) => void topics.delete(name),
    ensureTopic: async (name) => {
      await createTopic(await any(), name, options);
      await patiently(leaderlessMaxMs, async () => {
        const found = await look(name);
        // A leader is named a moment before it knows that it is one.
        const offsets = await offsetsOf(calls, name, found, -1n);
        return offsets.size === found.partitions;
      });
    },
    coordinator: async (group) => findCoordinator(await any(), group),
    offsets: async (name, at) => offsetsOf(calls, name, await topic(name), at === "first" ? -2n : -1n),
    close: async () => {
      await Promise.all([first.close(), ...[...lanes].map((each) => each.close())]);
    },
  };
}

function openPool({ clientId, security }: KafkaClusterOptions, timeoutMs: number): ConnectionPool {
  return new ConnectionPool(clientId, {
    ...connectionSecurity(security),
    connectTimeout: connectTimeoutMs,
    requestTimeout: timeoutMs,
    maxInflights: inflightMax,
  });
}

/** A broker's certificate must be of the name by which it is reached. */
export function connectionSecurity({ tls, sasl }: KafkaSecurity): ConnectionOptions {
  return {
    ...(tls === undefined ? {} : { tls, tlsServerName: true }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function brokerOf(address: string): Broker {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

/** What is known of the topic, also where some of its partitions have no leader. */
async function metadataOf(connection: Connection, name: string): Promise<MetadataResponse> {
  try {
    return await metadataV12.api.async(connection, [name], false, false);
  } catch (error) {
    const { response } = error instanceof ResponseError ? (error as { response?: MetadataResponse }) : {};
    if (response?.topics.some(({ errorCode }) => errorCode === 0)) return response;
    throw error;
  }
}

function topicOf(name: string, { brokers, topics }: MetadataResponse): KafkaTopic {
  const found = topics.find((each) => each.name === name);
  const byId = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  const leaders = new Map<number, Broker>();
  for (const { partitionIndex, leaderId } of found?.partitions ?? []) {
    const leader = byId.get(leaderId);
    if (leader !== undefined) leaders.set(partitionIndex, leader);
  }
  return { id: found?.topicId ?? "", partitions: found?.partitions.length ?? 0, leaders };
}

async function createTopic(
  connection: Connection,
  name: string,
  { partitions, retentionMs }: KafkaClusterOptions,
): Promise<void> {
  const configs = [
    { name: "retention.ms", value: String(retentionMs(name)) },
    { name: "max.message.bytes", value: String(recordBytesMax) },
    { name: "cleanup.policy", value: "delete" },
  ];
  // -1: as many replicas as the brokers are configured to make.
  const wanted = { name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs };
  try {
    await createTopicsV7.api.async(connection, [wanted], requestTimeoutMs, false);
  } catch (error) {
    if (!isKafkaError(error, "TOPIC_ALREADY_EXISTS")) throw error;
  }
}

async function findCoordinator(connection: Connection, group: string): Promise<Broker> {
  let found: Broker | undefined;
  // A cluster's first group waits for the topic of offsets, which is made at that moment.
  await patiently(coordinatorlessMaxMs, async () => {
    const response = await findCoordinatorV4.api.async(connection, FindCoordinatorKeyTypes.GROUP, [group]);
    found = response.coordinators.find(({ key }) => key === group);
    return found !== undefined;
  });
  return { host: found?.host ?? "", port: found?.port ?? 0 };
}

/** Asks again until it is so, or until that has taken too long; then the last failure stands. */
async function patiently(maxMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const endsAtMs = performance.now() + maxMs;
  for (;;) {
    try {
      if (await isSo()) return;
      if (performance.now() > endsAtMs) throw new Error("Kafka has no leader or coordinator");
    } catch (error) {
      const passing = isKafkaError(
        error,
        "COORDINATOR_NOT_AVAILABLE",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_OR_FOLLOWER",
        "UNKNOWN_TOPIC_OR_PARTITION",
      );
      if (!passing || performance.now() > endsAtMs) throw error;
    }
    await delay(lookAgainMs);
  }
}

async function offsetsOf(
  lane: Lane,
  name: string,
  { leaders }: KafkaTopic,
  timestamp: bigint,
): Promise<ReadonlyMap<number, bigint>> {
  const offsets = new Map<number, bigint>();
  await Promise.all(
    [...byBroker(leaders)].map(async ([broker, partitions]) => {
      const wanted = partitions.map((partitionIndex) => ({
        partitionIndex,
        currentLeaderEpoch: -1,
        timestamp,
      }));
      const connection = await lane.to(broker);
      const { topics } = await listOffsetsV7.api.async(connection, -1, 0, [{ name, partitions: wanted }]);
      for (const { partitionIndex, offset } of topics[0]?.partitions ?? [])
        offsets.set(partitionIndex, offset);
    }),
  );
  return offsets;
}

/** The partitions of each broker; the leaders of one topic share their Broker objects. */
export function byBroker(leaders: ReadonlyMap<number, Broker>): Map<Broker, number[]> {
  const grouped = new Map<Broker, number[]>();
  for (const [partition, broker] of leaders) {
    grouped.set(broker, [...(grouped.get(broker) ?? []), partition]);
  }
  return grouped;
}

/** About as many bytes as the message takes on the wire. */
export function recordBytesOf(is: {
  key: string;
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}): number {
  let bytes = 100 + Buffer.byteLength(is.key) + is.value.byteLength;
  for (const [name, text] of Object.entries(is.headers)) {
    bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  return bytes;
}

/** What one request to publish carries at most, unless a single message is more. */
export const sliceBytesMax = messageLimits.valueBytesMax;
