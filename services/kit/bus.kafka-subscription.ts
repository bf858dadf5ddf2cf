// One member of a group on Kafka: it has some of the topic's partitions, and works on each in order.
//
// Four loops. One joins the group, and again whenever the group changes; the heart beats each third of a session; one
// fetches; one commits what the workers have done. A worker a partition is in bus.kafka-partition.ts.
//
// Invariants:
//   N1. Partitions move after the message in hand. A member that is to give one up finishes its message, commits, and
//       only then joins again without it; the others of its partitions go on meanwhile (S1).
//   N2. No message is begun after the session may have ended, by this process's clock: then somebody else may have the
//       partitions. A member that is told so drops them, and commits nothing of them any more.
//   N3. Only what a handler has resolved is committed; commits follow as fast as Kafka takes them, one at a time.
//   N4. A failed look is repeated after `pollRetryMs` (SPEC 6); what is in memory goes on.
//   N5. Bounded: a worker a partition, and 2 MiB of messages.

import type { Broker } from "@platformatic/kafka";
import {
  byBroker,
  isKafkaError,
  type KafkaCluster,
  type Lane,
  requestTimeoutMs,
} from "./bus.kafka-cluster.ts";
import { fetchFrom, fetchWaitMaxMs } from "./bus.kafka-fetch.ts";
import { type KafkaMember, openKafkaMember } from "./bus.kafka-member.ts";
import { type HeldPartition, holdPartition, startWorker, type WorkerParts } from "./bus.kafka-partition.ts";
import type { ReceivedMessage, Subscription } from "./bus.ts";
import type { Log } from "./log.ts";
import { delay } from "./retry.ts";
import { openSignal, type Signal } from "./signal.ts";

export type KafkaHealth = {
  /** Passes the outcome on, and remembers whether the brokers were there. */
  observe<T>(work: Promise<T>): Promise<T>;
  isWell(): boolean;
};

export type KafkaSubscriptionParts = {
  readonly cluster: KafkaCluster;
  readonly health: KafkaHealth;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly sessionTimeoutMs: number;
  readonly pollRetryMs: number;
  readonly redeliverMs: number;
};

type Wanted = {
  readonly topic: string;
  readonly group: string;
  readonly handle: (message: ReceivedMessage) => Promise<void>;
};

type State = {
  readonly parts: KafkaSubscriptionParts;
  readonly is: Wanted;
  readonly member: KafkaMember;
  readonly fetches: Lane;
  readonly held: Map<number, HeldPartition>;
  /** The messages in hand of partitions that were lost. */
  readonly leftovers: Set<Promise<void>>;
  readonly worker: WorkerParts;
  readonly bells: Readonly<Record<"join" | "beat" | "fetch" | "commit", Signal>>;
  /** The brokers that have not answered yet. */
  readonly asked: Set<string>;
  /** What fails at the moment. */
  readonly failing: Set<string>;
  /** Aborted when no message is to be begun any more, and when the loops are to end. */
  readonly stopping: AbortController;
  readonly ended: AbortController;
  mustJoin: boolean;
  isJoining: boolean;
  hasJoined: boolean;
  /** How often everything was lost: what was asked before says nothing about after. */
  losses: number;
  leasedUntilMs: number;
  /** How many the topic had at the last look. */
  partitions: number | undefined;
};

const idleMs = 1_000;
const staleMs = 200;
const lastCommitsMax = 20;
const betweenLastCommitsMs = 100;

/** The topic is there. The member joins its group in the background: `ready` tells. */
export function subscribeKafka(parts: KafkaSubscriptionParts, is: Wanted): Subscription {
  const state = newState(parts, is);
  const { bells, failing, stopping } = state;
  const loops = [
    loop(state, "join", idleMs, parts.pollRetryMs, () => joinIfNeeded(state)),
    loop(state, "beat", parts.sessionTimeoutMs / 3, 0, () => beat(state)),
    loop(state, "fetch", idleMs, parts.pollRetryMs, () => fetchAll(state)),
    loop(state, "commit", idleMs, idleMs, () => commitDone(state)),
  ];
  bells.join.wake();
  let stop: Promise<void> | undefined;
  const end = async () => {
    stopping.abort();
    for (const each of state.held.values()) each.releasing = true;
    await Promise.all([...state.leftovers, ...[...state.held.values()].map((each) => each.worker)]);
    await giveBack(state);
    await Promise.all([state.member.close(), state.fetches.close()]);
    await Promise.all(loops);
  };
  return {
    ready: () => state.hasJoined && failing.size === 0 && !stopping.signal.aborted && parts.health.isWell(),
    lag: () => parts.health.observe(lagOf(state)),
    stop: () => {
      stop ??= end();
      return stop;
    },
  };
}

