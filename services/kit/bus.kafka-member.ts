// One member of a consumer group, as Kafka's coordinator sees it: it joins, keeps itself alive, commits and leaves.
//
// Invariants:
//   P1. A commit carries the generation in which its member had the partitions; after another round Kafka refuses it.
//       It is never sent again by itself under a newer generation.
//   P2. A member that Kafka no longer knows has nothing: it joins as a new one.
//
// It speaks the protocol of Kafka's own consumers (`consumer`), with an assignment of ours under a name of ours: all
// members of a group have to be of this kind.

import {
  type Broker,
  type Connection,
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  findErrorBy,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV8,
  offsetFetchV9,
  type ProtocolError,
  syncGroupV5,
} from "@platformatic/kafka";
import { assignPartitions } from "./bus.kafka-assignment.ts";
import {
  isKafkaError,
  isKafkaOutage,
  type KafkaCluster,
  type Lane,
  requestTimeoutMs,
} from "./bus.kafka-cluster.ts";

type JoinGroupResponse = joinGroupV9.JoinGroupResponse;

export type KafkaMember = {
  /**
   * Gives the partitions this member has from now on; may wait for the others of the group. `again`: one more round
   * is needed. `lost`: as for beat.
   */
  join(owned: readonly number[]): Promise<readonly number[] | "again" | "lost">;
  /** `rejoin`: the group has changed. `lost`: this member has nothing any more. `none`: it has not joined yet. */
  beat(): Promise<"kept" | "rejoin" | "lost" | "none">;
  /** `later`: a round is under way. `lost`: as for beat. */
  commit(offsets: ReadonlyMap<number, bigint>): Promise<"committed" | "later" | "lost">;
  /** What the group has committed; also for who is no member. */
  committed(): Promise<ReadonlyMap<number, bigint>>;
  leave(): Promise<void>;
  close(): Promise<void>;
};

export type KafkaMemberOptions = {
  readonly cluster: KafkaCluster;
  readonly topic: string;
  readonly group: string;
  readonly sessionTimeoutMs: number;
};

const protocolType = "consumer";
const protocolName = "webstore-sticky";
const subscriptionVersion = 1;
const unknownMember = ["UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"];
/** How long the coordinator waits for the members to join again. They do at the next heartbeat, busy or not. */
const rebalanceTimeoutMs = 10_000;

/** As whom a question is asked; replaced as a whole, so that answers to an earlier self are known by that. */
type Self = { readonly id: string; readonly generation: number };

const stranger: Self = { id: "", generation: -1 };

export function openKafkaMember(options: KafkaMemberOptions): KafkaMember {
  const { cluster, group } = options;
  const joins = cluster.lane(rebalanceTimeoutMs + requestTimeoutMs);
  const ask = askCoordinator(cluster, group);
  let self = stranger;
  let isJoining = false;

  /** What an error says about this member, if anything. */
  const verdict = (error: unknown, asked: Self): "rejoin" | "stale" | "lost" => {
    if (isKafkaError(error, "REBALANCE_IN_PROGRESS")) return "rejoin";
    const isUnknown = isKafkaError(error, ...unknownMember);
    if (!isUnknown && !isKafkaError(error, "ILLEGAL_GENERATION")) throw error;
    if (asked !== self || (isJoining && !isUnknown)) return "stale";
    self = isUnknown ? stranger : { ...self, generation: -1 };
    return "lost";
  };

  const round = async (connection: Connection, owned: readonly number[]) => {
    const joined = await joinGroup(connection, options, self.id, owned, (id) => {
      self = { id, generation: -1 };
    });
    // What it says it has is its own in the new generation, too: nobody else is given that (S1).
    self = { id: joined.memberId, generation: joined.generationId };
    const assignments = joined.leader === joined.memberId ? await assignmentsOf(cluster, joined) : [];
    return syncGroup(connection, options, self, assignments);
  };

  return {
    join: async (owned) => {
      isJoining = true;
      try {
        return await ask(joins, (connection) => round(connection, owned));
      } catch (error) {
        if (isKafkaError(error, "REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION")) return "again";
        if (!isKafkaError(error, ...unknownMember)) throw error;
        self = stranger;
        return "lost";
      } finally {
        isJoining = false;
      }
    },
    beat: async () => {
      const asked = self;
      const { id, generation } = asked;
      if (generation < 0) return "none";
      try {
        await ask(cluster.calls, (to) => heartbeatV4.api.async(to, group, generation, id, null));
        return "kept";
      } catch (error) {
        const found = verdict(error, asked);
        return found === "stale" ? "kept" : found;
      }
    },
    commit: async (offsets) => {
      const asked = self;
      try {
        await ask(cluster.calls, (to) => commitTo(to, options, asked, offsets));
        return "committed";
      } catch (error) {
        return verdict(error, asked) === "lost" ? "lost" : "later";
      }
    },
    committed: () => ask(cluster.calls, (to) => committedOf(to, options, cluster)),
    leave: async () => {
      const { id: memberId } = self;
      if (memberId === "") return;
      await ask(cluster.calls, (to) => leaveGroupV5.api.async(to, group, [{ memberId }]));
    },
    close: () => joins.close(),
  };
}

