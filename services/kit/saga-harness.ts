// Visits every step of a saga and hurts it there. For each visit the test says afterwards whether
// what stands is all or nothing; the harness sees to it that nothing was left out.
//
//   refused     the step refuses instead of running, so that its effect never happened
//   lost        the step runs, but its answer never arrives: it is given up and undone
//   lost, then refused
//               the first try has no answer, and the next one refuses, so that nothing is asked for any more: the first
//               had its effect, or has it when all is over, or was made by a process that is gone before or after it
//   crashed     the process is gone before or after the step, or before or after a journal write,
//               forward and backward, and another one goes on
//   waits       the step runs, and then says that the answer comes later: it goes on when its time has
//               come, when it is woken by two at once, or after a crash before or after it was put down
// Each with every do and undo run once and twice.
//
// A crash is a promise that never settles: the engine that waits for it does nothing more, as a dead
// process does. The next engine has another owner and finds the lease run out: the harness ends it, so that no
// time decides who has the saga in hand.

import { randomUUID } from "node:crypto";
import { currentContext, inContext } from "./context.ts";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { Outage, Refusal } from "./refusal.ts";
import { delay } from "./retry.ts";
import { type AnySaga, type Saga, type Step, Waiting } from "./saga.ts";
import { openSagaEngine, type SagaEngine, type SagaOutcome } from "./saga-engine.ts";
import { type Journal, openJournal } from "./saga-journal.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import type { Write } from "./write.ts";

export type Injury =
  | { readonly kind: "none" }
  | { readonly kind: "refused" | "lost"; readonly step: string }
  | { readonly kind: "lost, then refused"; readonly step: string; readonly first: FirstTry }
  | { readonly kind: "crashed"; readonly at: string; readonly when: "before" | "after" };

/** What became of the try that had no answer. */
type FirstTry = (typeof firstTries)[number];
const firstTries = ["arrives", "arrives late", "crashes before", "crashes after"] as const;

/**
 * `refusedToo`: the step that refuses besides, so that crashes also hit the way back. `waits`: the step that waits
 * once besides, and whether it is woken, twice at the same time.
 */
export type Visit = {
  readonly injury: Injury;
  readonly repeat: 1 | 2;
  readonly refusedToo: string | undefined;
  readonly waits?: { readonly step: string; readonly isWoken: boolean } | undefined;
};

export function describeVisit({ injury, repeat, refusedToo, waits }: Visit): string {
  const where =
    injury.kind === "none"
      ? "undisturbed"
      : injury.kind === "crashed"
        ? `crashed ${injury.when} ${injury.at}`
        : `${injury.step} ${injury.kind}${injury.kind === "lost, then refused" ? `: ${injury.first}` : ""}`;
  const besides = refusedToo === undefined ? "" : `, while ${refusedToo} refuses`;
  const waiting =
    waits === undefined ? "" : `, while ${waits.step} waits${waits.isWoken ? " and is woken twice" : ""}`;
  return `${where}${waiting}${besides}, each do and undo ${repeat === 1 ? "once" : "twice"}`;
}

/** Every visit of this saga. Journal writes are counted by running it once, with and without a refusal at the last effect. */
export function visitsOf(saga: AnySaga): Visit[] {
  const visits: Visit[] = [];
  const names = saga.steps.map(({ name }) => name);
  const effects = saga.steps.filter(({ kind }) => kind === "step").map(({ name }) => name);
  const lastUndoable = effects.findLast((name) => !isBestEffort(saga, name));
  for (const repeat of [1, 2] as const) {
    visits.push({ injury: { kind: "none" }, repeat, refusedToo: undefined });
    for (const step of names)
      visits.push({ injury: { kind: "refused", step }, repeat, refusedToo: undefined });
    for (const step of effects)
      visits.push({ injury: { kind: "lost", step }, repeat, refusedToo: undefined });
    visits.push(...lostThenRefusedOf(saga, repeat));
    visits.push(...waitsOf(effects, repeat, lastUndoable));
    for (const refusedToo of [undefined, lastUndoable]) {
      const reached = saga.steps.slice(0, refusedToo === undefined ? undefined : names.indexOf(refusedToo));
      const reachedEffects = reached.filter(({ kind }) => kind === "step");
      const undone = refusedToo === undefined ? [] : reachedEffects.filter(({ undo }) => undo !== undefined);
      const points = [
        ...reachedEffects.map(({ name }) => `do ${name}`),
        ...undone.map(({ name }) => `undo ${name}`),
        ...journalPoints(saga, reached, refusedToo !== undefined),
      ];
      for (const at of points) {
        for (const when of ["before", "after"] as const) {
          visits.push({ injury: { kind: "crashed", at, when }, repeat, refusedToo });
        }
      }
    }
  }
  return visits;
}

/**
 * A step that is tried only once has no next try, but with the next process. One that is patient and has no undo is left
 * out: nothing takes it back, so once it has had its effect it does not refuse (A2).
 */
