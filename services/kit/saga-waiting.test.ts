import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { migrate } from "./postgres-migrations.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { type AnySaga, type Saga, saga, Waiting } from "./saga.ts";
import { openSagaEngine, type SagaEngine } from "./saga-engine.ts";
import { openJournal, sagaMigrations } from "./saga-journal.ts";
import { roundsMax } from "./saga-rounds.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshName, freshSchema, useTestPostgres } from "./testing-postgres.ts";

const { refuse } = defineRefusals("test", {
  too_late: { code: "FAILED_PRECONDITION", caller: "Too late.", operator: "" },
  given_up: { code: "UNAVAILABLE", caller: "Given up.", operator: "" },
});

type Ports = {
  before(): Promise<{ at: number }>;
  confirm(): Promise<{ confirmed: boolean }>;
  undone(step: string): void;
};

const version = 1;
const confirmed = saga<object, Ports>("confirmed", { version, givenUp: () => refuse("given_up") })
  .step("booking", { do: ({ before }) => before(), undo: async ({ undone }) => undone("booking") })
  .step("confirmation", {
    do: ({ confirm }) => confirm(),
    undo: async ({ undone }) => undone("confirmation"),
  });
const patient = saga<object, Ports>("patient", { version, givenUp: () => refuse("given_up") })
  .step("booking", { do: ({ before }) => before(), undo: async ({ undone }) => undone("booking") })
  .step("refunding", { do: ({ confirm }) => confirm(), patient: true });

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema(sagaMigrations);
});
afterAll(() => postgres.close());

/** A partner that counts; the test says how it answers. */
function partner(answer: (asked: number) => Promise<{ confirmed: boolean }> | { confirmed: boolean }) {
  const seen = { before: 0, asked: 0, undone: [] as string[] };
  const ports: Ports = {
    before: async () => ({ at: ++seen.before }),
    confirm: async () => answer(++seen.asked),
    undone: (step) => void seen.undone.push(step),
  };
  return { seen, ports };
}

function engineOf(ports: Ports, is: { owner?: string; sagas?: readonly unknown[]; leaseMs?: number } = {}) {
  const leaseMs = is.leaseMs ?? 60_000;
  return openSagaEngine<Ports>({
    journal: openJournal({ postgres, owner: is.owner ?? "here", leaseMs, key: "a key for tests" }),
    sagas: (is.sagas ?? [confirmed, patient]) as readonly AnySaga[],
    ports,
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs,
    random: () => 0,
    delayMs: async () => {},
  });
}

async function begin(engine: SagaEngine<Ports>, which: Saga<object, Ports>): Promise<string> {
  const id = randomUUID();
  await engine.begin(which, { id, requestHash: "", input: {}, traceparent: "" });
  return id;
}

const rowOf = async (id: string) =>
  (
    await postgres.query<{ status: string; attempts: number; owner: string; due: boolean; error: string }>(
      "select status, attempts, owner, lease_until < now() as due, error from sagas where id = $1",
      [id],
    )
  )[0];

const later = () => Promise.reject(new Waiting("the shopper", { retryAfterMs: 600_000 }));

test("a saga that waits is answered as waiting at once, here and in another replica, and counts no attempt", async () => {
  const { seen, ports } = partner(later);
  const here = engineOf(ports);
  const elsewhere = engineOf(ports, { owner: "elsewhere" });
  const id = await begin(here, confirmed);
  for (const engine of [here, elsewhere, here])
    expect(await engine.settle(id, 20_000)).toEqual({ status: "waiting", what: "the shopper" });
  expect(await rowOf(id)).toMatchObject({ status: "running", attempts: 0, owner: "", due: false });
  expect(here.running()).toBe(0);
  expect(seen).toEqual({ before: 1, asked: 1, undone: [] });
  await Promise.all([here.stop(0), elsewhere.stop(0)]);
});

test("woken, it goes on where it waited, and what was done before is not done again", async () => {
  const { seen, ports } = partner((asked) => (asked === 1 ? later() : { confirmed: true }));
  const here = engineOf(ports);
  const id = await begin(here, confirmed);
  await here.settle(id, 5_000);
  await here.stop(0);
  const restarted = engineOf(ports, { owner: "restarted" });
  await restarted.wake(id);
  expect(await restarted.settle(id, 5_000)).toEqual({ status: "done" });
  expect(seen).toEqual({ before: 1, asked: 2, undone: [] });
  await restarted.stop(0);
});

test("a wake that comes while the step is still asking is not lost, whoever gets it", async () => {
  for (const wakes of ["here", "elsewhere"]) {
    const asking = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const { seen, ports } = partner(async (asked) => {
      if (asked > 1) return { confirmed: true };
      asking.resolve();
      await woken.promise;
      return later();
    });
    const here = engineOf(ports);
    const elsewhere = engineOf(ports, { owner: "elsewhere" });
    const id = await begin(here, confirmed);
    await asking.promise;
    await (wakes === "here" ? here : elsewhere).wake(id);
    woken.resolve();
    await expect.poll(() => here.settle(id, 5_000)).toEqual({ status: "done" });
    expect(seen).toMatchObject({ before: 1, asked: 2 });
    await Promise.all([here.stop(0), elsewhere.stop(0)]);
  }
});