function newState(parts: KafkaSubscriptionParts, is: Wanted): State {
  const { cluster, log, sessionTimeoutMs, redeliverMs } = parts;
  const { topic, group } = is;
  const stopping = new AbortController();
  const state: State = {
    parts,
    is,
    member: openKafkaMember({ cluster, topic, group, sessionTimeoutMs }),
    fetches: cluster.lane(fetchWaitMaxMs + requestTimeoutMs),
    held: new Map(),
    leftovers: new Set(),
    worker: {
      handle: is.handle,
      mayWork: () => !stopping.signal.aborted && parts.nowMs() < state.leasedUntilMs,
      moved: () => {
        state.bells.commit.wake();
        state.bells.fetch.wake();
      },
      failed: ({ partition, offset }, error) =>
        log.warn(
          { error, topic, partition, offset: String(offset) },
          "a message was not consumed; it comes again",
        ),
      pause: () => delay(redeliverMs, stopping.signal),
    },
    bells: { join: openSignal(), beat: openSignal(), fetch: openSignal(), commit: openSignal() },
    asked: new Set(),
    failing: new Set(),
    stopping,
    ended: new AbortController(),
    mustJoin: true,
    isJoining: false,
    hasJoined: false,
    losses: 0,
    leasedUntilMs: 0,
    partitions: undefined,
  };
  return state;
}

/** Turns when its bell rings, and otherwise each `everyMs`; `retryMs` after a turn that failed. */
async function loop(
  state: State,
  name: keyof State["bells"],
  everyMs: number,
  retryMs: number,
  turn: () => Promise<void>,
): Promise<void> {
  while (!state.ended.signal.aborted) {
    await state.bells[name].wait(everyMs);
    if (state.ended.signal.aborted) return;
    if (!(await attempt(state, name, turn))) await delay(retryMs, state.ended.signal);
  }
}

const failures = {
  join: "the group could not be joined; trying again",
  beat: "the group's coordinator does not answer; trying again",
  fetch: "the messages could not be fetched; trying again",
  commit: "what is consumed could not be committed; trying again",
} as const;

/** False when the turn failed; that is logged once, however often it fails in a row. */
async function attempt(
  state: State,
  name: keyof typeof failures,
  turn: () => Promise<void>,
): Promise<boolean> {
  const { parts, is, failing, ended } = state;
  const { topic, group } = is;
  // What ends in the middle, because the connections are closed, says nothing about the brokers.
  const outcome = turn().catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });
  try {
    await parts.health.observe(outcome);
    if (failing.delete(name)) parts.log.info({ topic, group, loop: name }, "Kafka answers again");
    return true;
  } catch (error) {
    if (!failing.has(name)) parts.log.warn({ error, topic, group }, failures[name]);
    failing.add(name);
    parts.cluster.forget(topic);
    return false;
  }
}

async function joinIfNeeded(state: State): Promise<void> {
  const { parts, is, member, held, bells } = state;
  if (!state.mustJoin) return;
  state.mustJoin = false;
  state.isJoining = true;
  try {
    const mine = await member.join([...held.keys()]);
    if (mine === "lost") loseAll(state);
    if (mine === "lost" || mine === "again") return joinAgain(state);
    const stops = state.stopping.signal.aborted;
    for (const each of held.values()) each.releasing = stops || !mine.includes(each.partition);
    if (!stops)
      await hold(
        state,
        mine.filter((partition) => !held.has(partition)),
      );
    state.partitions = (await parts.cluster.topic(is.topic)).partitions;
    state.hasJoined = true;
  } catch (error) {
    state.mustJoin = true;
    throw error;
  } finally {
    state.isJoining = false;
    // The session was not renewed while the others were waited for.
    bells.beat.wake();
    bells.commit.wake();
    bells.fetch.wake();
  }
}

function joinAgain(state: State): void {
  state.mustJoin = true;
  state.bells.join.wake();
}

/** Begins where the group has left off; with the first message there is, if it never was there. */
async function hold(state: State, partitions: readonly number[]): Promise<void> {
  if (partitions.length === 0) return;
  const { losses, held } = state;
  const committed = await state.member.committed();
  const isNew = partitions.some((each) => !committed.has(each));
  const first = isNew ? await state.parts.cluster.offsets(state.is.topic, "first") : undefined;
  if (losses !== state.losses) return;
  for (const each of partitions) {
    const position = committed.get(each) ?? first?.get(each);
    if (position === undefined) throw new Error(`partition ${each} of ${state.is.topic} has no leader`);
    held.set(each, holdPartition(each, position));
  }
}

/** Somebody else may have them already (N2). The message in hand is finished, and comes again there. */
function loseAll(state: State): void {
  const { held, leftovers } = state;
  for (const each of held.values()) {
    each.lost = true;
    const inHand = each.worker?.then(() => void leftovers.delete(inHand ?? Promise.resolve()));
    if (inHand !== undefined) leftovers.add(inHand);
  }
  held.clear();
  state.losses += 1;
  state.hasJoined = false;
  state.leasedUntilMs = 0;
}

async function beat(state: State): Promise<void> {
  const { parts, member, worker } = state;
  const askedAtMs = parts.nowMs();
  const { losses } = state;
  const outcome = await member.beat();
  if (outcome === "none" || losses !== state.losses) return;
  if (outcome === "lost") {
    loseAll(state);
    return joinAgain(state);
  }
  state.leasedUntilMs = askedAtMs + parts.sessionTimeoutMs;
  for (const each of state.held.values()) startWorker(each, worker);
  if (outcome === "rejoin" && !state.isJoining) joinAgain(state);
  state.bells.fetch.wake();
}

