// The bus on Kafka.
//
// It keeps B1–B4 of bus.ts by these:
//   A1. The producer is idempotent and waits for all replicas in sync (acks=all): a request that it repeats is written
//       once. Its batches go one after the other, so that nothing overtakes what was published before it.
//   A2. A key's partition is the one that Kafka's own clients would choose (murmur2).
//   A3. A topic is made when it is first published to or subscribed to; one that is there stays as it is.
//   A4. A batch is either acknowledged as a whole or an error. After an error some of it may be on the bus, as after any
//       answer that was lost; its publisher publishes it again, and consumers know events by their ids.
//
// The rest is in bus.kafka-subscription.ts.

import { AuthenticationError, type MessageToProduce, ProduceAcks, Producer } from "@platformatic/kafka";
import {
  connectionSecurity,
  connectTimeoutMs,
  isKafkaOutage,
  type KafkaCluster,
  type KafkaClusterOptions,
  type KafkaSecurity,
  openKafkaCluster,
  recordBytesOf,
  requestTimeoutMs,
  sliceBytesMax,
} from "./bus.kafka-cluster.ts";
import { type KafkaHealth, subscribeKafka } from "./bus.kafka-subscription.ts";
import type { Bus, Message, Subscription } from "./bus.ts";
import { connectPatiently } from "./connect.ts";
import { checkMessages, checkTopic } from "./event.ts";
import type { Log } from "./log.ts";
import { Outage } from "./refusal.ts";

export type KafkaBusOptions = {
  /** `host:port` of some of the brokers; they name the others. */
  readonly brokers: readonly string[];
  /** Default: in the clear, without a login. */
  readonly security?: KafkaSecurity;
  readonly log: Log;
  /** What the brokers call this process in their logs and metrics; default `webstore`. */
  readonly clientId?: string;
  /** For topics that are new; default 8: as many members of a group can share the work. At most 64. */
  readonly partitions?: number;
  /** For topics that are new; default 7 days, and 30 for dead letters (`…-dlq`). */
  readonly retentionMs?: { readonly events?: number; readonly deadLetters?: number };
  /** Default 6 s: how long a member that has died keeps its partitions. Renewed at a third of it. */
  readonly sessionTimeoutMs?: number;
  /** Default 5 s: when a look that failed is tried again. */
  readonly pollRetryMs?: number;
  /** Default 1 s: when a message comes again whose handler has failed. */
  readonly redeliverMs?: number;
  /** Default 30 s: how long partitions that are added to a topic may stay unknown. */
  readonly topicAgeMaxMs?: number;
  /** A clock that only goes forward. */
  readonly nowMs?: () => number;
  /** The waits before the first connection is tried again. */
  readonly delayMs?: (ms: number) => Promise<void>;
};

const dayMs = 86_400_000;
const probeEveryMs = 1_000;
const partitionsMax = 64;
const waitingMax = 256;
const publishRetriesMax = 5;
const publishRetryMs = 500;

export async function openKafkaBus(options: KafkaBusOptions): Promise<Bus> {
  const { brokers, security = {}, log, clientId = "webstore", partitions = 8, retentionMs = {} } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
    throw new RangeError(`a topic has 1 to ${partitionsMax} partitions`);
  }
  const { events = 7 * dayMs, deadLetters = 30 * dayMs } = retentionMs;
  const cluster = openKafkaCluster({
    brokers,
    security,
    clientId,
    partitions,
    topicAgeMaxMs: options.topicAgeMaxMs ?? 30_000,
    retentionMs: (topic) => (topic.endsWith("-dlq") ? deadLetters : events),
  });
  await connect(cluster, options);
  const health = watch(cluster);
  const topics = openTopics(cluster);
  const producer = openProducer({ brokers, security, clientId }, health);
  const publish = openPublisher(producer, topics);
  const subscriptions = new Set<Subscription>();
  let closing: Promise<void> | undefined;

  return {
    publish: (messages) => health.observe(publish(messages)),
    subscribe: async (is) => {
      if (closing !== undefined) throw new Error("the bus is closed");
      checkTopic(is.topic);
      await health.observe(topics.ensure(is.topic));
      const parts = {
        cluster,
        health,
        log,
        nowMs: options.nowMs ?? (() => performance.now()),
        sessionTimeoutMs: options.sessionTimeoutMs ?? 6_000,
        pollRetryMs: options.pollRetryMs ?? 5_000,
        redeliverMs: options.redeliverMs ?? 1_000,
      };
      const subscription = subscribeKafka(parts, is);
      subscriptions.add(subscription);
      return subscription;
    },
    ready: () => health.isWell() && closing === undefined,
    close: () => {
      closing ??= (async () => {
        await Promise.all([...subscriptions].map((each) => each.stop()));
        health.stop();
        await producer.close();
        await cluster.close();
      })();
      return closing;
    },
  };
}

async function connect(cluster: KafkaCluster, { log, delayMs }: KafkaBusOptions): Promise<void> {
  const what = "the bus";
  try {
    await connectPatiently(() => cluster.probe(), { what, log, isOutage: isKafkaOutage, delayMs });
  } catch (error) {
    await cluster.close();
    if (!isKafkaOutage(error)) throw error;
    const message = refusesLogin(error) ? "Kafka refuses the login" : "Kafka cannot be reached";
    throw new Outage("bus", message, { cause: error, notSent: true });
  }
}

