// One member of a group on the Postgres bus: it has some of the topic's partitions, and works on each in order.
//
// Two loops. The heart beats each third of a lease: it renews the claims and takes or gives partitions so that each
// living member has its share. The other fetches for the partitions that are idle, starts one worker for each, and
// commits what the workers have done; it waits when there is nothing to do, until it is woken.
//
// Invariants:
//   M1. A partition has one worker at a time, and that one handles one message at a time, in order of offsets.
//   M2. A worker begins no message once its claim is lost, its lease may have ended, or the member stops or gives
//       the partition away. The message in hand is always finished.
//   M3. Only what a handler has resolved is committed. A message whose handler failed comes again after a pause;
//       the messages behind it wait, other partitions do not.
//   M4. Bounded: a worker a partition, 100 messages and 4 MB a partition in memory, and a turn of the second loop each
//       `spacingMs`, so that under load what several workers have done is one commit. Whoever comes after a rest is
//       served at once.

import { randomUUID } from "node:crypto";
import type { Health } from "./bus.postgres.ts";
import {
  beat,
  type Claim,
  claim,
  commitProgress,
  fetchMessages,
  lagOf,
  leave,
  type Member,
  openGroup,
  type Progress,
  tellMembers,
} from "./bus.postgres-claims.ts";
import type { ReceivedMessage, Subscription } from "./bus.ts";
import type { Log } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { delay } from "./retry.ts";
import { openSignal } from "./signal.ts";

export type Listeners = Set<(payload: string) => void>;

export type SubscriptionParts = {
  readonly postgres: Postgres;
  readonly health: Health;
  readonly listeners: Listeners;
  readonly channel: string;
  /** How many the topic has. */
  readonly partitions: number;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly pollRetryMs: number;
  readonly redeliverMs: number;
  readonly spacingMs: number;
};

type Wanted = {
  readonly topic: string;
  readonly group: string;
  readonly handle: (message: ReceivedMessage) => Promise<void>;
};

/** A partition that this member has. */
type Held = {
  readonly partition: number;
  readonly fence: bigint;
  /** The first message that is not handled yet, and what of that the database knows. */
  position: bigint;
  committed: bigint;
  /** Its worker is at it. */
  busy: boolean;
  /** There may be something to fetch. */
  look: boolean;
  /** A handler has failed a moment ago. */
  paused: boolean;
  releasing: boolean;
  lost: boolean;
};

type State = {
  readonly member: Member;
  readonly held: Map<number, Held>;
  /** Of the partitions it has, and those of lost ones that still have a message in hand. */
  readonly workers: Set<Promise<void>>;
  /** Until when the claims are certainly this member's. */
  leasedUntilMs: number;
  stopping: boolean;
  failing: boolean;
};

export async function subscribe(parts: SubscriptionParts, is: Wanted): Promise<Subscription> {
  const { postgres, health } = parts;
  const member: Member = { group: is.group, topic: is.topic, id: randomUUID() };
  const state = newState(member);
  const stopped = new AbortController();
  const work = openSignal();
  const heart = openSignal();

  await health.observe(openGroup(postgres, member));
  await health.observe(tellAfter(() => balance(parts, state), parts));

  const listener = (payload: string) => {
    if (payload !== "" && payload !== is.topic) return;
    for (const each of state.held.values()) each.look = true;
    work.wake();
    if (payload === "") heart.wake();
  };
  parts.listeners.add(listener);

  const beating = (async () => {
    while (!state.stopping) {
      await heart.wait(parts.leaseMs / 3);
      if (state.stopping) break;
      await attempt(
        parts,
        state,
        () => balance(parts, state),
        "the partitions could not be renewed; trying again",
      );
      work.wake();
    }
  })();

  const working = (async () => {
    while (!state.stopping) {
      const turn = () => workOnce(parts, is, state, work.wake);
      if (await attempt(parts, state, turn, "the messages could not be fetched; trying again")) {
        await delay(parts.spacingMs, stopped.signal);
        if (await work.wait(parts.pollMs)) continue;
        for (const each of state.held.values()) each.look = true;
      } else {
        await delay(parts.pollRetryMs, stopped.signal);
      }
    }
  })();

  let stop: Promise<void> | undefined;
  const end = async () => {
    state.stopping = true;
    parts.listeners.delete(listener);
    stopped.abort();
    work.wake();
    heart.wake();
    await Promise.all([beating, working]);
    await Promise.all(state.workers);
    await giveBack(parts, state);
  };

  return {
    ready: () => !state.failing && !state.stopping && health.isWell(),
    lag: () => health.observe(lagOf(postgres, member)),
    stop: () => {
      stop ??= end();
      return stop;
    },
  };
}

/** False when the turn failed; that is logged once, however often it fails in a row. */
async function attempt(
  { health, log }: SubscriptionParts,
  state: State,
  turn: () => Promise<void>,
  what: string,
): Promise<boolean> {
  const { topic, group } = state.member;
  try {
    await health.observe(turn());
    if (state.failing) log.info({ topic, group }, "the bus answers again");
    state.failing = false;
    return true;
  } catch (error) {
    if (!state.failing) log.warn({ error, topic, group }, what);
    state.failing = true;
    return false;
  }
}

