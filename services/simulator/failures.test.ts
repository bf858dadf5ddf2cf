import { expect, test } from "vitest";
import {
  createFailures,
  type FailureMemory,
  type FailureRate,
  failureRateShape,
  neverFails,
  type Scenario,
  scenarioShape,
} from "./failures.ts";

const often = { rate: 0.3, codes: [400, 404, 500, 503] };

function memory(): FailureMemory {
  let kept: string | undefined;
  return {
    load: () => kept,
    save(text) {
      kept = text;
    },
  };
}

const open = (is: { seed: number; rate: FailureRate | undefined; memory?: FailureMemory }) =>
  createFailures({ memory: memory(), ...is });

function drawn(seed: number, count = 200) {
  const failures = open({ seed, rate: often });
  return Array.from({ length: count }, () => failures.disturb("GET", "/v1/stock"));
}

const scenario = (is: unknown): Scenario => scenarioShape.parse(is);

test("equal seeds give equal failures, other seeds others", () => {
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
});

test("the share and the statuses of failures are those asked for", () => {
  const all = drawn(1, 20_000);
  const failed = all.filter((disturbance) => disturbance !== undefined);
  expect(failed.length / all.length).toBeCloseTo(0.3, 1);
  const statuses = new Set(
    failed.map((disturbance) => (disturbance.do === "error" ? disturbance.status : 0)),
  );
  expect([...statuses].sort()).toEqual(often.codes);
});

test("nothing fails unless it is asked for", () => {
  const failures = open({ seed: 1, rate: neverFails });
  const all = Array.from({ length: 100 }, () => failures.disturb("PUT", "/"));
  expect(all.every((disturbance) => disturbance === undefined)).toBe(true);
});

test("a scenario meets the requests that it matches, as often as it says, oldest first", () => {
  const failures = open({ seed: 1, rate: neverFails });
  failures.addScenario(
    scenario({ do: "error", status: 503, match: { method: "PUT", path_prefix: "/v1/res" }, times: 2 }),
  );
  failures.addScenario(scenario({ do: "drop", match: { method: "PUT" } }));
  expect(failures.disturb("GET", "/v1/reservations/a")).toBeUndefined();
  expect(failures.disturb("PUT", "/v1/reservations/a")).toEqual({ do: "error", status: 503 });
  expect(failures.disturb("PUT", "/v1/stock/a")).toEqual({ do: "drop" });
  expect(failures.disturb("PUT", "/v1/reservations/a")).toEqual({ do: "error", status: 503 });
  expect(failures.disturb("PUT", "/v1/reservations/a")).toBeUndefined();
});

test("a reset goes back to the start of the same sequence", () => {
  const failures = open({ seed: 7, rate: often });
  failures.setRate(neverFails);
  failures.addScenario(scenario({ do: "drop" }));
  failures.reset();
  const again = Array.from({ length: 200 }, () => failures.disturb("GET", "/v1/stock"));
  expect(again).toEqual(drawn(7));
});

test("what was set survives a restart, unless the configuration says otherwise", () => {
  const kept = memory();
  const before = open({ seed: 1, rate: undefined, memory: kept });
  expect(before.rate()).toEqual(neverFails);
  before.setRate(often);
  before.addScenario(scenario({ do: "drop", times: 2 }));
  before.disturb("GET", "/");

  const after = open({ seed: 1, rate: undefined, memory: kept });
  expect(after.rate()).toEqual(often);
  expect(after.scenarios()).toEqual([{ do: "drop", match: {}, times: 1 }]);
  expect(open({ seed: 1, rate: neverFails, memory: kept }).rate()).toEqual(neverFails);
  after.reset();
  const again = open({ seed: 1, rate: undefined, memory: kept });
  expect([again.rate(), again.scenarios()]).toEqual([neverFails, []]);
});

test("scenarios that wait have a limit", () => {
  const failures = open({ seed: 1, rate: neverFails });
  const added = Array.from({ length: 1_001 }, () => failures.addScenario(scenario({ do: "drop" })));
  expect(added.filter(Boolean)).toHaveLength(1_000);
});

test.each([
  { rate: 0.5, codes: [] },
  { rate: 1.1, codes: [500] },
  { rate: -0.1, codes: [500] },
  { rate: 0.1, codes: [200] },
  { rate: 0.1, codes: [500], also: true },
])("the failure rate %j is refused", (rate) => {
  expect(failureRateShape.safeParse(rate).success).toBe(false);
});
