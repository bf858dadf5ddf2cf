// What goes wrong on purpose: a failure rate, and scripted scenarios.
//
// Invariants:
//   F1. Equal seeds and equal sequences of requests give equal failures.
//   F2. A scenario comes before the rate; the oldest one that matches is used, `times` times.
//   F3. `error` and `drop` happen instead of the request, never after it was carried out;
//       only `processed_then_timeout` carries it out and withholds the answer.
//   F4. A rate that was set and the scenarios that wait survive a restart. The sequence begins anew.

import { z } from "zod";

const statusShape = z.int().min(400).max(599);
const timesShape = z.int().min(1).max(1_000).default(1);
const matchShape = z
  .strictObject({
    method: z.enum(["GET", "POST", "PUT", "DELETE"]).optional(),
    path_prefix: z.string().startsWith("/").max(200).optional(),
  })
  .default({});

export const failureRateShape = z
  .strictObject({
    /** The share of requests that fail, 0 to 1. */
    rate: z.number().min(0).max(1),
    /** The statuses they fail with, each as likely as the others. */
    codes: z.array(statusShape).max(10),
  })
  .refine(({ rate, codes }) => rate === 0 || codes.length > 0, {
    message: "a rate needs codes",
    path: ["codes"],
  });

export const scenarioShape = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("error"), status: statusShape, match: matchShape, times: timesShape }),
  z.strictObject({
    do: z.literal("slow"),
    delay_ms: z.int().min(0).max(60_000),
    match: matchShape,
    times: timesShape,
  }),
  z.strictObject({ do: z.literal("drop"), match: matchShape, times: timesShape }),
  z.strictObject({ do: z.literal("processed_then_timeout"), match: matchShape, times: timesShape }),
]);

export type FailureRate = z.output<typeof failureRateShape>;
export type Scenario = z.output<typeof scenarioShape>;

/** What happens to one request instead of, before or after its work. */
export type Disturbance =
  | { readonly do: "error"; readonly status: number }
  | { readonly do: "slow"; readonly delayMs: number }
  | { readonly do: "drop" }
  | { readonly do: "processed_then_timeout" };

export type Failures = {
  /** Decides about one request; uses up a scenario or draws from the seeded sequence. */
  disturb(method: string, path: string): Disturbance | undefined;
  rate(): FailureRate;
  setRate(rate: FailureRate): void;
  scenarios(): readonly Scenario[];
  /** False when there are as many as may wait. */
  addScenario(scenario: Scenario): boolean;
  /** Back to the rate of the configuration, no scenario, the sequence from its beginning. */
  reset(): void;
};

const scenariosMax = 1_000;

export const neverFails: FailureRate = { rate: 0, codes: [] };

/** What is kept over a restart, as text. */
export type FailureMemory = { load(): string | undefined; save(text: string): void };

const keptShape = z.object({ rate: failureRateShape.optional(), scenarios: z.array(scenarioShape) });

/** Without a rate of its own a start takes the one that was set last. */
export function createFailures(start: {
  seed: number;
  rate: FailureRate | undefined;
  memory: FailureMemory;
}): Failures {
  const text = start.memory.load();
  const kept = text === undefined ? { scenarios: [] } : keptShape.parse(JSON.parse(text));
  let random = seededRandom(start.seed);
  let set = kept.rate;
  let current = start.rate ?? set ?? neverFails;
  let waiting: Scenario[] = kept.scenarios;
  const save = () => start.memory.save(JSON.stringify({ rate: set, scenarios: waiting }));

  function scripted(method: string, path: string): Disturbance | undefined {
    const index = waiting.findIndex(({ match }) => {
      const methodFits = match.method === undefined || match.method === method;
      return methodFits && path.startsWith(match.path_prefix ?? "");
    });
    const scenario = waiting[index];
    if (scenario === undefined) return undefined;
    if (scenario.times === 1) waiting.splice(index, 1);
    else waiting[index] = { ...scenario, times: scenario.times - 1 };
    save();
    return disturbanceOf(scenario);
  }

  function drawn(): Disturbance | undefined {
    if (current.rate === 0 || random() >= current.rate) return undefined;
    const status = current.codes[Math.floor(random() * current.codes.length)];
    return status === undefined ? undefined : { do: "error", status };
  }

  return {
    disturb: (method, path) => scripted(method, path) ?? drawn(),
    rate: () => current,
    setRate(rate) {
      current = rate;
      set = rate;
      save();
    },
    scenarios: () => waiting,
    addScenario(scenario) {
      if (waiting.length >= scenariosMax) return false;
      waiting.push(scenario);
      save();
      return true;
    },
    reset() {
      random = seededRandom(start.seed);
      current = start.rate ?? neverFails;
      set = undefined;
      waiting = [];
      save();
    },
  };
}

function disturbanceOf(scenario: Scenario): Disturbance {
  switch (scenario.do) {
    case "error":
      return { do: "error", status: scenario.status };
    case "slow":
      return { do: "slow", delayMs: scenario.delay_ms };
    case "drop":
    case "processed_then_timeout":
      return { do: scenario.do };
  }
}

/** Numbers in [0, 1) that look random and are the same for the same seed (the mulberry32 generator). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
