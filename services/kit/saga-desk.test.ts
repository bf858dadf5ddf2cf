import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { type AnySaga, type Saga, saga, Waiting } from "./saga.ts";
import { openSagaDesk } from "./saga-desk.ts";
import { openSagaEngine } from "./saga-engine.ts";
import { openJournal, sagaMigrations } from "./saga-journal.ts";
import { roundsMax } from "./saga-rounds.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema } from "./testing-postgres.ts";

const { refuse } = defineRefusals("test", {
  given_up: { code: "UNAVAILABLE", caller: "Given up.", operator: "" },
  cancelled: { code: "ABORTED", caller: "Cancelled.", operator: "" },
});

type Input = { readonly orderId: string; readonly card: string };
type Shop = { take(step: string): Promise<{ taken: string }>; giveBack(step: string): Promise<void> };
type Ports = { readonly shop: Shop };

const card = "4000000000009995";
const sale = saga<Input, Ports>("sale", {
  version: 1,
  secrets: ["card"],
  givenUp: () => refuse("given_up"),
})
  .step("stock", { do: ({ shop }) => shop.take("stock"), undo: ({ shop }) => shop.giveBack("stock") })
  .write("order", {
    do: ({ input }) => [{ text: "insert into orders values ($1, 'open')", values: [input.orderId] }],
    undo: ({ input }) => [
      { text: "update orders set state = 'closed' where id = $1", values: [input.orderId] },
    ],
  })
  .step("money", { do: ({ shop }) => shop.take("money"), undo: ({ shop }) => shop.giveBack("money") })
  .step("gift", { do: ({ shop }) => shop.take("gift"), undo: ({ shop }) => shop.giveBack("gift") })
  .write("paid", {
    do: ({ input }) => [{ text: "update orders set state = 'paid' where id = $1", values: [input.orderId] }],
  });
const audit = saga<{ orderId: string }, Ports>("audit", {
  version: 1,
  givenUp: () => refuse("given_up"),
}).step("look", { do: ({ shop }) => shop.take("look"), patient: true });

const orders = { id: "0002-orders", sql: "create table orders (id uuid primary key, state text not null)" };

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema([...sagaMigrations, orders]);
});
afterAll(() => postgres.close());

/** A shop in which the test decides what happens at a step; what is taken or given back is written down. */
function shopWith(at: Partial<Record<string, () => Promise<unknown>>> = {}) {
  const done: string[] = [];
  const shop: Shop = {
    async take(step) {
      done.push(`take ${step}`);
      await at[`take ${step}`]?.();
      return { taken: step };
    },
    async giveBack(step) {
      await at[`give back ${step}`]?.();
      done.push(`give back ${step}`);
    },
  };
  const sagas = [sale, audit] as unknown as AnySaga[];
  const engineOf = (owner: string) =>
    openSagaEngine<Ports>({
      journal: openJournal({ postgres, owner, leaseMs: 60_000, key: "a key for tests" }),
      sagas,
      ports: { shop },
      log: openLog("test", { level: "silent" }),
      telemetry: unrecordedTelemetry("test"),
      leaseMs: 60_000,
      random: () => 0,
      delayMs: async () => {},
    });
  const engine = engineOf("here");
  const desk = openSagaDesk({ postgres, engine, sagas });
  const begin = async (which: Saga<never, Ports> = sale as never) => {
    const id = randomUUID();
    const input = { orderId: id, card } as never;
    await engine.begin(which, { id, requestHash: "", input, traceparent: "" });
    return id;
  };
  return { done, engine, engineOf, desk, sagas, begin };
}

const stateOf = async (id: string) =>
  (await postgres.query<{ state: string }>("select state from orders where id = $1", [id]))[0]?.state;
const waits = () => Promise.reject(new Waiting("the shopper", { retryAfterMs: 600_000 }));
const down = () => Promise.reject(new Outage("shop", `no answer about ${card}, password=hunter2`));

test("shows what a saga did, step by step, and no secret", async () => {
  const { desk, engine, begin } = shopWith({ "take gift": down });
  const id = await begin();
  await engine.settle(id, 5_000);
  const got = await desk.get(id);
  expect(got?.saga).toMatchObject({
    name: "sale",
    status: "undone",
    step: "",
    input: { orderId: id },
    refusal: { reason: "given_up" },
    leaseUntil: undefined,
  });
  const undo = (step: string) => [`undo_started ${step}`, `undo_finished ${step}`];
  expect(got?.trail.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
    ...["stock", "order", "money"].flatMap((step) => [`do_started ${step}`, `do_finished ${step}`]),
    "do_started gift",
    ...Array.from({ length: 3 }, () => "do_failed gift"),
    ...["gift", "money", "order", "stock"].flatMap(undo),
  ]);
  expect(got?.trail.find(({ kind }) => kind === "do_failed")?.error).toMatch(/^Outage: no answer about/);
  const shown = JSON.stringify([got, await desk.list({ ids: [id] }, { size: 10, token: "" })]);
  expect(shown).not.toMatch(/4000000000009995|hunter2/);
  await engine.stop(0);
});

