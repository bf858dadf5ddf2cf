// Retries, ejection and time limits, as the callee counts them: every service of a release is a stand-in, which answers as
// it is told and remembers each try, and every call leaves by the proxy of its caller. The processes repeat nothing, so
// what is tried twice, the mesh tried twice. What is expected comes from the definitions and the contracts alone.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { say, until } from "./cluster.ts";
import {
  breakerOf,
  callers,
  type DeclaredCall,
  declaredCall,
  declaredCalls,
  triesOf,
} from "./declared-calls.ts";
import { closeForwards } from "./port-forward.ts";
import type { Try } from "./stand-in.ts";
import type { Came } from "./stand-in-caller.ts";
import {
  type Asked,
  callFrom,
  installStandIns,
  plannedCall,
  proxyCounter,
  removeNamespace,
  replicasOf,
  reportsOf,
  scaleStandIns,
  tellReplica,
  triesSeen,
} from "./stand-ins.ts";

const here = { release: "resilience", namespace: "webstore-resilience" };
const unavailable = "14";
const callees = [...new Set(declaredCalls.map(({ callee }) => callee))];
const nameOf = ({ caller, callee, path }: DeclaredCall) => `${caller} → ${callee}.${path.split("/").at(-1)}`;

beforeAll(async () => {
  await removeNamespace(here);
  await installStandIns(here);
  await until(
    "every declared call is answered",
    answeredAtOnce,
    (unanswered) => unanswered.length === 0,
    120_000,
  );
}, 900_000);
afterAll(async () => {
  await closeForwards();
  await removeNamespace(here);
}, 600_000);

async function answeredAtOnce(): Promise<string[]> {
  const made = await makeAll(declaredCalls.map((to) => ({ to, asked: {} })));
  return made.filter(({ came }) => came.code !== 0).map(({ to, came }) => `${nameOf(to)}: ${came.details}`);
}

type Wanted = { readonly to: DeclaredCall; readonly asked: Asked };
type Made = Wanted & { readonly came: Came; readonly tries: readonly Try[] };

/** Each from its own caller; with what the callees have seen of it. */
async function makeAll(wanted: readonly Wanted[], atOnce = 1): Promise<Made[]> {
  const planned = wanted.map(({ to, asked }) => ({ to, asked, plan: plannedCall(here, to, asked) }));
  const came = await Promise.all(
    callers.map((caller) =>
      callFrom(
        here,
        caller,
        planned.filter(({ to }) => to.caller === caller).map(({ plan }) => plan),
        atOnce,
      ),
    ),
  );
  const tries = Map.groupBy(
    (await Promise.all(callees.map((callee) => triesSeen(here, callee)))).flat(),
    ({ call }) => call,
  );
  const answers = new Map(came.flat().map((each) => [each.call, each]));
  return planned.map(({ to, asked, plan }) => {
    const answer = answers.get(plan.call);
    if (answer === undefined) throw new Error(`${nameOf(to)}: no answer is known`);
    return { to, asked, came: answer, tries: tries.get(plan.call) ?? [] };
  });
}

const keyed = (asked: Asked): Asked => ({ ...asked, key: randomUUID() });

/** On a busy machine the declared time may be over before a call has all its tries. */
const isInTime = ({ to, came }: Made) => came.tookMs < to.timeoutMs;

/** How often each was tried where that is not as declared: never more; less only where the declared time was over. */
function notAsDeclared(made: readonly Made[], declared: (one: Made) => number): string[] {
  return made
    .filter((one) => {
      const most = declared(one);
      return one.tries.length > most || (one.tries.length < most && isInTime(one));
    })
    .map((one) => {
      const { to, asked, came, tries } = one;
      const how = `${asked.answers} ${asked.key === undefined ? "without" : "with"} a key`;
      return `${nameOf(to)}, ${how}: ${tries.length} tries in ${came.tookMs} ms, not ${declared(one)}`;
    });
}

