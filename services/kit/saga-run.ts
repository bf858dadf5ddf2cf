// Runs one saga from where it stands to its end: in the request that asked for it, and, when that
// process has died, in any other one.
//
// Invariants (S1 is in saga-engine.ts):
//   S2. An effect needs no commit of its own. It is made under the key `<saga id>:<step>`, under which
//       repeating it gives the same answer, so after a crash everything since the last commit is
//       simply run again and comes out the same. That is why authors must keep to A1 and A2 (saga.ts).
//   S3. The turn from doing to undoing is committed before the first undo. Without it a replay could
//       find the partner willing this time, and go forward over what was already undone.
//   S4. Undoing begins behind the last effect that may have happened, or may happen yet. A step that refused has
//       done nothing, if that was its first answer to its first try: then it is not undone. One that was given up
//       may have done something, and so may one that refused after a try without an answer, which may even be on
//       its way yet: their own undo runs too. Whoever has taken a saga up does not know how far it was brought
//       before: until its own first commit of a write, it undoes all up to the next write, which cannot have been
//       committed, for then the position would be behind it. That covers what has waited, too.
//   S5. Undoing cannot be cancelled: not by the caller, not by a deadline. An undo that is given up is
//       parked and tried again later, for ever; after `roundsMax` rounds the saga is `stuck`, so that
//       a person looks. One that is refused is `stuck` at once, and waits for them. It needs no secret: no undo
//       is given any, so that it comes out the same where they do not open (J7 in saga-journal.ts).
//   S6. Every commit carries the fence. A process that lost its lease can only fail to commit; what it
//       may still call elsewhere is harmless by A2 and A3.
//   S7. A step that waits puts the saga down: its progress is committed together with what it waits for, so that no
//       effect before it is run again, and nobody has the saga in hand. Waiting is no failed attempt. Whoever takes
//       the saga up runs the step again under its key (A2, A5); a wait can be undone like any other state.
//   S8. A patient step is not given up: after its tries the saga is put down and tries again later, for ever; after
//       `roundsMax` rounds it is shown as stuck. Only a refusal, or an operator, turns it back.
//
// Commits for a saga that succeeds: 1 to begin, 1 for each `write`; the last write is also the end.
// place-order has two writes (open, paid), so 3: begin, because stock must not be reserved for an order
// that a crash forgets; open, because money must not be held for an order that does not exist; paid,
// which is the end. Effects between them cost none, by S2.

import { background, inContext } from "./context.ts";
import { describeError } from "./log.ts";
import { presentable, reasonOf } from "./reason.ts";
import { Refusal, type RefusalCode } from "./refusal.ts";
import { type AnySaga, type SagaRefusal, type Step, Waiting } from "./saga.ts";
import { attemptDo, attemptUndo, commit, Left, orLeave, type Run, type RunParts } from "./saga-attempt.ts";
import type { Journal, SagaRecord } from "./saga-journal.ts";
import { roundPauseMs, roundsMax } from "./saga-rounds.ts";
import { wasTakenUp } from "./saga-schema.ts";
import { divide } from "./saga-seal.ts";
import { openTrail } from "./saga-trail.ts";

export type { RunParts } from "./saga-attempt.ts";

export type SagaOutcome =
  /** `answer`: that of the last write, where it was made in this process. */
  | { readonly status: "done"; readonly answer?: unknown }
  | { readonly status: "refused"; readonly refusal: Refusal }
  /** Put down until an answer comes: what is awaited. */
  | { readonly status: "waiting"; readonly what: string }
  /** Still going on, here or elsewhere, or left to a recovery. */
  | { readonly status: "unfinished" }
  | { readonly status: "stuck" };

export function outcomeOf(record: SagaRecord): SagaOutcome {
  if (record.status === "done" || record.status === "stuck") return { status: record.status };
  if (record.status === "running" && record.isPutDown && record.waitingFor !== undefined)
    return { status: "waiting", what: record.waitingFor };
  if (record.status !== "refused" || record.refusal === undefined) return { status: "unfinished" };
  return { status: "refused", refusal: refusalOf(record.refusal) };
}

