// What a saga is: steps that are done top to bottom and, when one fails, undone bottom to top.
// This file is the language; saga-engine.ts runs it, saga-journal.ts remembers it.
//
// Two kinds of step:
//   step   an effect elsewhere: a call to another service or a partner. It is made under the key
//          `<saga id>:<step>`, and repeating it under that key must give the same answer.
//   write  a change in this service's own schema, given as a Write. It is committed together with
//          the journal, so it happens exactly once.
//
// What an author must keep to, and the harness (saga-harness.ts) tests:
//   A1. Whatever a replay could see differently (prices, clocks, random ids) is fixed in the input.
//   A2. do and undo may be run again at any time, also after they have succeeded.
//   A3. undo may find that its do never happened, or is still on its way, also when its do refused: then it
//       sees to it that it never will (a tombstone), and succeeds. Of what was done since the last write it may
//       find no result.
//   A4. Results are plain data. They and the input are stored; a secret is named in `secrets`, and
//       is then stored sealed and only until the saga ends. No undo is given the secrets: a saga must go back also
//       where they do not open any more.
//   A5. A do that throws Waiting is run again when the wait is over, under its key: whatever it did before
//       it threw, it finds (A2). Nobody bounds its waits but itself: it refuses when it has waited enough, and
//       then its own undo runs, too.

import type { Refusal } from "./refusal.ts";
import type { Rows, Write } from "./write.ts";

export type Data =
  | null
  | boolean
  | number
  | string
  | bigint
  | readonly Data[]
  | { readonly [key: string]: Data };

type Scope<Input, Ports, Results> = { readonly sagaId: string; readonly input: Input } & Ports & Results;
type With<Results, N extends string, R> = Results & { readonly [K in N]: R };
/** A result may not hide a port: both are in the scope by their names. */
type Free<N extends string, Ports> = N extends keyof Ports | "input" | "sagaId" | "refusal" ? never : N;
type WithMaybe<Results, N extends string, R> = Results & { readonly [K in N]?: R };
/** An undo knows only of what was answered (A3). */
type Answered<Results, N extends string, R> = WithMaybe<Partial<Results>, N, R>;
/** Why it is being undone. */
type Undoing = { readonly refusal: SagaRefusal };

/**
 * Thrown by the `do` of a step: the answer comes later. The saga is put down, and goes on when it is woken
 * (SagaEngine.wake) or after `retryAfterMs`, whichever is sooner. `what` is shown to operators: no secrets.
 */
export class Waiting extends Error {
  override readonly name = "Waiting";
  readonly what: string;
  readonly retryAfterMs: number;

  constructor(what: string, is: { retryAfterMs: number }) {
    super(`waits for ${what}`);
    this.what = what;
    this.retryAfterMs = is.retryAfterMs;
  }
}

/** A step as the engine sees it: types are gone, the scope is a record. */
export type Step = { readonly name: string } & (
  | {
      readonly kind: "step";
      readonly do: (scope: never) => Promise<unknown>;
      readonly undo?: ((scope: never) => Promise<unknown>) | undefined;
      readonly attemptsMax: number;
      readonly bestEffort: boolean;
      readonly patient: boolean;
    }
  | {
      readonly kind: "write";
      readonly do: (scope: never) => Write;
      readonly undo?: ((scope: never) => Write) | undefined;
      readonly whenRefused?: ((what: string) => Refusal) | undefined;
      readonly answer?: ((rows: Rows, ports: never) => unknown) | undefined;
    }
);

/** A refusal as it is stored. */
export type SagaRefusal = {
  readonly service: string;
  readonly reason: string;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
};

export type SagaOptions<Input> = {
  /** Raised whenever the steps change: a saga is finished by the version that began it. */
  readonly version: number;
  /** Fields of the input that are stored sealed, not given to any undo, and forgotten at the end. */
  readonly secrets?: readonly (keyof Input & string)[];
  /** What the caller is told when a step was given up after its attempts, and all was undone. */
  readonly givenUp: (step: string) => Refusal;
};

export type Saga<Input = never, Ports = never, Results = unknown> = {
  readonly name: string;
  readonly options: SagaOptions<Input>;
  readonly steps: readonly Step[];

  /**
   * An effect elsewhere. `attemptsMax` (3) counts the tries before it is given up and undone.
   * `bestEffort` (false): given up or refused, the saga goes on without its result.
   * `patient` (false): it is never given up. After its attempts the saga is put down, and tries again later, for
   * ever; only a refusal or an operator turns it back.
   */
  step<const N extends string, R>(
    name: Free<N, Ports>,
    is: {
      do: (scope: Scope<Input, Ports, Results>) => Promise<R>;
      undo?: (scope: Scope<Input, Ports, Answered<Results, N, R>> & Undoing) => Promise<unknown>;
      attemptsMax?: number;
      bestEffort?: false;
      patient?: boolean;
    },
  ): Saga<Input, Ports, With<Results, N, R>>;
  step<const N extends string, R>(
    name: Free<N, Ports>,
    is: {
      do: (scope: Scope<Input, Ports, Results>) => Promise<R>;
      attemptsMax?: number;
      bestEffort: true;
    },
  ): Saga<Input, Ports, WithMaybe<Results, N, R>>;

  /**
   * A change of our own, in one commit with the journal. `whenRefused` turns what the Write's own
   * guard said (`webstore_expect`) into a refusal; without it such a failure is a bug. `answer`, of the last step: what its
   * statements gave, for who waits for the end in this process (SagaOutcome); it is kept nowhere.
   */
  write<const N extends string>(
    name: Free<N, Ports>,
    is: {
      do: (scope: Scope<Input, Ports, Results>) => Write;
      undo?: (scope: Scope<Input, Ports, Results> & Undoing) => Write;
      whenRefused?: (what: string) => Refusal;
      answer?: (rows: Rows, ports: Ports) => unknown;
    },
  ): Saga<Input, Ports, Results>;
};

type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;
type EffectIs = Pick<StepOf<"step">, "do" | "undo"> &
  Partial<Pick<StepOf<"step">, "attemptsMax" | "bestEffort" | "patient">>;
type WriteIs = Pick<StepOf<"write">, "do" | "undo" | "whenRefused" | "answer">;

const effectDefaults = { attemptsMax: 3, bestEffort: false, patient: false };

/** `Ports` is what its steps may use: typed clients and stores. */
export function saga<Input, Ports>(name: string, options: SagaOptions<Input>): Saga<Input, Ports> {
  return withSteps(name, options as SagaOptions<never>, []) as unknown as Saga<Input, Ports>;
}

function withSteps(name: string, options: SagaOptions<never>, steps: readonly Step[]): unknown {
  const and = (step: Step) => {
    if (steps.some((each) => each.name === step.name))
      throw new Error(`saga ${name} has two steps ${step.name}`);
    return withSteps(name, options, [...steps, step]);
  };
  return {
    name,
    options,
    steps,
    step: (stepName: string, is: EffectIs) => and({ kind: "step", ...effectDefaults, ...is, name: stepName }),
    write: (stepName: string, is: WriteIs) => and({ kind: "write", ...is, name: stepName }),
  };
}

/** Any saga, whatever it works on: what the engine, the journal and the harness take. */
export type AnySaga = {
  readonly name: string;
  readonly options: {
    readonly version: number;
    readonly secrets?: readonly string[];
    readonly givenUp: (step: string) => Refusal;
  };
  readonly steps: readonly Step[];
};
