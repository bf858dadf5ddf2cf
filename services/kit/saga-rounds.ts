// When a saga that was put down by something that did not work is tried again, and when a person should look.

import { backoffMs } from "./retry.ts";

/** After so many rounds without progress somebody should look. */
export const roundsMax = 10;

const backoff = { baseMs: 1_000, capMs: 60_000 };

/** How long it is left alone after so many rounds: twice as long each time, at most a minute. */
export function roundPauseMs(rounds: number): number {
  return backoffMs(rounds, backoff, () => 1);
}