test("what is UNAVAILABLE is tried as often as declared, and once where that is not safe", async () => {
  const always: Asked = { answers: [unavailable] };
  const made = await makeAll(
    declaredCalls.flatMap((to) => [
      { to, asked: always },
      { to, asked: keyed(always) },
    ]),
  );
  expect(notAsDeclared(made, ({ to, asked }) => triesOf(to, asked.key !== undefined))).toEqual([]);
  expect(made.filter((one) => isInTime(one) && one.came.code !== Number(unavailable))).toEqual([]);

  for (const level of ["NO_SIDE_EFFECTS", "IDEMPOTENT", "neither"] as const) {
    for (const isKeyed of [false, true]) {
      const those = made.filter(
        ({ to, asked }) => to.level === level && (asked.key !== undefined) === isKeyed,
      );
      const counted = Map.groupBy(those, ({ to, tries }) => `${tries.length} of at most ${to.attemptsMax}`);
      const list = [...counted].sort().map(([tries, { length }]) => `${length} RPCs ${tries}`);
      say(
        `UNAVAILABLE, ${level}, ${isKeyed ? "with" : "without"} a key, tries seen by the callee: ${list.join(", ")}`,
      );
    }
  }
});

test("the key goes along on every try, and the second try's success is the answer", async () => {
  const asked: Asked = { answers: [unavailable, "0"] };
  const made = await makeAll(
    declaredCalls.flatMap((to) => [
      { to, asked },
      { to, asked: keyed(asked) },
    ]),
  );
  const repeated = ({ to, asked: { key } }: Made) => triesOf(to, key !== undefined) > 1;
  const wrong = made
    .filter(isInTime)
    .filter((one) => one.came.code !== (repeated(one) ? 0 : Number(unavailable)));
  expect(wrong.map(({ to, came }) => `${nameOf(to)}: ${came.code}`)).toEqual([]);
  expect(notAsDeclared(made, (one) => (repeated(one) ? 2 : 1))).toEqual([]);
  expect(made.filter((one) => one.tries.some(({ key }) => key !== one.asked.key))).toEqual([]);
  say(
    `UNAVAILABLE, then OK: ${made.filter(repeated).length} calls succeed at the second try, ${made.filter((one) => !repeated(one)).length} fail at their only one`,
  );
});

test("every other failure is an answer: one try, whatever the call", async () => {
  const others = Array.from({ length: 16 }, (_, index) => String(index + 1)).filter(
    (each) => each !== unavailable,
  );
  const made = await makeAll(
    declaredCalls.flatMap((to) => others.map((each) => ({ to, asked: keyed({ answers: [each] }) }))),
    4,
  );
  expect(notAsDeclared(made, () => 1)).toEqual([]);
  const changed = ({ asked, came }: Made) => String(came.code) !== asked.answers?.[0];
  expect(made.filter((one) => isInTime(one) && changed(one))).toEqual([]);
  say(
    `${others.length} other statuses, INTERNAL and every refusal's: ${made.length} calls with a key, each tried once`,
  );
});

test("a stream that breaks off is repeated like an UNAVAILABLE: only where that is safe", async () => {
  const made = await makeAll(
    declaredCalls.flatMap((to) =>
      ["reset", "refuse"].flatMap((each) => [
        { to, asked: { answers: [each] } },
        { to, asked: keyed({ answers: [each] }) },
      ]),
    ),
  );
  expect(notAsDeclared(made, ({ to, asked }) => triesOf(to, asked.key !== undefined))).toEqual([]);
  const unsafe = made.filter(({ to, asked }) => triesOf(to, asked.key !== undefined) === 1);
  say(
    `streams that the callee resets or refuses: ${made.length} calls as declared, ${unsafe.length} of them tried once`,
  );
});

