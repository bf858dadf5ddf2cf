// Runs sagas: in the request that asks for them, and, when their process dies, in any other one.
//
// Invariants:
//   S1. Before the first effect, the saga is in the journal (begin: one commit). From then on it ends:
//       whoever holds the lease goes on with it, and a lease that is not renewed can be claimed.
//   S2. An effect needs no commit of its own. It is made under the key `<saga id>:<step>`, under which
//       repeating it gives the same answer, so after a crash everything since the last commit is
//       simply run again and comes out the same. That is why authors must keep to A1 and A2 (saga.ts).
//   S3. The turn from doing to undoing is committed before the first undo. Without it a replay could
//       find the partner willing this time, and go forward over what was already undone.
//   S4. A step that refused has done nothing, and is not undone. One that was given up may have done
//       something or may do it yet, so its own undo runs too.
//   S5. Undoing cannot be cancelled: not by the caller, not by a deadline. An undo that is given up is
//       parked and tried again later; after `undoAttemptsMax` rounds, or when it is refused, the saga
//       is `stuck` until a person looks.
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
import { Outage, Refusal, type RefusalCode } from "./refusal.ts";
import { backoffMs, delay } from "./retry.ts";
import type { AnySaga, Data, Saga, Step } from "./saga.ts";
import type { Journal, SagaRecord, SagaRefusal } from "./saga-journal.ts";
import type { Span, Telemetry } from "./telemetry.ts";
import type { Write } from "./write.ts";

export type SagaOutcome =
  | { readonly status: "done" }
  | { readonly status: "refused"; readonly refusal: Refusal }
  /** Still going on, here or elsewhere, or left to a recovery. */
  | { readonly status: "unfinished" }
  | { readonly status: "stuck" };

