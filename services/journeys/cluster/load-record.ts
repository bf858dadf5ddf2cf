// What the clients of a load saw, by what was done to the store meanwhile. A request belongs to what was going on when it began.

import type { Try } from "../shop-requests.ts";

export type Seen = Try & { readonly during: string };

export type Record = ReturnType<typeof openRecord>;

export function openRecord() {
  const seen: Seen[] = [];
  let during = "the start";
  return {
    seen: seen as readonly Seen[],
    onAsked: (asked: Try) => {
      seen.push({ ...asked, during });
    },
    /** From now on this goes on. */
    begin: (what: string) => {
      during = what;
    },
  };
}

/** What somebody who asks once and never again would have made of it. */
export type Careless = {
  readonly requests: number;
  /** Those that got no answer, or one that is not the one that was due. */
  readonly failed: readonly Seen[];
  /** Checkouts that were told that the order is still under way. */
  readonly pending: number;
  readonly repeats: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly mostMs: number;
};

export function careless(seen: readonly Seen[]): Careless {
  const first = seen.filter(({ asks }) => asks === 1);
  const took = first.map(({ tookMs }) => tookMs).sort((left, right) => left - right);
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
  return {
    requests: first.length,
    failed: first.filter(({ status }) => status < 200 || status >= 300),
    pending: first.filter(({ status }) => status === 202).length,
    repeats: seen.length - first.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    mostMs: at(1),
  };
}

/** `503 no healthy upstream 12, no answer ECONNRESET 1`. */
export function failuresOf(failed: readonly Seen[]): string {
  const words = failed.map(({ status, reason }) => `${status === 0 ? "no answer" : status} ${reason ?? ""}`);
  const counted = [...Map.groupBy(words, (word) => word.trim())];
  return counted.map(([word, all]) => `${word} ${all.length}`).join(", ") || "none";
}

export function lineOf(what: string, seen: readonly Seen[]): string {
  const { requests, failed, pending, repeats, p50Ms, p95Ms, mostMs } = careless(seen);
  const times = `p50 ${p50Ms.toFixed(0)} ms, p95 ${p95Ms.toFixed(0)} ms, longest ${mostMs.toFixed(0)} ms`;
  return `${what}: ${requests} requests, failed at first: ${failuresOf(failed)}; under way ${pending}, repeated ${repeats}; ${times}`;
}
