// Runs one saga from where it stands to its end: in the request that asked for it, and, when that
// process has died, in any other one.
//
// Invariants (S1 is in saga-engine.ts):
//   S2. An effect needs no commit of its own. It is made under the key `<saga id>:<step>`, under which
//       repeating it gives the same answer, so after a crash everything since the last commit is
//       simply run again and comes out the same. That is why authors must keep to A1 and A2 (saga.ts).
//   S3. The turn from doing to undoing is committed before the first undo. Without it a replay could
//       find the partner willing this time, and go forward over what was already undone.
//   S4. A step that refused has done nothing, and is not undone. One that was given up may have done
//       something or may do it yet, so its own undo runs too.
//   S5. Undoing cannot be cancelled: not by the caller, not by a deadline. An undo that is given up is
//       parked and tried again later, for ever; after `undoAttemptsMax` rounds the saga is `stuck`, so that
//       a person looks. One that is refused is `stuck` at once, and waits for them.
//   S6. Every commit carries the fence. A process that lost its lease can only fail to commit; what it
//       may still call elsewhere is harmless by A2 and A3.
//
// Commits for a saga that succeeds: 1 to begin, 1 for each `write`; the last write is also the end.
// place-order has two writes (open, paid), so 3: begin, because stock must not be reserved for an order
// that a crash forgets; open, because money must not be held for an order that does not exist; paid,
// which is the end. Effects between them cost none, by S2.

import { background, inContext } from "./context.ts";
import { describeError, type Log } from "./log.ts";
import { PostgresUnavailable, WriteRefused } from "./postgres.ts";
import { Refusal, type RefusalCode } from "./refusal.ts";
import { backoffMs, delay } from "./retry.ts";
import type { AnySaga, SagaRefusal, Step } from "./saga.ts";
import type { Journal, SagaRecord } from "./saga-journal.ts";
import type { Span, Telemetry } from "./telemetry.ts";
import type { Write } from "./write.ts";

export type SagaOutcome =
  | { readonly status: "done" }
  | { readonly status: "refused"; readonly refusal: Refusal }
  /** Still going on, here or elsewhere, or left to a recovery. */
  | { readonly status: "unfinished" }
  | { readonly status: "stuck" };

export type RunParts<Ports> = {
  readonly journal: Journal;
  /** What the steps may use, by name. */
  readonly ports: Ports;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  readonly delayMs?: (ms: number) => Promise<void>;
};

const stepBackoff = { baseMs: 100, capMs: 1_000 };
const parkBackoff = { baseMs: 1_000, capMs: 60_000 };
const undoTriesMax = 3;
export const undoAttemptsMax = 10;

/** The saga is somebody else's now, or the journal cannot be reached: nothing more may be done here. */
class Left extends Error {
  override readonly name = "Left";
}

export function outcomeOf(record: SagaRecord): SagaOutcome {
  if (record.status === "done" || record.status === "stuck") return { status: record.status };
  if (record.status !== "refused" || record.refusal === undefined) return { status: "unfinished" };
  return { status: "refused", refusal: refusalOf(record.refusal) };
}

/** One saga from where it stands to its end; never rejects. */
export async function runSaga<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: RunParts<Ports>,
): Promise<SagaOutcome> {
  const span = parts.telemetry.span(`saga ${saga.name}`, "internal", start.traceparent, {
    "saga.id": start.id,
  });
  return inContext({ ...background, span }, async () => {
    try {
      const turned = start.status === "running" ? await forward(saga, start, parts, span) : start;
      const ended =
        turned.status === "undoing" || turned.status === "stuck"
          ? await backward(saga, turned, parts, span)
          : turned;
      span.end();
      count(parts, saga, ended.status);
      return outcomeOf(ended);
    } catch (error) {
      span.end(error);
      const level = error instanceof Left ? "warn" : "error";
      parts.log[level](
        { saga: saga.name, saga_id: start.id, error: describeError(error) },
        "leaves a saga to recovery",
      );
      return { status: "unfinished" };
    }
  });
}

function count<Ports>(parts: RunParts<Ports>, saga: AnySaga, status: string) {
  parts.telemetry.counter("webstore.sagas").add(1, { saga: saga.name, status });
}

async function forward<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: RunParts<Ports>,
  span: Span,
): Promise<SagaRecord> {
  let record = start;
  const results = { ...start.results };
  for (let index = start.position; index < saga.steps.length; index += 1) {
    const step = saga.steps[index] as Step;
    const isLast = index === saga.steps.length - 1;
    const scope = { ...parts.ports, ...results, sagaId: record.id, input: record.input } as never;
    const end = {
      status: isLast ? "done" : "running",
      position: index + 1,
      results,
      refusal: undefined,
    } as const;
    const tried = await attempt(step, scope, record, end, parts, span);
    if (tried.ok) {
      if (tried.record !== undefined) record = tried.record;
      else if (tried.result !== undefined) results[step.name] = tried.result;
      if (isLast && tried.record === undefined) record = await commit(record, end, parts);
      continue;
    }
    if (step.kind === "step" && step.bestEffort) {
      parts.log.warn(
        { saga: saga.name, saga_id: record.id, step: step.name, error: describeError(tried.error) },
        "goes on without a step",
      );
      if (isLast) record = await commit(record, end, parts);
      continue;
    }
    // S4: what refused is not undone, what was given up is.
    const position = tried.error instanceof Refusal ? index : index + 1;
    const refusal = tried.error instanceof Refusal ? tried.error : saga.options.givenUp(step.name);
    parts.log.info(
      {
        saga: saga.name,
        saga_id: record.id,
        step: step.name,
        reason: refusal.reason,
        error: describeError(tried.error),
      },
      "undoes a saga",
    );
    return commit(record, { status: "undoing", position, results, refusal: recordOf(refusal) }, parts);
  }
  return record;
}