/** The last commit, and every partition free for the others at once. */
async function giveBack(parts: SubscriptionParts, state: State): Promise<void> {
  const { member } = state;
  for (const each of state.held.values()) each.releasing = true;
  try {
    await commitDone(parts, state);
    await leave(parts.postgres, member);
    await tellMembers(parts.postgres, parts.channel);
  } catch (error) {
    const what = "the partitions were not given back; others get them when the lease ends";
    parts.log.warn({ error, topic: member.topic, group: member.group }, what);
  }
}

const newState = (member: Member): State => ({
  member,
  held: new Map(),
  workers: new Set(),
  leasedUntilMs: 0,
  stopping: false,
  failing: false,
});

/** A new member makes itself known, so that the others give it its share at once. */
async function tellAfter(join: () => Promise<void>, { postgres, channel }: SubscriptionParts): Promise<void> {
  await join();
  await tellMembers(postgres, channel);
}

/** Renews the claims, and moves towards this member's share of the partitions. */
async function balance(
  { postgres, leaseMs, partitions, nowMs }: SubscriptionParts,
  state: State,
): Promise<void> {
  const { member, held } = state;
  const askedAtMs = nowMs();
  const { others, kept } = await beat(postgres, member, leaseMs);
  state.leasedUntilMs = askedAtMs + leaseMs;
  for (const each of [...held.values()]) if (!kept.includes(each.partition)) drop(state, each);

  const share = Math.ceil(partitions / (others + 1));
  const excess = [...held.values()].filter((each) => !each.releasing).slice(share);
  for (const each of excess) each.releasing = true;
  if (held.size >= share || state.stopping) return;
  for (const each of await claim(postgres, member, leaseMs, share - held.size)) {
    held.set(each.partition, holdingOf(each));
  }
}

function holdingOf({ partition, fence, nextOffset }: Claim): Held {
  const flags = { busy: false, look: true, paused: false, releasing: false, lost: false };
  return { partition, fence, position: nextOffset, committed: nextOffset, ...flags };
}

function drop(state: State, each: Held): void {
  each.lost = true;
  if (state.held.get(each.partition) === each) state.held.delete(each.partition);
}

/** Commits what is done, fetches for who is idle, and starts the workers. */
async function workOnce(parts: SubscriptionParts, is: Wanted, state: State, wake: () => void): Promise<void> {
  const mayWork = parts.nowMs() < state.leasedUntilMs;
  const isIdle = (each: Held) => each.look && !each.paused && !each.releasing && !each.busy;
  const idle = mayWork ? [...state.held.values()].filter(isIdle) : [];
  for (const each of idle) each.look = false;
  const [, found] = await Promise.all([
    commitDone(parts, state),
    idle.length === 0 ? undefined : fetchMessages(parts.postgres, is.topic, idle),
  ]).catch((error: unknown) => {
    for (const each of idle) each.look = true;
    throw error;
  });
  for (const each of idle) {
    const batch = found?.get(each.partition);
    if (batch === undefined) continue;
    each.look ||= batch.more;
    each.busy = true;
    const worker = handleAll(parts, is, state, each, batch.messages).then((failed) => {
      state.workers.delete(worker);
      each.busy = false;
      if (failed) pause(each, parts.redeliverMs, wake);
      wake();
    });
    state.workers.add(worker);
  }
}

function pause(each: Held, ms: number, wake: () => void): void {
  each.paused = true;
  const resume = () => {
    each.paused = false;
    wake();
  };
  setTimeout(resume, ms).unref();
}

/** Handles one message after the other for as long as it may. True when a handler failed. */
async function handleAll(
  { log, nowMs }: SubscriptionParts,
  is: Wanted,
  state: State,
  each: Held,
  messages: readonly ReceivedMessage[],
): Promise<boolean> {
  for (const message of messages) {
    if (each.lost || each.releasing || state.stopping || nowMs() >= state.leasedUntilMs) {
      each.look = true;
      return false;
    }
    try {
      await is.handle(message);
    } catch (error) {
      const { topic, partition, offset } = message;
      log.warn(
        { error, topic, partition, offset: String(offset) },
        "a message was not consumed; it comes again",
      );
      each.look = true;
      return true;
    }
    each.position = message.offset + 1n;
  }
  return false;
}

/** Commits how far each partition is, also in the middle of a batch; gives back those that are to be released and at rest. */
async function commitDone({ postgres, channel }: SubscriptionParts, state: State): Promise<void> {
  const due: { each: Held; progress: Progress }[] = [];
  for (const each of state.held.values()) {
    const release = each.releasing && !each.busy;
    if (each.position === each.committed && !release) continue;
    const { partition, fence, position: nextOffset } = each;
    due.push({ each, progress: { partition, fence, nextOffset, release } });
  }
  if (due.length === 0) return;
  const accepted = await commitProgress(
    postgres,
    state.member,
    due.map(({ progress }) => progress),
  );
  for (const { each, progress } of due) {
    each.committed = progress.nextOffset;
    if (progress.release || !accepted.has(each.partition)) drop(state, each);
  }
  if (due.some(({ progress }) => progress.release) && !state.stopping) await tellMembers(postgres, channel);
}