function lostThenRefusedOf({ steps }: AnySaga, repeat: 1 | 2): Visit[] {
  return steps.flatMap((step) => {
    if (step.kind === "write" || (step.patient && step.undo === undefined)) return [];
    const hasNextTry = step.attemptsMax > 1 || step.patient;
    return firstTries
      .filter((first) => hasNextTry || first.startsWith("crashes"))
      .map((first): Visit => {
        const injury = { kind: "lost, then refused", step: step.name, first } as const;
        return { injury, repeat, refusedToo: undefined };
      });
  });
}

/** Each effect waits: until its time has come, until it is woken, over a crash, and on a way that ends in a refusal. */
function waitsOf(effects: readonly string[], repeat: 1 | 2, refused: string | undefined): Visit[] {
  return effects.flatMap((step, index): Visit[] => {
    const undisturbed = { injury: { kind: "none" }, repeat, refusedToo: undefined } as const;
    const isBeforeRefused = refused !== undefined && index < effects.indexOf(refused);
    return [
      { ...undisturbed, waits: { step, isWoken: false } },
      { ...undisturbed, waits: { step, isWoken: true } },
      ...(isBeforeRefused ? [{ ...undisturbed, refusedToo: refused, waits: { step, isWoken: true } }] : []),
      ...(["before", "after"] as const).map((when) => ({
        ...undisturbed,
        injury: { kind: "crashed", at: "putting down", when } as const,
        waits: { step, isWoken: false },
      })),
    ];
  });
}

function isBestEffort(saga: AnySaga, name: string): boolean {
  return saga.steps.some((step) => step.name === name && step.kind === "step" && step.bestEffort);
}

/** One to begin, one a write, one for an end that is no write; going back: the turn, the undone writes, the end. */
function journalPoints(saga: AnySaga, reached: readonly Step[], turns: boolean): string[] {
  const writes = reached.filter(({ kind }) => kind === "write");
  const endsApart = saga.steps.at(-1)?.kind === "step" ? 1 : 0;
  const backward = 2 + writes.filter(({ undo }) => undo !== undefined).length;
  const total = 1 + writes.length + (turns ? backward : endsApart);
  return Array.from({ length: total }, (_, index) => `journal write ${index + 1}`);
}

export type Visited = {
  readonly outcome: SagaOutcome;
  /** Whether the injury was really met: a visit that never reached its point proves nothing. */
  readonly met: boolean;
  readonly sagaId: string;
};

const settleMs = 20_000;
const settlePollMs = 5;
const leaseMs = 600_000;
const lookEveryMs = 20;
/** A wait that is woken lasts longer than its visit, and one that is not, no time at all. */
const longWaitMs = 600_000;

/** Runs one visit to the saga's end, with as many engines as it takes. */
export async function visitSaga<Input extends object, Ports extends object>(
  saga: Saga<Input, Ports>,
  is: { postgres: Postgres; ports: Ports; input: Input; sagaId?: string; visit: Visit },
): Promise<Visited> {
  const sagaId = is.sagaId ?? randomUUID();
  const harm = injure(is.visit);
  const injured = { ...saga, steps: saga.steps.map((step) => harm.step(step)) } as typeof saga;
  const engineOf = (owner: string) => {
    const journal = openJournal({ postgres: is.postgres, owner, leaseMs, key: "harness" });
    return openSagaEngine<Ports>({
      journal: harm.journal(journal),
      sagas: [injured as unknown as AnySaga],
      ports: is.ports,
      log: openLog("harness", { level: "silent" }),
      telemetry: unrecordedTelemetry("harness"),
      leaseMs,
      lookEveryMs,
      random: () => 0,
      delayMs: async () => {},
    });
  };

  /** To its end, also where it waits; `waits` are answered by waking it, twice and by two at once. */
  const settle = async (engine: SagaEngine<Ports>, other: SagaEngine<Ports>): Promise<SagaOutcome> => {
    for (const untilMs = performance.now() + settleMs; ; await delay(settlePollMs)) {
      const outcome = await engine.settle(sagaId, settleMs);
      if (outcome?.status !== "waiting" || performance.now() > untilMs)
        return outcome ?? { status: "unfinished" };
      if (is.visit.waits?.isWoken === true)
        await Promise.all([engine, other, engine].map((each) => each.wake(sagaId)));
    }
  };

  const first = engineOf("first");
  const other = engineOf("other");
  const begun = first.begin(injured, { id: sagaId, requestHash: "same", input: is.input, traceparent: "" });
  const died = await Promise.race([harm.crashed, begun.then(() => settle(first, other))]);
  await Promise.all([first.stop(0), other.stop(0)]);
  if (died !== "crashed") {
    await harm.arriveLate();
    return { outcome: died, met: harm.met(), sagaId };
  }

  await is.postgres.query("update sagas set lease_until = clock_timestamp() where id = $1", [sagaId]);
  const second = engineOf("second");
  // A caller that repeats its request, as one whose connection broke would.
  await second.begin(injured, { id: sagaId, requestHash: "same", input: is.input, traceparent: "" });
  const outcome = await settle(second, second);
  await second.stop(0);
  return { outcome, met: harm.met(), sagaId };
}

