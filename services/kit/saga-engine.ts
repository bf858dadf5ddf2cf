// Holds the sagas that this process has in hand: begins them, waits for them, and takes up those that
// a dead process has left. What happens to one saga between begin and end is in saga-run.ts.
//
// Invariant S1. Before the first effect, the saga is in the journal (begin: one commit). From then on it
// ends: whoever holds the lease goes on with it, and a lease that is not renewed can be claimed. One that was put
// down has no holder, and is claimed when its time has come or when it is woken.

import { describeError, type Log } from "./log.ts";
import { Outage } from "./refusal.ts";
import { delay } from "./retry.ts";
import type { AnySaga, Data, Saga } from "./saga.ts";
import type { SagaRecord } from "./saga-journal.ts";
import { outcomeOf, type RunParts, runSaga, type SagaOutcome } from "./saga-run.ts";

export type { SagaOutcome } from "./saga-run.ts";

export type SagaEngine<Ports> = {
  /** Begins a saga, or finds the one that has this id: then `requestHash` says whether it was asked for the same. */
  begin<Input extends object>(
    saga: Saga<Input, Ports>,
    is: { id: string; requestHash: string; input: Input; traceparent: string },
  ): Promise<{ began: boolean; sameRequest: boolean }>;
  /** The saga of this id as the journal has it. */
  find(id: string): Promise<SagaRecord | undefined>;
  /**
   * Waits for its end, at most `waitMs`; the saga goes on all the same. One that waits itself, here or elsewhere, is
   * answered as `waiting` at once. `undefined`: no saga has this id.
   */
  settle(id: string, waitMs: number): Promise<SagaOutcome | undefined>;
  /**
   * Lets a saga that was put down go on now, here if it can be claimed. One that somebody has in hand goes on at once
   * should it be put down. Resolves when that is certain, not when the saga has moved.
   */
  wake(id: string): Promise<void>;
  /** Sagas that this process has in hand. */
  running(): number;
  /** Claims nothing more, lets what is in hand finish, and hands over what does not within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

export type EngineParts<Ports> = RunParts<Ports> & {
  readonly sagas: readonly AnySaga[];
  readonly leaseMs: number;
  /** Default 1 s, or a lease if that is shorter: how long what is due can wait. */
  readonly lookEveryMs?: number;
};

const runningMax = 1_000;
const claimMax = 20;
const lookEveryMsDefault = 1_000;
const settlePollMs = 100;

export function openSagaEngine<Ports extends object>(parts: EngineParts<Ports>): SagaEngine<Ports> {
  const { journal, log } = parts;
  const inHand = new Map<string, Promise<SagaOutcome>>();
  const known = new Map(parts.sagas.map((each) => [`${each.name}@${each.options.version}`, each]));
  let stopping = false;

  const take = (record: SagaRecord, saga: AnySaga): void => {
    const outcome = goOn(record, saga).finally(() => {
      // It may have been taken over here, under another fence.
      if (inHand.get(record.id) === outcome) inHand.delete(record.id);
    });
    inHand.set(record.id, outcome);
  };

  /** Until it has ended, or is put down and nobody has woken it in the meantime. */
  const goOn = async (start: SagaRecord, saga: AnySaga): Promise<SagaOutcome> => {
    for (let record = start; ; ) {
      const { outcome, woken } = await runSaga(saga, record, parts);
      if (!woken || stopping) return outcome;
      const again = await journal.wake(record.id, [saga]).catch(() => undefined);
      if (again === undefined) return outcome;
      record = again;
    }
  };

  const takeUp = (record: SagaRecord) => {
    const saga = known.get(`${record.name}@${record.version}`);
    if (saga === undefined) return;
    log.info({ saga: record.name, saga_id: record.id, status: record.status }, "goes on with a saga");
    take(record, saga);
  };

  const room = () => (stopping ? 0 : Math.min(claimMax, runningMax - inHand.size));

  const recover = async () => {
    if (inHand.size > 0) await journal.renew([...inHand.keys()]);
    const limit = room();
    if (limit <= 0) return;
    for (const record of await journal.claim(parts.sagas, limit)) takeUp(record);
  };
  const endLooking = everyMs(parts.lookEveryMs ?? Math.min(lookEveryMsDefault, parts.leaseMs), recover, log);

  return {
    running: () => inHand.size,
    find: (id) => journal.find(id),

    async begin(saga, is) {
      if (stopping || inHand.size >= runningMax)
        throw new Outage("sagas", "no room for another saga here", { notSent: true });
      const record = await journal.begin({
        ...is,
        input: is.input as Record<string, Data>,
        saga: saga as unknown as AnySaga,
      });
      if (record !== undefined) {
        take(record, saga as unknown as AnySaga);
        return { began: true, sameRequest: true };
      }
      const existing = await journal.find(is.id);
      return { began: false, sameRequest: existing?.requestHash === is.requestHash };
    },

    async settle(id, waitMs) {
      const untilMs = performance.now() + waitMs;
      for (;;) {
        const here = inHand.get(id);
        const outcome = here && (await within(here, Math.max(0, untilMs - performance.now())));
        if (outcome !== undefined && outcome.status !== "unfinished") return outcome;
        // Out of time, put down, or taken over by another: the journal knows.
        const record = await journal.find(id);
        if (record === undefined) return undefined;
        const leftMs = Math.max(0, untilMs - performance.now());
        const isThrough =
          outcomeOf(record).status !== "unfinished" || (here !== undefined && record.isPutDown);
        if (isThrough || leftMs <= 0) return outcomeOf(record);
        if (!inHand.has(id)) await delay(Math.min(settlePollMs, leftMs));
      }
    },

    async wake(id) {
      const record = await journal.wake(id, room() > 0 ? parts.sagas : []);
      if (record !== undefined) takeUp(record);
    },

    async stop(graceMs) {
      stopping = true;
      // What is claimed meanwhile is in hand, too.
      await endLooking();
      await within(
        Promise.allSettled(inHand.values()).then((): SagaOutcome => ({ status: "done" })),
        graceMs,
      );
      if (inHand.size > 0) await journal.release([...inHand.keys()]);
    },
  };
}

/** Looks now and then, once at a time. Gives the function that ends it, after the look under way. */
function everyMs(ms: number, look: () => Promise<void>, log: Log): () => Promise<void> {
  let looking: Promise<void> | undefined;
  const lookOnce = async () => {
    try {
      await look();
    } catch (error) {
      log.warn({ error: describeError(error) }, "cannot look for unfinished sagas");
    }
    looking = undefined;
  };
  const timer = setInterval(() => {
    looking ??= lookOnce();
  }, ms);
  return async () => {
    clearInterval(timer);
    await looking;
  };
}

async function within(outcome: Promise<SagaOutcome>, waitMs: number): Promise<SagaOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<SagaOutcome>((resolve) => {
    timer = setTimeout(() => resolve({ status: "unfinished" }), waitMs);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