export type SagaEngine<Ports> = {
  /** Begins a saga, or finds the one that has this id: then `requestHash` says whether it was asked for the same. */
  begin<Input extends object>(
    saga: Saga<Input, Ports>,
    is: { id: string; requestHash: string; input: Input; traceparent: string },
  ): Promise<{ began: boolean; sameRequest: boolean }>;
  /** The saga of this id as the journal has it. */
  find(id: string): Promise<SagaRecord | undefined>;
  /** Waits for its end, at most `waitMs`; the saga goes on all the same. `undefined`: no saga has this id. */
  settle(id: string, waitMs: number): Promise<SagaOutcome | undefined>;
  /** Sagas that this process has in hand. */
  running(): number;
  /** Claims nothing more, lets what is in hand finish, and hands over what does not within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

export type EngineParts<Ports> = {
  readonly journal: Journal;
  readonly sagas: readonly AnySaga[];
  readonly ports: Ports;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly leaseMs: number;
  readonly random: () => number;
  readonly delayMs?: (ms: number) => Promise<void>;
};

const runningMax = 1_000;
const claimMax = 20;
const lookEveryMs = 1_000;
const settlePollMs = 100;
const stepBackoff = { baseMs: 100, capMs: 1_000 };
const parkBackoff = { baseMs: 1_000, capMs: 60_000 };
const undoTriesMax = 3;
export const undoAttemptsMax = 10;

/** The saga is somebody else's now, or the journal cannot be reached: nothing more may be done here. */
class Left extends Error {
  override readonly name = "Left";
}

export function openSagaEngine<Ports extends object>(parts: EngineParts<Ports>): SagaEngine<Ports> {
  const { journal, log } = parts;
  const inHand = new Map<string, Promise<SagaOutcome>>();
  const known = new Map(parts.sagas.map((each) => [`${each.name}@${each.options.version}`, each]));
  let stopping = false;

  const take = (record: SagaRecord, saga: AnySaga): Promise<SagaOutcome> => {
    const outcome = runSaga(saga, record, parts).finally(() => inHand.delete(record.id));
    inHand.set(record.id, outcome);
    return outcome;
  };

  const recover = async () => {
    if (inHand.size > 0) await journal.renew([...inHand.keys()]);
    const room = Math.min(claimMax, runningMax - inHand.size);
    if (room <= 0) return;
    for (const record of await journal.claim(parts.sagas, room)) {
      const saga = known.get(`${record.name}@${record.version}`);
      if (saga === undefined || inHand.has(record.id)) continue;
      log.info({ saga: record.name, saga_id: record.id, status: record.status }, "goes on with a saga");
      void take(record, saga);
    }
  };
  const timer = setInterval(
    () => {
      recover().catch((error: unknown) =>
        log.warn({ error: describeError(error) }, "cannot look for unfinished sagas"),
      );
    },
    Math.min(lookEveryMs, parts.leaseMs),
  );

  return {
    running: () => inHand.size,
    find: (id) => journal.find(id),

    async begin(saga, is) {
      if (stopping || inHand.size >= runningMax)
        throw new Outage("sagas", "no room for another saga here", { notSent: true });
      const record = await journal.begin({
        ...is,
        input: is.input as Record<string, Data>,
        saga: saga as unknown as AnySaga,
      });
      if (record !== undefined) {
        void take(record, saga as unknown as AnySaga);
        return { began: true, sameRequest: true };
      }
      const existing = await journal.find(is.id);
      return { began: false, sameRequest: existing?.requestHash === is.requestHash };
    },

    async settle(id, waitMs) {
      const here = inHand.get(id);
      if (here !== undefined) return within(here, waitMs);
      const untilMs = performance.now() + waitMs;
      for (;;) {
        const record = await journal.find(id);
        if (record === undefined) return undefined;
        const outcome = outcomeOf(record);
        const leftMs = untilMs - performance.now();
        if (outcome.status !== "unfinished" || leftMs <= 0) return outcome;
        const taken = inHand.get(id);
        if (taken !== undefined) return within(taken, leftMs);
        await delay(Math.min(settlePollMs, leftMs));
      }
    },

    async stop(graceMs) {
      stopping = true;
      clearInterval(timer);
      await within(
        Promise.allSettled(inHand.values()).then((): SagaOutcome => ({ status: "done" })),
        graceMs,
      );
      if (inHand.size > 0) await journal.release([...inHand.keys()]);
    },
  };
}

async function within(outcome: Promise<SagaOutcome>, waitMs: number): Promise<SagaOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<SagaOutcome>((resolve) => {
    timer = setTimeout(() => resolve({ status: "unfinished" }), waitMs);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOf(record: SagaRecord): SagaOutcome {
  if (record.status === "done" || record.status === "stuck") return { status: record.status };
  if (record.status !== "refused" || record.refusal === undefined) return { status: "unfinished" };
  return { status: "refused", refusal: refusalOf(record.refusal) };
}

/** One saga from where it stands to its end; never rejects. */
async function runSaga<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: EngineParts<Ports>,
): Promise<SagaOutcome> {
  const span = parts.telemetry.span(`saga ${saga.name}`, "internal", start.traceparent, {
    "saga.id": start.id,
  });
  return inContext({ ...background, span }, async () => {
    try {
      const turned = start.status === "running" ? await forward(saga, start, parts, span) : start;
      const ended = turned.status === "undoing" ? await backward(saga, turned, parts, span) : turned;
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

function count<Ports>(parts: EngineParts<Ports>, saga: AnySaga, status: string) {
  parts.telemetry.counter("webstore.sagas").add(1, { saga: saga.name, status });
}

async function forward<Ports>(
  saga: AnySaga,
  start: SagaRecord,
  parts: EngineParts<Ports>,
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
  parts: EngineParts<Ports>,
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
  parts: EngineParts<Ports>,
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
  parts: EngineParts<Ports>,
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
  parts: EngineParts<Ports>,
  span: Span,
): Promise<SagaRecord> {
  let record = start;
  for (let index = start.position - 1; index >= 0; index -= 1) {
    const step = saga.steps[index] as Step;
    if (step.undo === undefined) continue;
    const scope = { ...parts.ports, ...record.results, sagaId: record.id, input: record.input } as never;
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
  parts: EngineParts<Ports>,
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
  parts: EngineParts<Ports>,
): Promise<SagaRecord> {
  const stuck = error instanceof Refusal || record.attempts + 1 >= undoAttemptsMax;
  const afterMs = backoffMs(record.attempts + 1, parkBackoff, () => 1);
  const name = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  await orLeave(() => parts.journal.park(record, { afterMs, stuck, error: `undo of ${step}: ${name}` }));
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
  { journal }: EngineParts<Ports>,
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