test("a trail keeps its last 200 lines", async () => {
  let waited = 0;
  const { desk, engine, begin } = shopWith({
    "take money": () =>
      ++waited <= 250 ? Promise.reject(new Waiting("it", { retryAfterMs: 0 })) : Promise.resolve(),
  });
  const id = await begin();
  while ((await engine.settle(id, 5_000))?.status === "waiting") await engine.wake(id);
  const lines = (await desk.get(id))?.trail ?? [];
  expect(lines).toHaveLength(200);
  expect(lines.at(-1)).toMatchObject({ kind: "do_finished", step: "paid" });
  await engine.stop(0);
});

test("lists by status, name, ids and idle time, the one that changed last first, page by page", async () => {
  await postgres.query("delete from sagas");
  const { desk, engine, begin } = shopWith({ "take money": waits, "take look": down });
  const waiting: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const id = await begin();
    await engine.settle(id, 5_000);
    waiting.push(id);
  }
  const auditing = await begin(audit as never);
  for (let round = 1; round <= roundsMax; round += 1) {
    await engine.settle(auditing, 5_000);
    if (round < roundsMax) await engine.wake(auditing);
  }
  const ids = async (filter: Parameters<typeof desk.list>[0], size = 10) => {
    const found: string[] = [];
    for (let token = ""; ; ) {
      const page = await desk.list(filter, { size, token });
      expect(page.sagas.length).toBeLessThanOrEqual(size);
      found.push(...page.sagas.map(({ id }) => id));
      token = page.nextToken;
      if (token === "") return found;
    }
  };
  const newestFirst = [auditing, ...waiting.toReversed()];
  expect(await ids({})).toEqual(newestFirst);
  for (const size of [1, 2, 3, 4]) expect(await ids({}, size)).toEqual(newestFirst);
  expect(await ids({ name: "sale" })).toEqual(waiting.toReversed());
  expect(await ids({ status: "running" })).toEqual(waiting.toReversed());
  expect(await ids({ status: "stuck" })).toEqual([auditing]);
  expect(await ids({ ids: [waiting[1] as string, randomUUID()] })).toEqual([waiting[1]]);
  expect(await ids({ status: "done" })).toEqual([]);
  expect(await ids({ idleMsMin: 3_600_000 })).toEqual([]);
  await postgres.query("update sagas set updated_at = now() - interval '2 hours' where id = $1", [auditing]);
  expect(await ids({ idleMsMin: 3_600_000 })).toEqual([auditing]);
  const [first] = (await desk.list({ name: "sale" }, { size: 1, token: "" })).sagas;
  expect(first).toMatchObject({
    step: "money",
    waitingFor: "the shopper",
    attempts: 0,
    leaseUntil: undefined,
  });
  await engine.stop(0);
});

test.each([
  ["a letter", "x"],
  ["512 letters", "x".repeat(512)],
  ["SQL", Buffer.from("1; drop table sagas/…").toString("base64url")],
  ["a time that is none", Buffer.from(`99999999999999999/${randomUUID()}`).toString("base64url")],
])("a page token that is none of ours is refused: %s", async (_, token) => {
  const { desk, engine } = shopWith();
  await expect(desk.list({}, { size: 1, token })).rejects.toMatchObject({ reason: "invalid_request" });
  await engine.stop(0);
});

test("retrying lets a saga that waits go on at once", async () => {
  let asked = 0;
  const { desk, engine, begin } = shopWith({
    "take money": () => (++asked === 1 ? waits() : Promise.resolve()),
  });
  const id = await begin();
  await engine.settle(id, 5_000);
  expect(await desk.retry(id)).toMatchObject({ ended: false, saga: { id } });
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done" });
  expect(await desk.retry(id)).toMatchObject({ ended: true, saga: { status: "done" } });
  expect(await desk.retry(randomUUID())).toBeUndefined();
  await engine.stop(0);
});