/** Told deep within what the library calls a connection that failed. */
function refusesLogin(error: unknown): boolean {
  if (error instanceof AuthenticationError) return true;
  if (error instanceof AggregateError) return error.errors.some(refusesLogin);
  return error instanceof Error && refusesLogin(error.cause);
}

/** Whether the brokers answer, by what is asked of them anyway; once they have not, they are asked until they do. */
function watch(cluster: KafkaCluster): KafkaHealth & { look(): void; stop(): void } {
  let isWell = true;
  let isStopped = false;
  let probe: NodeJS.Timeout | undefined;
  const recovered = () => {
    isWell = true;
    clearInterval(probe);
    probe = undefined;
  };
  const failed = (error: unknown) => {
    if (isStopped || !(isKafkaOutage(error) || error instanceof Outage)) return;
    isWell = false;
    probe ??= setInterval(() => void cluster.probe().then(recovered, failed), probeEveryMs).unref();
  };
  return {
    observe: async (work) => {
      try {
        return await work;
      } catch (error) {
        failed(error);
        throw error;
      }
    },
    isWell: () => isWell,
    look: () => {
      if (isWell && !isStopped) cluster.probe().catch(failed);
    },
    stop: () => {
      isStopped = true;
      clearInterval(probe);
    },
  };
}

type Topics = { ensure(topic: string): Promise<void>; forget(): void };

function openTopics(cluster: KafkaCluster): Topics {
  const known = new Map<string, Promise<void>>();
  return {
    ensure: (topic) => {
      const found = known.get(topic);
      if (found !== undefined) return found;
      const making = cluster.ensureTopic(topic);
      known.set(topic, making);
      making.catch(() => known.delete(topic));
      return making;
    },
    forget: () => known.clear(),
  };
}

type KafkaProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

function openProducer(
  { brokers, security, clientId }: Pick<KafkaClusterOptions, "brokers" | "security" | "clientId">,
  health: { look(): void },
): KafkaProducer {
  const producer: KafkaProducer = new Producer({
    ...connectionSecurity(security),
    clientId,
    bootstrapBrokers: [...brokers],
    idempotent: true,
    acks: ProduceAcks.ALL,
    retries: publishRetriesMax,
    retryDelay: publishRetryMs,
    timeout: requestTimeoutMs,
    requestTimeout: 2 * requestTimeoutMs,
    connectTimeout: connectTimeoutMs,
    autocreateTopics: false,
    partitioner: (_, key) => murmur2(key ?? Buffer.alloc(0)) & 0x7fffffff,
  });
  // A connection that ends may be the first sign that nobody is there.
  producer.on("client:broker:disconnect", () => health.look());
  return producer;
}

/** One batch after the other (A1); whoever comes when too many wait is told so. */
function openPublisher(
  producer: KafkaProducer,
  topics: Topics,
): (messages: readonly Message[]) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (messages) => {
    checkMessages(messages);
    if (messages.length === 0) return;
    if (waiting >= waitingMax) throw new Outage("bus", "too much waits to be published", { notSent: true });
    waiting += 1;
    const turn = last.then(() => send(producer, topics, messages));
    last = turn.catch(() => {});
    try {
      await turn;
    } finally {
      waiting -= 1;
    }
  };
}

async function send(producer: KafkaProducer, topics: Topics, messages: readonly Message[]): Promise<void> {
  try {
    for (const topic of new Set(messages.map((each) => each.topic))) await topics.ensure(topic);
    for (const slice of slicesOf(messages)) await producer.send({ messages: slice.map(recordOf) });
  } catch (error) {
    if (error instanceof Error && /^Unknown topic/.test(error.message)) {
      topics.forget();
      const message = "the bus has lost its topics; they are made anew at the next try";
      throw new Outage("bus", message, { cause: error });
    }
    if (isKafkaOutage(error)) throw new Outage("bus", "Kafka did not answer", { cause: error });
    throw error;
  }
}

/** As much as a broker takes in one batch of a partition, in the order given. */
export function slicesOf(messages: readonly Message[]): Message[][] {
  const slices: Message[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const more = recordBytesOf(message);
    if (bytes + more > sliceBytesMax) {
      slices.push([]);
      bytes = 0;
    }
    slices.at(-1)?.push(message);
    bytes += more;
  }
  return slices;
}

function recordOf({ topic, key, value, headers }: Message): MessageToProduce<Buffer, Buffer, Buffer, Buffer> {
  return {
    topic,
    key: Buffer.from(key),
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    headers: new Map(
      Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
    ),
  };
}

const seed = 0x9747b28c;
const factor = 0x5bd1e995;

/** The hash by which Kafka's clients choose a partition: the same for a key in every process, for ever. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tail = bytes.byteLength & ~3;
  let hash = seed ^ bytes.byteLength;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(view.getInt32(at, true), factor);
    word = Math.imul(word ^ (word >>> 24), factor);
    hash = Math.imul(hash, factor) ^ word;
  }
  for (let at = bytes.byteLength - 1; at >= tail; at--) hash ^= view.getUint8(at) << (8 * (at - tail));
  if (tail < bytes.byteLength) hash = Math.imul(hash, factor);
  hash = Math.imul(hash ^ (hash >>> 13), factor);
  return hash ^ (hash >>> 15);
}