type Tried = { ok: true; result?: unknown; record?: SagaRecord } | { ok: false; error: unknown };

/** One step, with its tries. Throws only Left. */
async function attempt<Ports>(
  step: Step,
  scope: never,
  record: SagaRecord,
  end: Parameters<Journal["advance"]>[1],
  parts: RunParts<Ports>,
  span: Span,
): Promise<Tried> {
  if (step.kind === "write") {
    try {
      return { ok: true, record: await commit(record, end, parts, () => step.do(scope)) };
    } catch (error) {
      if (error instanceof Left) throw error;
      const refusal = error instanceof WriteRefused ? step.whenRefused?.(error.what) : undefined;
      return { ok: false, error: refusal ?? error };
    }
  }
  return tries(step.attemptsMax, parts, () =>
    effect(step.name, record.id, span, parts, () => step.do(scope)),
  );
}

async function tries<Ports>(
  triesMax: number,
  parts: RunParts<Ports>,
  work: () => Promise<unknown>,
): Promise<Tried> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { ok: true, result: await work() };
    } catch (error) {
      if (error instanceof Refusal || attempt >= triesMax) return { ok: false, error };
      await (parts.delayMs ?? delay)(backoffMs(attempt, stepBackoff, parts.random));
    }
  }
}

/** S2, S5: under its key, in the service's own name, and free of any request's deadline. */
async function effect<Ports>(
  name: string,
  sagaId: string,
  parent: Span,
  parts: RunParts<Ports>,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const span = parts.telemetry.span(name, "internal", parent.traceparent, {});
  try {
    const result = await inContext({ ...background, span, idempotencyKey: `${sagaId}:${name}` }, work);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Refusal ? undefined : error);
    throw error;
  }
}

async function backward<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: RunParts<Ports>,
  span: Span,
): Promise<SagaRecord> {
  let record = start;
  for (let index = start.position - 1; index >= 0; index -= 1) {
    const step = saga.steps[index] as Step;
    if (step.undo === undefined) continue;
    const scope = {
      ...parts.ports,
      ...record.results,
      sagaId: record.id,
      input: record.input,
      refusal: record.refusal,
    } as never;
    parts.telemetry.counter("compensation_calls").add(1, { saga: saga.name, step: step.name });
    const undone = await attemptUndo(step, scope, record, index, parts, span);
    if (!undone.ok) return park(saga, record, step.name, undone.error, parts);
    record = undone.record ?? record;
  }
  return commit(
    record,
    { status: "refused", position: 0, results: record.results, refusal: record.refusal },
    parts,
  );
}

async function attemptUndo<Ports>(
  step: Step,
  scope: never,
  record: SagaRecord,
  index: number,
  parts: RunParts<Ports>,
  span: Span,
): Promise<Tried> {
  if (step.kind === "step") {
    const undo = async () => step.undo?.(scope);
    return tries(undoTriesMax, parts, () => effect(`${step.name}:undo`, record.id, span, parts, undo));
  }
  const { status, results, refusal } = record;
  try {
    const to = { status, results, refusal, position: index };
    return { ok: true, record: await commit(record, to, parts, () => step.undo?.(scope) ?? []) };
  } catch (error) {
    if (error instanceof Left) throw error;
    return { ok: false, error };
  }
}

async function park<Ports>(
  saga: AnySaga,
  record: SagaRecord,
  step: string,
  error: unknown,
  parts: RunParts<Ports>,
): Promise<SagaRecord> {
  // A refused undo will be refused again; one without an answer is tried for ever, however many look at it.
  const final = error instanceof Refusal;
  const stuck = final || record.attempts + 1 >= undoAttemptsMax;
  const later = final ? {} : { afterMs: backoffMs(record.attempts + 1, parkBackoff, () => 1) };
  const name = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  await orLeave(() => parts.journal.park(record, { ...later, stuck, error: `undo of ${step}: ${name}` }));
  parts.log[stuck ? "error" : "warn"](
    { saga: saga.name, saga_id: record.id, step, attempts: record.attempts + 1, error: describeError(error) },
    stuck ? "a saga is stuck" : "an undo is tried again later",
  );
  return { ...record, status: stuck ? "stuck" : "undoing" };
}

/** A journal commit, and what stands or falls with it. */
function commit<Ports>(
  record: SagaRecord,
  to: Parameters<Journal["advance"]>[1],
  { journal }: RunParts<Ports>,
  also: () => Write = () => [],
): Promise<SagaRecord> {
  return orLeave(async () => journal.advance(record, to, also()));
}

/** What the journal cannot know, or may not do any more, ends the work here; the lease brings it back. */
async function orLeave<T>(work: () => Promise<T>): Promise<T> {
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

function recordOf(refusal: Refusal): SagaRefusal {
  const { service, reason, code, message, details } = refusal;
  return { service, reason, code, message, details };
}

function refusalOf(is: SagaRefusal): Refusal {
  return new Refusal({ ...is, code: is.code as RefusalCode });
}
