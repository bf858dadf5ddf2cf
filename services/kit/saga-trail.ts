// What happened to a saga, for whoever looks at it later: a line for each step, attempt and undo.
//
// Invariants:
//   T1. The trail costs no statement of its own: its lines wait in memory for the next one that the journal makes
//       anyway. So after a crash the lines since the last commit are missing, as is their progress (S2).
//   T2. It is bounded: the last 200 lines, each with at most 500 characters of what went wrong.
//   T3. No line holds a secret (reason.ts), an input or a result.

import { reasonOf } from "./reason.ts";

export type TrailKind =
  | "do_started"
  | "do_finished"
  | "do_failed"
  | "undo_started"
  | "undo_finished"
  | "undo_failed";

export type TrailLine = {
  readonly atMs: number;
  readonly kind: TrailKind;
  readonly step: string;
  /** Empty when nothing went wrong. */
  readonly error: string;
};

export const trailLinesMax = 200;

export type Trail = {
  add(kind: TrailKind, step: string, error?: unknown): void;
  /** The lines so far, and one more that comes true with the commit they are given to. */
  lines(and?: { kind: TrailKind; step: string }): readonly TrailLine[];
};

export function openTrail(start: readonly TrailLine[], nowMs: () => number): Trail {
  const lines = [...start];
  const lineOf = (kind: TrailKind, step: string, error?: unknown): TrailLine => ({
    atMs: nowMs(),
    kind,
    step,
    error: error === undefined ? "" : reasonOf(error),
  });
  return {
    add: (kind, step, error) => {
      lines.push(lineOf(kind, step, error));
      if (lines.length > 2 * trailLinesMax) lines.splice(0, trailLinesMax);
    },
    lines: (and) => [...lines, ...(and === undefined ? [] : [lineOf(and.kind, and.step)])],
  };
}

/** As it is stored: short, for it is written with each commit. */
export function trailToJson(lines: readonly TrailLine[]): string {
  const last = lines.slice(-trailLinesMax);
  return JSON.stringify(
    last.map(({ atMs, kind, step, error }) =>
      error === "" ? [atMs, kind, step] : [atMs, kind, step, error],
    ),
  );
}

export function trailFromJson(text: string): TrailLine[] {
  const stored = JSON.parse(text) as [number, TrailKind, string, string?][];
  return stored.map(([atMs, kind, step, error = ""]) => ({ atMs, kind, step, error }));
}