test("retrying lets an undo that was refused be tried again, with all its attempts", async () => {
  let refused = true;
  const { desk, engine, begin, done } = shopWith({
    "take gift": () => Promise.reject(refuse("cancelled")),
    "give back money": () => (refused ? Promise.reject(refuse("cancelled")) : Promise.resolve()),
  });
  const id = await begin();
  expect(await engine.settle(id, 5_000)).toEqual({ status: "stuck" });
  await engine.wake(id);
  expect((await desk.get(id))?.saga).toMatchObject({ status: "stuck", step: "money", attempts: 1 });
  refused = false;
  await desk.retry(id);
  expect(await engine.settle(id, 5_000)).toMatchObject({ status: "refused" });
  expect(done.slice(-2)).toEqual(["give back money", "give back stock"]);
  expect(await stateOf(id)).toBe("closed");
  await engine.stop(0);
});

test("retrying a saga that somebody has in hand changes nothing", async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const { desk, engine, begin, done } = shopWith({
    "take money": async () => {
      asked.resolve();
      await answered.promise;
    },
  });
  const id = await begin();
  await asked.promise;
  const answer = await desk.retry(id);
  expect(answer).toMatchObject({ ended: false, saga: { status: "running", step: "money" } });
  expect(answer?.saga.leaseUntil).toBeInstanceOf(Date);
  answered.resolve();
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done" });
  expect(done.filter((each) => each === "take money")).toHaveLength(1);
  await engine.stop(0);
});

test("a saga that waits is undone when it is compensated, the step that waits too", async () => {
  const { desk, engine, begin, done } = shopWith({ "take money": waits });
  const id = await begin();
  await engine.settle(id, 5_000);
  expect(await desk.compensate(id, refuse("cancelled"))).toMatchObject({
    ended: false,
    saga: { status: expect.stringMatching(/compensating|undone/) },
  });
  expect(await engine.settle(id, 5_000)).toMatchObject({
    status: "refused",
    refusal: { reason: "cancelled" },
  });
  expect(done.filter((each) => each.startsWith("give"))).toEqual([
    "give back gift",
    "give back money",
    "give back stock",
  ]);
  expect(await stateOf(id)).toBe("closed");
  expect(await desk.compensate(id)).toMatchObject({ ended: false, saga: { status: "undone" } });
  expect((await desk.get(id))?.trail.some(({ error }) => error === "turned back by an operator")).toBe(true);
  await engine.stop(0);
});

test.each(["here", "in another replica"])(
  "a saga in hand %s is taken from its owner, and what it did since its last commit is undone",
  async (where) => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const { desk, engine, engineOf, sagas, begin, done } = shopWith({
      "take gift": async () => {
        asked.resolve();
        await answered.promise;
      },
    });
    const id = await begin();
    await asked.promise;
    const toldToTheCaller = engine.settle(id, 20_000);
    const other = engineOf("there");
    const at =
      where === "here"
        ? { desk, engine }
        : { desk: openSagaDesk({ postgres, engine: other, sagas }), engine: other };
    expect(await at.desk.compensate(id)).toMatchObject({ ended: false });
    expect(await at.engine.settle(id, 5_000)).toMatchObject({ status: "refused" });
    answered.resolve();
    // The owner finds itself fenced, and commits nothing more.
    await expect.poll(() => engine.running()).toBe(0);
    expect(await stateOf(id)).toBe("closed");
    expect(done.filter((each) => each.startsWith("give"))).toEqual([
      "give back gift",
      "give back money",
      "give back stock",
    ]);
    expect(await toldToTheCaller).toMatchObject({ status: "refused" });
    await Promise.all([engine.stop(0), other.stop(0)]);
  },
);

test("a saga that was turned back stays turned, though nobody has taken it up and its owner goes on", async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const { engine, sagas, begin } = shopWith({
    "take gift": async () => {
      asked.resolve();
      await answered.promise;
    },
  });
  const id = await begin();
  await asked.promise;
  const nobody = { ...engine, wake: async () => {} };
  await openSagaDesk({ postgres, engine: nobody, sagas }).compensate(id);
  answered.resolve();
  await expect.poll(() => engine.settle(id, 5_000), { timeout: 5_000 }).toMatchObject({ status: "refused" });
  expect(await stateOf(id)).toBe("closed");
  await engine.stop(0);
});

test("what is done stays done: compensating answers that it has ended", async () => {
  const { desk, engine, begin, done } = shopWith();
  const id = await begin();
  await engine.settle(id, 5_000);
  expect(await desk.compensate(id)).toMatchObject({ ended: true, saga: { status: "done" } });
  expect(await stateOf(id)).toBe("paid");
  expect(done.some((each) => each.startsWith("give"))).toBe(false);
  expect(await desk.compensate(randomUUID())).toBeUndefined();
  await engine.stop(0);
});