/** The visit as wrappers around the steps and the journal. */
function injure({ injury, repeat, refusedToo, waits }: Visit) {
  let met = injury.kind === "none" && waits === undefined;
  let hasWaited = false;
  let dead = false;
  let die = (_: "crashed") => {};
  const crashed = new Promise<"crashed">((resolve) => {
    die = resolve;
  });
  const gone = new Promise<never>(() => {});
  const crash = (): Promise<never> => {
    met ||= injury.kind === "crashed";
    dead = true;
    die("crashed");
    return gone;
  };
  /** Runs `work` at a named point, and is gone before or after it if that is the injury; only once. */
  const at = async <T>(point: string, work: () => Promise<T>): Promise<T> => {
    const when = dead ? undefined : crashAt(injury, point);
    if (when === "before") return crash();
    const result = await work();
    return when === "after" ? crash() : result;
  };
  const first = loseFirstTry(injury);
  const refuses = (name: string) =>
    (injury.kind === "refused" && injury.step === name) || refusedToo === name || refusesNow(name);
  const refusesNow = (name: string) =>
    injury.kind === "lost, then refused" && injury.step === name && (dead || first.isLost());
  const refusal = (name: string) =>
    new Refusal({
      service: "harness",
      reason: "injected",
      code: "FAILED_PRECONDITION",
      message: `injected at ${name}`,
    });

  const step = (real: Step): Step => {
    if (real.kind === "write") return injuredWrite(real);
    const undo = real.undo;
    return {
      ...real,
      do: (scope) =>
        at(`do ${real.name}`, async () => {
          if (refuses(real.name)) {
            met ||= refusedToo !== real.name;
            throw refusal(real.name);
          }
          if (first.isToBeLost(real.name)) return first.lose(() => real.do(scope));
          let result = await real.do(scope);
          if (repeat === 2) result = await real.do(scope);
          if (waits?.step === real.name && !hasWaited) {
            hasWaited = true;
            met ||= injury.kind === "none";
            throw new Waiting("the harness", { retryAfterMs: waits.isWoken ? longWaitMs : 0 });
          }
          if (injury.kind === "lost" && injury.step === real.name) {
            met = true;
            throw new Outage("harness", `the answer of ${real.name} is lost`);
          }
          return result;
        }),
      undo:
        undo &&
        ((scope) =>
          at(`undo ${real.name}`, async () => {
            await undo(scope);
            if (repeat === 2) await undo(scope);
          })),
    };
  };

  const injuredWrite = (real: Extract<Step, { kind: "write" }>): Step => ({
    ...real,
    do: (scope): Write => {
      if (!refuses(real.name)) return real.do(scope);
      met = true;
      throw refusal(real.name);
    },
  });

  const journal = (real: Journal): Journal => {
    // Whether this journal's process is the one that dies: the next one is opened after the death.
    const bornAfter = dead;
    return injuredJournal(real, at, () => dead && !bornAfter);
  };

  return { step, journal, crashed, met: () => met, arriveLate: first.arriveLate };
}

function crashAt(injury: Injury, point: string): "before" | "after" | undefined {
  if (injury.kind === "crashed") return injury.at === point ? injury.when : undefined;
  if (injury.kind !== "lost, then refused" || point !== `do ${injury.step}`) return undefined;
  return injury.first === "crashes before"
    ? "before"
    : injury.first === "crashes after"
      ? "after"
      : undefined;
}

/** The first try of a step, without an answer though its process lives on: it is made at once, or when all is over. */
function loseFirstTry(injury: Injury) {
  const isLosing = injury.kind === "lost, then refused" && !injury.first.startsWith("crashes");
  let isLost = false;
  let late = async (): Promise<unknown> => undefined;
  return {
    isLost: () => isLost,
    isToBeLost: (step: string) => isLosing && !isLost && injury.step === step,
    async lose(work: () => Promise<unknown>): Promise<never> {
      isLost = true;
      const context = currentContext();
      if (isLosing && injury.first === "arrives late") late = () => inContext(context, work);
      else await work();
      throw new Outage("harness", "the first answer is lost");
    },
    /** Whether it is answered or refused then is all the same: what stands is what counts. */
    arriveLate: () => late().catch(() => undefined),
  };
}

/** A journal whose writes are points of a crash, and that does nothing more once its process is dead. */
function injuredJournal(
  real: Journal,
  at: <T>(point: string, work: () => Promise<T>) => Promise<T>,
  isDead: () => boolean,
): Journal {
  let writes = 0;
  const counted = <T>(work: () => Promise<T>): Promise<T> => {
    writes += 1;
    return at(`journal write ${writes}`, work);
  };
  return {
    ...real,
    begin: (is) => counted(() => real.begin(is)),
    advance: (record, to, ...also) => counted(() => real.advance(record, to, ...also)),
    park: (record, to) =>
      to.waitingFor === undefined ? real.park(record, to) : at("putting down", () => real.park(record, to)),
    claim: async (sagas, limit) => (isDead() ? [] : real.claim(sagas, limit)),
    wake: async (id, sagas) => (isDead() ? undefined : real.wake(id, sagas)),
    // A lease lasts longer than a visit, and one that the harness has ended must not come back.
    renew: async () => {},
    release: async (ids) => (isDead() ? undefined : real.release(ids)),
  };
}