/** Asks each broker that leads some of this member's partitions and is not being asked. */
async function fetchAll(state: State): Promise<void> {
  const { parts, is, held, asked } = state;
  if (held.size === 0 || !state.worker.mayWork()) return;
  const topic = await parts.cluster.topic(is.topic);
  if (state.hasJoined && topic.partitions !== state.partitions) joinAgain(state);
  for (const [broker, numbers] of byBroker(topic.leaders)) {
    const address = `${broker.host}:${broker.port}`;
    const mine = numbers.flatMap((each) => held.get(each) ?? []).filter((each) => !each.releasing);
    if (mine.length === 0 || asked.has(address)) continue;
    asked.add(address);
    void fetchOne(state, broker, topic.id, mine).then((again) => {
      asked.delete(address);
      if (again) state.bells.fetch.wake();
    });
  }
}

/** False when there is no room for more; a worker that makes some rings. */
async function fetchOne(
  state: State,
  broker: Broker,
  id: string,
  mine: readonly HeldPartition[],
): Promise<boolean> {
  const { parts, is, worker, ended } = state;
  let again = true;
  const turn = async () => {
    const got = await fetchFrom(state.fetches, broker, { name: is.topic, id }, mine);
    again = got !== undefined;
    for (const each of got?.filled ?? []) startWorker(each, worker);
    if (got !== undefined && got.outOfRange.length > 0) await beginAnew(state, got.outOfRange);
    if (got?.isStale !== true) return;
    parts.cluster.forget(is.topic);
    await delay(staleMs, ended.signal);
  };
  if (!(await attempt(state, "fetch", turn))) await delay(parts.pollRetryMs, ended.signal);
  return again;
}

/** Where the next message was deleted, because it had been there for too long, the first that is left is next. */
async function beginAnew(state: State, partitions: readonly HeldPartition[]): Promise<void> {
  const { topic } = state.is;
  const first = await state.parts.cluster.offsets(topic, "first");
  for (const each of partitions) {
    const position = first.get(each.partition);
    if (position === undefined || each.worker !== undefined || each.queue.length > 0) continue;
    const skipped = { topic, partition: each.partition, from: String(each.fetchAt), to: String(position) };
    state.parts.log.error(skipped, "messages were deleted before they were consumed");
    each.fetchAt = position;
    each.position = position;
  }
}

/** Commits how far each partition is, and gives up those that are to be released and at rest (N1). */
async function commitDone(state: State): Promise<void> {
  const { held, member } = state;
  const due = new Map<HeldPartition, bigint>();
  for (const each of held.values()) if (each.position !== each.committed) due.set(each, each.position);
  if (due.size > 0) {
    const { losses } = state;
    const offsets = new Map([...due].map(([each, position]) => [each.partition, position]));
    const outcome = await member.commit(offsets);
    if (losses !== state.losses) return;
    if (outcome === "lost") {
      loseAll(state);
      return joinAgain(state);
    }
    if (outcome === "committed") for (const [each, position] of due) each.committed = position;
  }
  const isDone = (each: HeldPartition) =>
    each.releasing && each.worker === undefined && each.position === each.committed;
  if (state.isJoining || state.stopping.signal.aborted) return;
  const done = [...held.values()].filter(isDone);
  for (const each of done) {
    each.lost = true;
    held.delete(each.partition);
  }
  if (done.length > 0) joinAgain(state);
}

/** The last commit, the end of the loops, and every partition free for the others at once. */
async function giveBack(state: State): Promise<void> {
  const { parts, is, held, member, ended, bells } = state;
  const isBehind = () => [...held.values()].some((each) => each.position !== each.committed);
  try {
    for (let n = 0; isBehind() && n < lastCommitsMax; n++) {
      await commitDone(state);
      // A round of the group is under way.
      if (isBehind()) await delay(betweenLastCommitsMs);
    }
    // A loop that still ran would join again.
    ended.abort();
    await member.leave();
  } catch (error) {
    if (isKafkaError(error, "UNKNOWN_MEMBER_ID")) return;
    const what = "the partitions were not given back; others get them when the session ends";
    parts.log.warn({ error, topic: is.topic, group: is.group }, what);
  } finally {
    ended.abort();
    for (const bell of Object.values(bells)) bell.wake();
  }
}

async function lagOf({ parts, is, member }: State): Promise<number> {
  const [committed, next] = await Promise.all([member.committed(), parts.cluster.offsets(is.topic, "next")]);
  const isNew = [...next.keys()].some((each) => !committed.has(each));
  const first = isNew ? await parts.cluster.offsets(is.topic, "first") : undefined;
  let lag = 0n;
  for (const [partition, end] of next) {
    const behind = end - (committed.get(partition) ?? first?.get(partition) ?? end);
    if (behind > 0n) lag += behind;
  }
  return Number(lag);
}
