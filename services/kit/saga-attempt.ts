// One step of a saga or its undo: its tries, the key it is made under, and the journal's commits. The
// invariants S1 to S8 are at the head of saga-run.ts.

import { background, inContext } from "./context.ts";
import type { Log } from "./log.ts";
import { PostgresUnavailable, WriteRefused } from "./postgres.ts";
import { Refusal } from "./refusal.ts";
import { backoffMs, delay } from "./retry.ts";
import { type AnySaga, type Step, Waiting } from "./saga.ts";
import type { Journal, Progress, SagaRecord } from "./saga-journal.ts";
import type { Trail } from "./saga-trail.ts";
import type { Span, Telemetry } from "./telemetry.ts";
import type { Write } from "./write.ts";

export type RunParts<Ports> = {
  readonly journal: Journal;
  /** What the steps may use, by name. */
  readonly ports: Ports;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  readonly delayMs?: (ms: number) => Promise<void>;
  readonly nowMs?: () => number;
};

/** One saga while this process has it in hand. */
export type Run<Ports> = {
  readonly saga: AnySaga;
  readonly parts: RunParts<Ports>;
  readonly span: Span;
  readonly trail: Trail;
};

const stepBackoff = { baseMs: 100, capMs: 1_000 };
const undoTriesMax = 3;

/** The saga is somebody else's now, or the journal cannot be reached: nothing more may be done here. */
export class Left extends Error {
  override readonly name = "Left";
}

export type Tried =
  | { ok: true; result?: unknown; record?: SagaRecord }
  /** `unanswered`: one of its tries ended without an answer, so it may have done something, or may do it yet. */
  | { ok: false; error: unknown; unanswered: boolean };

/** One step, with its tries. Throws only Left. */
export async function attemptDo<Ports>(
  run: Run<Ports>,
  step: Step,
  scope: never,
  record: SagaRecord,
  end: Progress,
): Promise<Tried> {
  run.trail.add("do_started", step.name);
  if (step.kind === "step") {
    const work = () => effect(run, step.name, record.id, () => step.do(scope));
    const tried = await tries(run, step.attemptsMax, "do_failed", step.name, work);
    if (tried.ok) run.trail.add("do_finished", step.name);
    return tried;
  }
  try {
    const trail = run.trail.lines({ kind: "do_finished", step: step.name });
    const advanced = await commit(run, record, { ...end, trail }, () => step.do(scope));
    run.trail.add("do_finished", step.name);
    return { ok: true, record: advanced };
  } catch (error) {
    if (error instanceof Left) throw error;
    run.trail.add("do_failed", step.name, error);
    const refusal = error instanceof WriteRefused ? step.whenRefused?.(error.what) : undefined;
    return { ok: false, error: refusal ?? error, unanswered: false };
  }
}

/** One undo, with its tries. Throws only Left. */
export async function attemptUndo<Ports>(
  run: Run<Ports>,
  step: Step,
  scope: never,
  record: SagaRecord,
  index: number,
): Promise<Tried> {
  run.trail.add("undo_started", step.name);
  if (step.kind === "step") {
    const work = () => effect(run, `${step.name}:undo`, record.id, async () => step.undo?.(scope));
    const tried = await tries(run, undoTriesMax, "undo_failed", step.name, work);
    if (tried.ok) run.trail.add("undo_finished", step.name);
    return tried;
  }
  const { status, results, refusal } = record;
  try {
    const trail = run.trail.lines({ kind: "undo_finished", step: step.name });
    const to = { status, results, refusal, position: index, trail };
    const advanced = await commit(run, record, to, () => step.undo?.(scope) ?? []);
    run.trail.add("undo_finished", step.name);
    return { ok: true, record: advanced };
  } catch (error) {
    if (error instanceof Left) throw error;
    run.trail.add("undo_failed", step.name, error);
    return { ok: false, error, unanswered: false };
  }
}

async function tries<Ports>(
  { parts, trail }: Run<Ports>,
  triesMax: number,
  failed: "do_failed" | "undo_failed",
  step: string,
  work: () => Promise<unknown>,
): Promise<Tried> {
  let unanswered = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { ok: true, result: await work() };
    } catch (error) {
      // S7: waiting is no failure.
      if (error instanceof Waiting && failed === "do_failed") return { ok: false, error, unanswered };
      trail.add(failed, step, error);
      unanswered ||= !(error instanceof Refusal);
      if (error instanceof Refusal || attempt >= triesMax) return { ok: false, error, unanswered };
      await (parts.delayMs ?? delay)(backoffMs(attempt, stepBackoff, parts.random));
    }
  }
}

/** S2, S5: under its key, in the service's own name, and free of any request's deadline. */
async function effect<Ports>(
  { parts, span: parent }: Run<Ports>,
  name: string,
  sagaId: string,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const span = parts.telemetry.span(name, "internal", parent.traceparent, {});
  try {
    const result = await inContext({ ...background, span, idempotencyKey: `${sagaId}:${name}` }, work);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Refusal || error instanceof Waiting ? undefined : error);
    throw error;
  }
}

/** A journal commit, and what stands or falls with it. */
export function commit<Ports>(
  { parts, trail }: Run<Ports>,
  record: SagaRecord,
  to: Progress,
  also: () => Write = () => [],
): Promise<SagaRecord> {
  return orLeave(async () => parts.journal.advance(record, { trail: trail.lines(), ...to }, also()));
}

/** What the journal cannot know, or may not do any more, ends the work here; the lease brings it back. */
export async function orLeave<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WriteRefused && error.what === "saga_fenced") {
      throw new Left("somebody else has claimed the saga", { cause: error });
    }
    if (error instanceof PostgresUnavailable)
      throw new Left("the journal cannot be reached", { cause: error });
    throw error;
  }
}
