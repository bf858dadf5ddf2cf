// Publishes the letters that are scheduled, at the rate of their redrive, until it is stopped. Any number of replicas
// may run one each; what one leaves behind, the others take up (redrive-queue.ts).

import { setTimeout as sleep } from "node:timers/promises";
import type { Bus, Log } from "@webstore/kit";
import { redrivenMessage, type WholeDeadLetter } from "./dead-letter.ts";
import type { RedriveQueue } from "./redrive-queue.ts";

export type RedriverParts = {
  readonly queue: RedriveQueue;
  readonly bus: Pick<Bus, "publish">;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Default 30 s: far longer than publishing takes, for letters that go out twice are work for everybody. */
  readonly leaseMs?: number;
};

const leaseMsDefault = 30_000;
/** When it is tried again to publish what the bus did not take. */
const retryMs = 5_000;
/** How long a redrive can wait that another replica scheduled. */
const pollMs = 1_000;
const restMs = 10;

/** Publishes one claim of one redrive. False when none is due. */
export async function redriveOnce(parts: RedriverParts): Promise<boolean> {
  const { queue, bus, log, nowMs, leaseMs = leaseMsDefault } = parts;
  const startedAtMs = nowMs();
  const claim = await queue.claim({ nowMs: startedAtMs, leaseMs });
  if (claim === undefined) return false;
  const { redriveId, letters, ratePerSecond } = claim;
  let refusedIds: readonly string[];
  try {
    refusedIds = await publish(letters, bus);
  } catch (error) {
    log.warn({ error, redrive_id: redriveId }, "dead letters could not be published; trying again");
    await queue.postpone(claim, { nextAtMs: nowMs() + retryMs });
    return true;
  }
  const nextAtMs = startedAtMs + Math.ceil((letters.length * 1_000) / ratePerSecond);
  await queue.settle(claim, { refusedIds, nowMs: nowMs(), nextAtMs });
  for (const { deadLetterId, sourceTopic, redrives } of letters) {
    const about = { dead_letter_id: deadLetterId, topic: sourceTopic, redrive_id: redriveId };
    if (refusedIds.includes(deadLetterId)) log.error(about, "no bus takes this dead letter; it stays dead");
    else log.info({ ...about, redrives: redrives + 1 }, "a dead letter was redriven");
  }
  return true;
}

/** All at once, or each alone when one of them is what no bus takes. Gives the ids of those; throws when the bus is away. */
async function publish(
  letters: readonly WholeDeadLetter[],
  bus: RedriverParts["bus"],
): Promise<readonly string[]> {
  if (letters.length === 0) return [];
  try {
    await bus.publish(letters.map(redrivenMessage));
    return [];
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  const refusedIds: string[] = [];
  for (const letter of letters) {
    await bus.publish([redrivenMessage(letter)]).catch((error: unknown) => {
      if (!isRefused(error)) throw error;
      refusedIds.push(letter.deadLetterId);
    });
  }
  return refusedIds;
}

const isRefused = (error: unknown) => error instanceof Error && error.name === "MessageRefused";

export type Redriver = {
  /** Costs nothing: call it after a redrive was scheduled. */
  wake(): void;
  /** Finishes the claim in hand. What is left is taken up by another, or at the next start. */
  stop(): Promise<void>;
};

export function startRedriver(parts: RedriverParts): Redriver {
  const { queue, log, nowMs } = parts;
  let stopping = false;
  let failing = false;
  let endWait = new AbortController();
  const wait = async (ms: number) => {
    await sleep(ms, undefined, { signal: endWait.signal }).catch(() => {});
    endWait = new AbortController();
  };
  const turn = async (): Promise<number> => {
    try {
      while (!stopping && (await redriveOnce(parts)));
      const nextAtMs = await queue.nextAtMs();
      if (failing) log.info("the redriver goes on");
      failing = false;
      return nextAtMs === undefined ? pollMs : Math.min(pollMs, Math.max(restMs, nextAtMs - nowMs()));
    } catch (error) {
      if (!failing) log.warn({ error }, "the redriver cannot go on; trying again");
      failing = true;
      return retryMs;
    }
  };
  const running = (async () => {
    while (!stopping) {
      const waitMs = await turn();
      if (!stopping) await wait(waitMs);
    }
  })();
  return {
    wake: () => endWait.abort(),
    stop: async () => {
      stopping = true;
      endWait.abort();
      await running;
    },
  };
}
