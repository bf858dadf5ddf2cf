// When something that must not be lost is tried again: soon, then ever more patiently, for as long as it takes.

const pausesMs = [1_000, 2_000, 4_000, 30_000, 30_000, 60_000, 60_000, 300_000];
const lastPauseMs = 3_600_000;

/** `attempts`: how often it was tried. */
export function pauseMs(attempts: number): number {
  return pausesMs[attempts - 1] ?? lastPauseMs;
}