test("a callee that hangs is cut off at the declared time, is told so, and is not asked again", async () => {
  const made = await makeAll(
    declaredCalls.map((to) => ({ to, asked: keyed({ answers: ["hang"] }) })),
    100,
  );
  const lateMs = 5_000;
  // Envoy's clock stands still while it works through a batch of events.
  const earlyMs = 100;
  const wrong = made.filter(
    ({ to, came }) => came.tookMs < to.timeoutMs - earlyMs || came.tookMs > to.timeoutMs + lateMs,
  );
  expect(wrong.map(({ to, came }) => `${nameOf(to)}: ${came.tookMs} ms, not ${to.timeoutMs}`)).toEqual([]);
  expect(made.filter(({ came }) => came.code !== 4 && came.code !== Number(unavailable))).toEqual([]);
  expect(notAsDeclared(made, () => 1)).toEqual([]);
  await cancelled(made);
  const late = Math.max(...made.map(({ to, came }) => came.tookMs - to.timeoutMs));
  const limits = [...new Set(made.map(({ to }) => to.timeoutMs))].sort((one, other) => one - other);
  say(
    `a callee that hangs, no deadline given: ${made.length} RPCs cut at their own limit (${limits.join(", ")} ms), at most ${Math.round(late)} ms late, one try, cancelled at the callee`,
  );
});

test("a deadline that is sooner cuts first, and the callee is told of it", async () => {
  const deadlineMs = 700;
  const made = await makeAll(
    declaredCalls.map((to) => ({ to, asked: keyed({ answers: ["hang"], deadlineMs }) })),
    100,
  );
  const cut = made.filter(({ to }) => to.timeoutMs >= 5_000);
  expect(cut.length).toBeGreaterThan(0);
  // The caller's own clock or its proxy's: whichever is first says it, in its own words.
  expect(cut.filter(({ came }) => came.code !== 4 && came.code !== Number(unavailable))).toEqual([]);
  expect(cut.filter(({ to, came }) => came.tookMs >= to.timeoutMs)).toEqual([]);
  expect(notAsDeclared(cut, () => 1)).toEqual([]);
  const timeouts = (await cancelled(cut)).map(({ timeout }) => msOf(timeout));
  expect(timeouts.filter((each) => !(each <= deadlineMs))).toEqual([]);
  const took = cut.map(({ came }) => Math.round(came.tookMs));
  say(
    `a deadline of ${deadlineMs} ms, limits from 5 s: ${cut.length} RPCs end after ${Math.min(...took)} to ${Math.max(...took)} ms; each callee saw the deadline and the cancellation`,
  );
});

/** Resolves when every try has been called off at the callee; they are told a moment after their caller. */
async function cancelled(made: readonly Made[]): Promise<Try[]> {
  const calls = new Set(made.map(({ came }) => came.call));
  return until(
    "the callees are told",
    async () => {
      const tries = (await Promise.all(callees.map((callee) => triesSeen(here, callee)))).flat();
      return tries.filter(({ call }) => calls.has(call));
    },
    (tries) => tries.every(({ ended }) => ended === "cancelled"),
  );
}

const msOf = (timeout = "") => {
  const [, value, unit] = /^(\d+)([HMSmun])$/.exec(timeout) ?? [];
  const units: Readonly<Record<string, number>> = { H: 3.6e6, M: 6e4, S: 1e3, m: 1, u: 1e-3, n: 1e-6 };
  return Number(value) * (units[unit ?? ""] ?? Number.NaN);
};

type Pair = { readonly well: string; readonly bad: string };

/** Two replicas, both in use; `bad` is the one that fails when it is told to. */
async function pairOf(to: DeclaredCall): Promise<Pair> {
  await scaleStandIns(here, to.callee, 2);
  const [well = "", bad = ""] = await until(
    `two of ${to.callee}`,
    () => replicasOf(here, to.callee),
    ({ length }) => length === 2,
  );
  const answering = async () => new Set((await burst(to, 20)).map(({ replica }) => replica));
  await until("both are asked", answering, ({ size }) => size === 2, 120_000);
  return { well, bad };
}

const burst = (to: DeclaredCall, count: number) =>
  callFrom(
    here,
    to.caller,
    Array.from({ length: count }, () => plannedCall(here, to)),
  );

