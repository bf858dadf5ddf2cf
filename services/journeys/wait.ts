// Waiting for what happens outside of this process: always polled, always with a bound.

import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Also false for one that has ended and that nobody has asked about yet. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+[ZX]/m.test(readFileSync(status, "utf8"));
}

const pollMs = 20;

/** Polls, with a bound; the last error of `holds` is the reason if the time is up. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  otherwise: string,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${otherwise} (waited ${timeoutMs / 1_000} s)`);
    await delay(pollMs);
  }
}

/** The work, unless it takes longer. */
export async function within<T>(work: Promise<T>, timeoutMs: number, otherwise: string): Promise<T> {
  const over = new AbortController();
  try {
    const late = delay(timeoutMs, undefined, { signal: over.signal }).then(() => {
      throw new Error(`${otherwise} (waited ${timeoutMs / 1_000} s)`);
    });
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