function withAnswer<Ports>(
  { saga, parts }: Run<Ports>,
  { rows }: SagaRecord,
  outcome: SagaOutcome,
): SagaOutcome {
  const last = saga.steps.at(-1);
  if (outcome.status !== "done" || last?.kind !== "write" || rows === undefined) return outcome;
  return last.answer === undefined
    ? outcome
    : { ...outcome, answer: last.answer(rows, parts.ports as never) };
}

/** Where a saga stands when this process is through with it; `woken`: it was put down, and is due again at once. */
type Rest = { readonly record: SagaRecord; readonly woken: boolean };

/** One saga from where it stands to its end, or to where it is put down; never rejects. */
export async function runSaga<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: RunParts<Ports>,
): Promise<{ outcome: SagaOutcome; woken: boolean }> {
  const span = parts.telemetry.span(`saga ${saga.name}`, "internal", start.traceparent, {
    "saga.id": start.id,
  });
  const run = { saga, parts, span, trail: openTrail(start.trail, parts.nowMs ?? Date.now) };
  return inContext({ ...background, span }, async () => {
    try {
      const turned = start.status === "running" ? await forward(run, start) : { record: start, woken: false };
      const isTurned = turned.record.status === "undoing" || turned.record.status === "stuck";
      const { record, woken } = isTurned ? await backward(run, turned.record) : turned;
      const outcome = withAnswer(run, record, outcomeOf(record));
      span.end();
      const status = outcome.status === "waiting" ? outcome.status : record.status;
      parts.telemetry.counter("webstore.sagas").add(1, { saga: saga.name, status });
      return { outcome, woken };
    } catch (error) {
      span.end(error);
      const level = error instanceof Left ? "warn" : "error";
      parts.log[level](
        { saga: saga.name, saga_id: start.id, error: describeError(error) },
        "leaves a saga to recovery",
      );
      return { outcome: { status: "unfinished" }, woken: false };
    }
  });
}

async function forward<Ports>(run: Run<Ports>, start: SagaRecord): Promise<Rest> {
  const { saga, parts } = run;
  let record = start;
  let isTakenUp = wasTakenUp(start);
  const results = { ...start.results };
  for (let index = start.position; index < saga.steps.length; index += 1) {
    const step = saga.steps[index] as Step;
    const isLast = index === saga.steps.length - 1;
    const scope = { ...parts.ports, ...results, sagaId: record.id, input: record.input } as never;
    const status = isLast ? "done" : "running";
    const end = { status, position: index + 1, results, refusal: undefined } as const;
    const tried = await attemptDo(run, step, scope, record, end);
    if (tried.ok) {
      if (tried.record !== undefined) {
        record = tried.record;
        isTakenUp = false;
      } else if (tried.result !== undefined) results[step.name] = tried.result;
      if (isLast && tried.record === undefined) record = await commit(run, record, end);
      continue;
    }
    const { error, unanswered } = tried;
    const waitingFor = index === start.position ? start.waitingFor : undefined;
    const here = { ...record, position: index, results, waitingFor };
    if (step.kind === "step") {
      if (error instanceof Waiting) return wait(run, here, step.name, error);
      if (step.patient && !(error instanceof Refusal)) return park(run, here, step.name, error);
      if (step.bestEffort) {
        warn(run, record, step.name, error, "goes on without a step");
        if (isLast) record = await commit(run, record, end);
        continue;
      }
    }
    const own = error instanceof Refusal && !unanswered ? index : index + 1;
    // S4.
    const position = isTakenUp ? Math.max(own, nextWrite(saga, index)) : own;
    return { record: await turn(run, { ...here, position }, step.name, error), woken: false };
  }
  return { record, woken: false };
}

/** The step before which all may have happened that was not committed. */
export function nextWrite({ steps }: AnySaga, position: number): number {
  const write = steps.findIndex((step, index) => index >= position && step.kind === "write");
  return write === -1 ? steps.length : write;
}