/** Which of these calls reached the replica, once for each try. */
async function reached(to: DeclaredCall, replica: string, made: readonly Came[]): Promise<string[]> {
  const calls = new Set(made.map(({ call }) => call));
  const report = (await reportsOf(here, to.callee)).find((each) => each.replica === replica);
  return (report?.tries ?? []).map(({ call }) => call).filter((call) => calls.has(call));
}

test("a replica that fails in a row is left alone, whoever calls is spared, and it comes back when it is well", async () => {
  const to = declaredCall("gateway", "CatalogService/GetProduct");
  const { failures, coolDownMs } = breakerOf("gateway", "catalog");
  const { bad } = await pairOf(to);

  await tellReplica(here, "catalog", bad, unavailable);
  const startedMs = Date.now();
  const made = await burst(to, 200);
  const failed = await reached(to, bad, made);
  // A few may be under way while the last of a row is counted.
  expect(failed.length).toBeGreaterThanOrEqual(failures);
  expect(failed.length).toBeLessThanOrEqual(failures + 3);
  // With two replicas Envoy's second choice is the first again once in a while.
  const spared = made.filter(({ code }) => code === 0);
  const unlucky = made.filter(({ code }) => code !== 0);
  const triesOfIt = (one: Came) => failed.filter((call) => call === one.call).length;
  expect(unlucky.filter((one) => triesOfIt(one) !== to.attemptsMax)).toEqual([]);
  expect(await proxyCounter(here, "gateway", to, "outlier_detection.ejections_active")).toBe(1);
  expect(
    await proxyCounter(here, "gateway", to, "outlier_detection.ejections_enforced_consecutive_5xx"),
  ).toBe(1);
  say(
    `two replicas, one fails: ${failed.length} tries reach it (declared: ${failures} in a row), ${spared.length} of ${made.length} calls succeed, ${unlucky.length} met it twice`,
  );

  await tellReplica(here, "catalog", bad, "0");
  let without = 0;
  const again = await until(
    "it is asked again",
    async () => {
      const calls = await burst(to, 20);
      const isAsked = calls.some(({ replica }) => replica === bad);
      if (!isAsked) without += calls.length;
      return { isAsked, wrong: calls.filter(({ code }) => code !== 0), afterMs: Date.now() - startedMs };
    },
    ({ isAsked }) => isAsked,
    120_000,
  );
  expect(without).toBeGreaterThan(0);
  expect(again.wrong).toEqual([]);
  expect(again.afterMs).toBeGreaterThanOrEqual(coolDownMs);
  expect(await proxyCounter(here, "gateway", to, "outlier_detection.ejections_active")).toBe(0);
  say(
    `well again: ${without} calls without it, asked again within ${(again.afterMs / 1_000).toFixed(1)} s (declared: ${coolDownMs / 1_000} s)`,
  );
});

test("what is not safe to repeat fails as often as it met the failing replica, and then no more", async () => {
  const to = declaredCall("gateway", "IdentityService/Login");
  const { failures } = breakerOf("gateway", "identity");
  const { well, bad } = await pairOf(to);
  await tellReplica(here, "identity", bad, unavailable);
  const made = await burst(to, 200);
  const failed = made.filter(({ code }) => code !== 0);
  expect(await reached(to, bad, made)).toEqual(failed.map(({ call }) => call));
  expect(failed.length).toBeGreaterThanOrEqual(failures);
  expect(failed.length).toBeLessThanOrEqual(failures + 3);
  expect(made.slice(-50).filter(({ code }) => code !== 0)).toEqual([]);
  say(
    `${nameOf(to)}, not to be repeated: ${failed.length} of ${made.length} calls failed, each tried once; then none`,
  );

  await tellReplica(here, "identity", well, unavailable);
  const both = await burst(to, 20);
  expect(await proxyCounter(here, "gateway", to, "outlier_detection.ejections_active")).toBe(1);
  expect((await reached(to, well, both)).length).toBeGreaterThan(failures);
  say("both fail: one of two stays in use, so that an outage behind them takes nobody away");
});
