// The first connection to something outside: at once, and again after 1, 2, 4, 8 and 16 s, for what a service needs may
// start beside it. What is lost later is each client's own affair.

import type { Log } from "./log.ts";
import { delay } from "./retry.ts";

const waitsMs = [1_000, 2_000, 4_000, 8_000, 16_000] as const;

export async function connectPatiently<T>(
  connect: () => Promise<T>,
  is: {
    /** Such as "the bus". */
    what: string;
    log: Log;
    /** Whether trying again can help: nobody answered, rather than an answer that refuses. */
    isOutage: (error: unknown) => boolean;
    delayMs?: ((ms: number) => Promise<void>) | undefined;
  },
): Promise<T> {
  const { what, log, isOutage, delayMs = delay } = is;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await connect();
    } catch (error) {
      const waitMs = waitsMs[attempt];
      if (waitMs === undefined || !isOutage(error)) throw error;
      log.warn({ error, wait_ms: waitMs }, `${what} cannot be reached; trying again`);
      await delayMs(waitMs);
    }
  }
}