/** S3. What is before the position is undone. */
function turn<Ports>(run: Run<Ports>, here: SagaRecord, step: string, error: unknown): Promise<SagaRecord> {
  const refusal = error instanceof Refusal ? error : run.saga.options.givenUp(step);
  run.parts.log.info(
    { ...about(run, here), step, reason: refusal.reason, error: describeError(error) },
    "undoes a saga",
  );
  const { position, results } = here;
  return commit(run, here, { status: "undoing", position, results, refusal: recordOf(refusal) });
}

async function backward<Ports>(run: Run<Ports>, start: SagaRecord): Promise<Rest> {
  const { saga, parts } = run;
  let record = start;
  for (let index = start.position - 1; index >= 0; index -= 1) {
    const step = saga.steps[index] as Step;
    if (step.undo === undefined) continue;
    const { results, refusal } = record;
    const input = divide(record.input, saga.options.secrets ?? []).open;
    const scope = { ...parts.ports, ...results, sagaId: record.id, input, refusal } as never;
    parts.telemetry.counter("compensation_calls").add(1, { saga: saga.name, step: step.name });
    const undone = await attemptUndo(run, step, scope, record, index);
    if (!undone.ok) return park(run, record, step.name, undone.error);
    record = undone.record ?? record;
  }
  const { results, refusal } = record;
  return {
    record: await commit(run, record, { status: "refused", position: 0, results, refusal }),
    woken: false,
  };
}

/** S7. */
async function wait<Ports>(
  run: Run<Ports>,
  here: SagaRecord,
  step: string,
  { what, retryAfterMs }: Waiting,
): Promise<Rest> {
  const waitingFor = presentable(what);
  const { woken } = await putDown(run, here, { afterMs: retryAfterMs, failed: false, waitingFor });
  run.parts.log.info({ ...about(run, here), step, waiting_for: waitingFor }, "a saga waits");
  return { record: { ...here, attempts: 0, waitingFor, isPutDown: true }, woken };
}

/** S5, S8. */
async function park<Ports>(run: Run<Ports>, here: SagaRecord, step: string, error: unknown): Promise<Rest> {
  const isUndo = here.status !== "running";
  // A refused undo will be refused again; one without an answer is tried for ever, however many look at it.
  const final = error instanceof Refusal;
  const attempts = here.attempts + 1;
  const stuck = final || attempts >= roundsMax;
  const later = final ? {} : { afterMs: roundPauseMs(attempts) };
  const to = { ...here, status: isUndo && stuck ? "stuck" : here.status } as const;
  const what = presentable(`${isUndo ? "undo of " : ""}${step}: ${reasonOf(error)}`);
  const { woken } = await putDown(run, to, {
    ...later,
    failed: true,
    error: what,
    waitingFor: here.waitingFor,
  });
  run.parts.log[stuck ? "error" : "warn"](
    { ...about(run, here), step, attempts, error: describeError(error) },
    stuck ? "a saga is stuck" : `${isUndo ? "an undo" : "a step"} is tried again later`,
  );
  return { record: { ...to, attempts, isPutDown: true }, woken };
}

function putDown<Ports>(
  run: Run<Ports>,
  to: SagaRecord,
  is: Omit<Parameters<Journal["park"]>[1], "to">,
): Promise<{ woken: boolean }> {
  return orLeave(() => run.parts.journal.park(to, { ...is, to: { ...to, trail: run.trail.lines() } }));
}

function warn<Ports>(run: Run<Ports>, record: SagaRecord, step: string, error: unknown, what: string) {
  run.parts.log.warn({ ...about(run, record), step, error: describeError(error) }, what);
}

const about = <Ports>({ saga }: Run<Ports>, { id }: SagaRecord) => ({ saga: saga.name, saga_id: id });

export function recordOf(refusal: Refusal): SagaRefusal {
  const { service, reason, code, message, details } = refusal;
  return { service, reason, code, message, details };
}

function refusalOf(is: SagaRefusal): Refusal {
  return new Refusal({ ...is, code: is.code as RefusalCode });
}
