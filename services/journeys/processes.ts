// What processes cost, read from /proc: CPU time and memory. Linux only; elsewhere there is nothing to read.

import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second, whatever its clock does. */
const tickMs = 10;

/** The fields of a stat file behind the name, which may hold spaces itself. */
function statOf(path: string): number[] {
  const text = readFileSync(path, "utf8");
  return text
    .slice(text.lastIndexOf(")") + 4)
    .split(" ")
    .map(Number);
}

const [parent, utime, stime, cutime, cstime] = [0, 10, 11, 12, 13] as const;
const sum = (values: readonly (number | undefined)[]) =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);

/** CPU time of all threads of a process, and of its main one. */
export function cpuOf(pid: number): { allMs: number; mainThreadMs: number } {
  const all = statOf(`/proc/${pid}/stat`);
  const main = statOf(`/proc/${pid}/task/${pid}/stat`);
  return {
    allMs: sum([all[utime], all[stime]]) * tickMs,
    mainThreadMs: sum([main[utime], main[stime]]) * tickMs,
  };
}

/** CPU time of a process and of all that it has started, those that have ended since included. */
export function cpuOfFamily(pid: number): number {
  const own = statOf(`/proc/${pid}/stat`);
  const children = childrenOf(pid).map((child) => {
    try {
      return cpuOf(child).allMs;
    } catch {
      // It has ended between the two reads; its parent counts it now.
      return 0;
    }
  });
  return sum([own[utime], own[stime], own[cutime], own[cstime]]) * tickMs + sum(children);
}

/** Shared pages are counted once in `pss` and by everybody in `rss`. */
export function memoryOf(pids: readonly number[]): { rssMib: number; pssMib: number } {
  const read = (pid: number, name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(
      readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"),
    );
    return Number(kib?.[1] ?? 0) / 1_024;
  };
  return {
    rssMib: sum(pids.map((pid) => read(pid, "Rss"))),
    pssMib: sum(pids.map((pid) => read(pid, "Pss"))),
  };
}

export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        return statOf(`/proc/${each}/stat`)[parent] === pid;
      } catch {
        return false;
      }
    });
}