/** Asks the group's coordinator, which is looked for anew when it seems to have moved. */
function askCoordinator(cluster: KafkaCluster, group: string) {
  let coordinator: Broker | undefined;
  return async <T>(lane: Lane, question: (connection: Connection) => Promise<T>): Promise<T> => {
    try {
      coordinator ??= await cluster.coordinator(group);
      return await question(await lane.to(coordinator));
    } catch (error) {
      if (isKafkaOutage(error)) coordinator = undefined;
      throw error;
    }
  };
}

/** The first time Kafka only gives an id, to be joined with. */
async function joinGroup(
  connection: Connection,
  { group, topic, sessionTimeoutMs }: KafkaMemberOptions,
  memberId: string,
  owned: readonly number[],
  named: (id: string) => void,
): Promise<JoinGroupResponse> {
  const ownedPartitions = [{ topic, partitions: [...owned] }];
  const about = { version: subscriptionVersion, topics: [topic], ownedPartitions };
  const protocols = [{ name: protocolName, metadata: encodeConsumerProtocolSubscription(about) }];
  const join = (id: string) =>
    joinGroupV9.api.async(
      connection,
      group,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      id,
      null,
      protocolType,
      protocols,
      null,
    );
  try {
    return await join(memberId);
  } catch (error) {
    if (!isKafkaError(error, "MEMBER_ID_REQUIRED")) throw error;
    const id = findErrorBy<ProtocolError>(error as Error, "apiId", "MEMBER_ID_REQUIRED")?.memberId;
    if (typeof id !== "string") throw error;
    named(id);
    return await join(id);
  }
}

/** Hands over what the leader has decided, and gives this member's part of it. */
async function syncGroup(
  connection: Connection,
  { group, topic }: KafkaMemberOptions,
  { id, generation }: Self,
  assignments: { memberId: string; assignment: Buffer }[],
): Promise<readonly number[]> {
  const { assignment } = await syncGroupV5.api.async(
    connection,
    group,
    generation,
    id,
    null,
    protocolType,
    protocolName,
    assignments,
  );
  const mine = decodeConsumerProtocolAssignment(assignment).assignedPartitions;
  return mine.find((each) => each.topic === topic)?.partitions ?? [];
}

async function commitTo(
  connection: Connection,
  { group, topic }: KafkaMemberOptions,
  { id, generation }: Self,
  offsets: ReadonlyMap<number, bigint>,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
    partitionIndex,
    committedOffset,
    committedLeaderEpoch: -1,
    committedMetadata: null,
  }));
  const topics = [{ name: topic, partitions }];
  await offsetCommitV8.api.async(connection, group, generation, id, null, topics);
}

/** Members of one group may read different topics; each topic is shared by its own. */
async function assignmentsOf(
  cluster: KafkaCluster,
  { members }: JoinGroupResponse,
): Promise<{ memberId: string; assignment: Buffer }[]> {
  const byTopic = new Map<string, { id: string; owned: readonly number[] }[]>();
  for (const { memberId: id, metadata } of members) {
    const { topics, ownedPartitions } = decodeConsumerProtocolSubscription(metadata);
    for (const topic of topics) {
      const owned = ownedPartitions.find((each) => each.topic === topic)?.partitions ?? [];
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), { id, owned }]);
    }
  }
  const given = new Map<string, { topic: string; partitions: number[] }[]>();
  for (const [topic, claims] of byTopic) {
    const { partitions } = await cluster.topic(topic);
    for (const [id, mine] of assignPartitions(claims, partitions)) {
      given.set(id, [...(given.get(id) ?? []), { topic, partitions: [...mine] }]);
    }
  }
  return [...given].map(([memberId, assignedPartitions]) => ({
    memberId,
    assignment: encodeConsumerProtocolAssignment({ version: subscriptionVersion, assignedPartitions }),
  }));
}

async function committedOf(
  connection: Connection,
  { group, topic }: KafkaMemberOptions,
  cluster: KafkaCluster,
): Promise<ReadonlyMap<number, bigint>> {
  const { partitions } = await cluster.topic(topic);
  const partitionIndexes = Array.from({ length: partitions }, (_, n) => n);
  const wanted = {
    groupId: group,
    memberId: null,
    memberEpoch: -1,
    topics: [{ name: topic, partitionIndexes }],
  };
  const { groups } = await offsetFetchV9.api.async(connection, [wanted], false);
  const found = groups[0]?.topics.find(({ name }) => name === topic)?.partitions ?? [];
  return new Map(
    found
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
  );
}
