// The journal's key is replaced while sagas are under way (J7 in saga-journal.ts).

import { createCipheriv, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { type AnySaga, saga } from "./saga.ts";
import { openSagaDesk } from "./saga-desk.ts";
import { openSagaEngine } from "./saga-engine.ts";
import { openJournal, sagaMigrations } from "./saga-journal.ts";
import { roundPauseMs, roundsMax } from "./saga-rounds.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema } from "./testing-postgres.ts";

const { refuse } = defineRefusals("test", {
  declined: { code: "FAILED_PRECONDITION", caller: "Declined.", operator: "" },
  given_up: { code: "UNAVAILABLE", caller: "Given up.", operator: "" },
});

type Input = { readonly orderId: string; readonly card: string };
type Ports = { pay(card: string): Promise<void>; giveBack(input: object): Promise<void> };
const payment = saga<Input, Ports>("payment", {
  version: 1,
  secrets: ["card"],
  givenUp: () => refuse("given_up"),
}).step("money", {
  do: ({ input, pay }) => pay(input.card),
  undo: ({ input, giveBack }) => giveBack(input),
  attemptsMax: 1,
});
const any = payment as unknown as AnySaga;
const oldKey = "the key of yesterday";
const newKey = "the key of today";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema(sagaMigrations);
});
afterEach(() => postgres.query("delete from sagas"));
afterAll(() => postgres.close());

const journalOf = (key: string, owner = key) => openJournal({ postgres, owner, leaseMs: 60_000, key });

/** A saga that a process began, under this key, and then was gone. */
async function left(key: string): Promise<string> {
  const id = randomUUID();
  const input = { orderId: id, card: "4242" };
  await journalOf(key, "gone").begin({ id, saga: any, requestHash: "", input, traceparent: "" });
  await due(id);
  return id;
}

const due = (id: string) =>
  postgres.query("update sagas set lease_until = clock_timestamp() - interval '1 s' where id = $1", [id]);

/** A replica with this key, and what its partner was asked. */
function replica(key: string, is: { pay?: () => Promise<void>; giveBack?: () => Promise<void> } = {}) {
  const seen: unknown[] = [];
  const engine = openSagaEngine<Ports>({
    journal: journalOf(key),
    sagas: [any],
    ports: {
      async pay(card) {
        seen.push(`pay ${card}`);
        await is.pay?.();
      },
      async giveBack(input) {
        seen.push(input);
        await is.giveBack?.();
      },
    },
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs: 60_000,
    // Takes up only what it is woken for.
    lookEveryMs: 600_000,
    random: () => 0,
    delayMs: async () => {},
  });
  return { seen, engine, desk: openSagaDesk({ postgres, engine, sagas: [any] }) };
}

const down = () => Promise.reject(new Outage("bank", "down"));

test("the first of several keys seals, and each of them opens", async () => {
  const [before, after] = [await left(oldKey), await left(`${newKey}, ${oldKey}`)];
  const cardOf = async (key: string, id: string) => (await journalOf(key).find(id))?.input.card;
  for (const id of [before, after]) expect(await cardOf(`${newKey},${oldKey}`, id)).toBe("4242");
  expect([await cardOf(newKey, before), await cardOf(newKey, after)]).toEqual([undefined, "4242"]);
  expect([await cardOf(oldKey, before), await cardOf(oldKey, after)]).toEqual(["4242", undefined]);
});

test("what was sealed when a comma was part of the key still opens", async () => {
  const text = "a key, with a comma";
  const id = await left(text);
  const key = Buffer.from(hkdfSync("sha256", text, "", "webstore saga journal", 32));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(id));
  const sealed = Buffer.concat([cipher.update('{"card":"4000"}'), cipher.final()]);
  const secrets = Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  await postgres.query("update sagas set secrets = $2 where id = $1", [id, secrets]);
  expect((await journalOf(text).find(id))?.input.card).toBe("4000");
});

test("a saga whose secrets do not open holds up nobody, and is left to those who can open them", async () => {
  const [sealed, plain] = [await left(oldKey), await left(newKey)];
  const claimed = await journalOf(newKey).claim([any], 100);
  expect(claimed.map(({ id }) => id)).toEqual([plain]);
  expect(await journalOf(newKey).find(sealed)).toMatchObject({
    status: "running",
    attempts: 1,
    isPutDown: true,
    input: { orderId: sealed },
  });
  const { seen, engine } = replica(oldKey);
  await engine.wake(sealed);
  expect(await engine.settle(sealed, 5_000)).toEqual({ status: "done" });
  expect(seen).toEqual(["pay 4242"]);
  await engine.stop(0);
});

test("it is looked at less and less often, is seen as stuck, and is not lost", async () => {
  const id = await left(oldKey);
  const { engine, desk } = replica(newKey);
  for (let round = 1; round <= roundsMax; round += 1) {
    expect((await desk.get(id))?.saga.status).toBe("running");
    await due(id);
    expect(await journalOf(newKey).claim([any], 100)).toEqual([]);
    const [row] = await postgres.query<{ pause: number }>(
      "select (extract(epoch from lease_until - updated_at) * 1000)::float8 as pause from sagas where id = $1",
      [id],
    );
    expect(Math.round((row?.pause ?? 0) / 1_000) * 1_000).toBe(roundPauseMs(round));
  }
  expect((await desk.get(id))?.saga).toMatchObject({
    status: "stuck",
    step: "money",
    error: "its secrets do not open here: was the journal's key changed?",
  });
  const both = replica(`${newKey},${oldKey}`);
  await both.engine.wake(id);
  expect(await both.engine.settle(id, 5_000)).toEqual({ status: "done" });
  await Promise.all([engine.stop(0), both.engine.stop(0)]);
});

test("no undo is given a secret", async () => {
  const id = randomUUID();
  const { seen, engine } = replica(newKey, { pay: down });
  const input = { orderId: id, card: "4242" };
  await engine.begin(payment, { id, requestHash: "", input, traceparent: "" });
  expect(await engine.settle(id, 5_000)).toMatchObject({ status: "refused" });
  expect(seen).toEqual(["pay 4242", { orderId: id }]);
  await engine.stop(0);
});

test("a saga that has turned back is undone where its secrets do not open", async () => {
  const id = randomUUID();
  const old = replica(oldKey, { pay: down, giveBack: down });
  const input = { orderId: id, card: "4242" };
  await old.engine.begin(payment, { id, requestHash: "", input, traceparent: "" });
  await expect.poll(async () => (await old.engine.find(id))?.attempts).toBe(1);
  await old.engine.stop(0);
  const { seen, engine } = replica(newKey);
  await engine.wake(id);
  expect(await engine.settle(id, 5_000)).toMatchObject({
    status: "refused",
    refusal: { reason: "given_up" },
  });
  expect(seen).toEqual([{ orderId: id }]);
  await engine.stop(0);
});

test("an operator can turn a saga back where its secrets do not open", async () => {
  const id = await left(oldKey);
  const { seen, engine, desk } = replica(newKey);
  await engine.wake(id);
  expect(await engine.settle(id, 0)).toEqual({ status: "unfinished" });
  await desk.compensate(id, refuse("declined"));
  expect(await engine.settle(id, 5_000)).toMatchObject({
    status: "refused",
    refusal: { reason: "declined" },
  });
  expect(seen).toEqual([{ orderId: id }]);
  await engine.stop(0);
});