test("a saga that was woken while it was in hand is due when it is put down, also if its process is gone then", async () => {
  const journalOf = (owner: string) =>
    openJournal({ postgres, owner, leaseMs: 60_000, key: "a key for tests" });
  const saga = confirmed as unknown as AnySaga;
  const id = randomUUID();
  const mine = await journalOf("gone").begin({ id, saga, requestHash: "", input: {}, traceparent: "" });
  if (mine === undefined) throw new Error("it did not begin");
  expect(await journalOf("other").wake(id, [saga])).toBeUndefined();
  const down = { to: mine, afterMs: 600_000, failed: false, waitingFor: "the shopper" };
  expect(await journalOf("gone").park(mine, down)).toEqual({ woken: true });
  await expect
    .poll(async () => (await journalOf("next").claim([saga], 100)).map((each) => each.id))
    .toContain(id);
});

test("without being woken it goes on when its time has come", async () => {
  const { ports } = partner((asked) =>
    asked < 3 ? Promise.reject(new Waiting("a while", { retryAfterMs: 0 })) : { confirmed: true },
  );
  const engine = engineOf(ports, { leaseMs: 50 });
  const id = await begin(engine, confirmed);
  await expect.poll(() => engine.settle(id, 0), { timeout: 5_000 }).toEqual({ status: "done" });
  await engine.stop(0);
});

test("a wake of a saga that has ended, or that nobody knows, changes nothing", async () => {
  const { seen, ports } = partner(() => ({ confirmed: true }));
  const engine = engineOf(ports);
  const id = await begin(engine, confirmed);
  await engine.settle(id, 5_000);
  await engine.wake(id);
  await engine.wake(randomUUID());
  expect(seen.asked).toBe(1);
  expect(await engine.settle(id, 0)).toEqual({ status: "done" });
  await engine.stop(0);
});

test("a replica that does not know the saga wakes it for those that do", async () => {
  const { ports } = partner((asked) => (asked === 1 ? later() : { confirmed: true }));
  const here = engineOf(ports, { leaseMs: 50 });
  const newer = engineOf(ports, { owner: "newer", sagas: [patient] });
  const id = await begin(here, confirmed);
  await here.settle(id, 5_000);
  await newer.wake(id);
  await expect.poll(() => here.settle(id, 0), { timeout: 5_000 }).toEqual({ status: "done" });
  await Promise.all([here.stop(0), newer.stop(0)]);
});

test("a step that has waited and then refuses is undone too, for it has done what it waited for", async () => {
  const { seen, ports } = partner((asked) => (asked === 1 ? later() : Promise.reject(refuse("too_late"))));
  const engine = engineOf(ports);
  const id = await begin(engine, confirmed);
  await engine.settle(id, 5_000);
  await engine.wake(id);
  expect(await engine.settle(id, 5_000)).toMatchObject({
    status: "refused",
    refusal: { reason: "too_late" },
  });
  expect(seen.undone).toEqual(["confirmation", "booking"]);
  await engine.stop(0);
});

test("a patient step is never given up: it is put down, shown as stuck after its rounds, and goes on", async () => {
  const down = { is: true };
  const { seen, ports } = partner(async () => {
    if (down.is) throw new Outage("payments", "down");
    return { confirmed: true };
  });
  const engine = engineOf(ports);
  const id = await begin(engine, patient);
  for (let round = 1; round <= roundsMax + 1; round += 1) {
    await expect.poll(async () => (await rowOf(id))?.attempts, { timeout: 5_000 }).toBe(round);
    expect(await rowOf(id)).toMatchObject({ status: "running", error: "refunding: Outage: down" });
    if (round <= roundsMax) await engine.wake(id);
  }
  expect(await engine.settle(id, 0)).toEqual({ status: "unfinished" });
  down.is = false;
  await engine.wake(id);
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done" });
  expect(await rowOf(id)).toMatchObject({ status: "done", attempts: 0, error: null });
  expect(seen).toMatchObject({ before: 1, undone: [] });
  await engine.stop(0);
});

test("a refusal turns a patient step back all the same", async () => {
  const { seen, ports } = partner(() => Promise.reject(refuse("too_late")));
  const engine = engineOf(ports);
  const id = await begin(engine, patient);
  expect(await engine.settle(id, 5_000)).toMatchObject({ status: "refused" });
  expect(seen.undone).toEqual(["booking"]);
  await engine.stop(0);
});

test("a store with sagas of the version before is brought up to date, and its sagas go on", async () => {
  const { url } = await useTestPostgres();
  const schema = freshName();
  await migrate({ url, schema }, sagaMigrations.slice(0, 1));
  const old = await freshSchema(sagaMigrations.slice(0, 1), { schema });
  const id = randomUUID();
  await old.query(
    `insert into sagas (id, name, version, status, request_hash, input, position, results, owner, lease_until, traceparent)
     values ($1, 'confirmed', 1, 'running', '', '{}', 1, '{"booking": {"at": 1}}', 'gone', now() - interval '1 s', '')`,
    [id],
  );
  await migrate({ url, schema }, sagaMigrations);
  const journal = openJournal({ postgres: old, owner: "new", leaseMs: 1_000, key: "a key for tests" });
  const [claimed] = await journal.claim([confirmed as unknown as AnySaga], 10);
  expect(claimed).toMatchObject({ id, position: 1, wakes: 0, trail: [], isPutDown: false });
  await old.close();
});
