// Work that a process does by itself, round after round until it stops.
//
// Invariants:
//   G1. One round runs at a time. The next begins at once when the last one was full, else when somebody wakes it,
//       else after `pollMs`. After a round that failed it waits longer each time, and says so once.
//   G2. `stop` lets the round in hand finish.

import { setTimeout as sleep } from "node:timers/promises";
import { currentContext, describeError, inContext, type Log, type Telemetry } from "@webstore/kit";

export type Worker = {
  /** Costs nothing: call it after every commit that leaves work. */
  wake(): void;
  stop(): Promise<void>;
};

const retryMs = { first: 500, last: 10_000 };
/** Before a round, so that what comes together is done together. */
const spacingMs = 100;

export function startWorker(is: {
  name: string;
  log: Pick<Log, "info" | "warn">;
  pollMs: number;
  /** Whether there may be more to do now. */
  round: () => Promise<boolean>;
}): Worker {
  const { name, log, pollMs, round } = is;
  const stopping = new AbortController();
  let waiting: AbortController | undefined;
  let woken = true;
  let failures = 0;

  const pause = async (ms: number) => {
    waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, stopping.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
    waiting = undefined;
  };
  const turn = async (): Promise<number> => {
    woken = false;
    try {
      const isMore = await round();
      if (failures > 0) log.info({ worker: name, failures }, "the work goes on again");
      failures = 0;
      return isMore ? 0 : pollMs;
    } catch (error) {
      if (failures === 0)
        log.warn({ worker: name, error: describeError(error) }, "a round failed; trying again");
      failures += 1;
      return Math.min(retryMs.first * 2 ** Math.min(failures - 1, 10), retryMs.last);
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      const waitMs = await turn();
      if (waitMs === 0 || stopping.signal.aborted) continue;
      if (!woken || failures > 0) await pause(waitMs);
      await sleep(spacingMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = run();

  return {
    wake() {
      woken = true;
      if (failures === 0) waiting?.abort();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Does the work on all items, a few at a time, each in a trace of its own; then throws the first failure. */
export async function inTraces<T>(
  items: readonly T[],
  is: { name: string; telemetry: Pick<Telemetry, "span">; atOnce: number },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const left = items.values();
  const lane = async () => {
    for (const item of left) {
      const span = is.telemetry.span(is.name, "internal", undefined);
      try {
        await inContext({ ...currentContext(), span }, () => work(item));
        span.end();
      } catch (error) {
        failures.push(error);
        span.end(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(is.atOnce, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
