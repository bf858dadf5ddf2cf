// Deletes dead letters that nobody has looked after for 90 days, now and then and a slice at a time.

import type { Log, Postgres } from "@webstore/kit";
import { retentionDays } from "./dead-letter.ts";
import { pruneDeadLetters } from "./dead-letter-store.postgres.ts";

const everyMs = 3_600_000;
const lettersMax = 1_000;
const slicesMax = 100;

/** Gives how many are gone. */
export async function pruneOld(postgres: Postgres, nowMs: number): Promise<number> {
  const beforeMs = nowMs - retentionDays * 86_400_000;
  let gone = 0;
  for (let slice = 0; slice < slicesMax; slice += 1) {
    const deleted = await pruneDeadLetters(postgres, { beforeMs, lettersMax });
    gone += deleted;
    if (deleted < lettersMax) break;
  }
  return gone;
}

/** Gives the function that ends it. */
export function startPruning(is: { postgres: Postgres; log: Log; nowMs: () => number }): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = pruneOld(is.postgres, is.nowMs()).then(
      (gone) => gone > 0 && is.log.info({ letters: gone }, "old dead letters were deleted"),
      (error: unknown) => is.log.warn({ error }, "old dead letters were not deleted"),
    );
  }, everyMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
