// How far back a saga goes that turns: to whatever may have happened (S4 in saga-run.ts).

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { type AnySaga, saga } from "./saga.ts";
import { openSagaEngine } from "./saga-engine.ts";
import { openJournal, sagaMigrations } from "./saga-journal.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema } from "./testing-postgres.ts";

const { refuse } = defineRefusals("test", {
  sold_out: { code: "FAILED_PRECONDITION", caller: "Sold out.", operator: "" },
  given_up: { code: "UNAVAILABLE", caller: "Given up.", operator: "" },
});

type Ports = { take(step: string): Promise<void>; giveBack(step: string): Promise<void> };
const undone = (step: string) => ({
  do: ({ take }: Ports) => take(step),
  undo: ({ giveBack }: Ports) => giveBack(step),
});
/** Two effects, a write, and two effects. */
const sale = saga<object, Ports>("sale", { version: 1, givenUp: () => refuse("given_up") })
  .step("stock", undone("stock"))
  .step("voucher", undone("voucher"))
  .write("order", { do: () => [] })
  .step("money", undone("money"))
  .step("gift", undone("gift"));
const any = sale as unknown as AnySaga;

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema(sagaMigrations);
});
afterAll(() => postgres.close());

type Answer = () => Promise<void>;
const lost: Answer = () => Promise.reject(new Outage("shop", "no answer"));
const refused: Answer = () => Promise.reject(refuse("sold_out"));

/** What is given back, in turn, when the shop answers so; each answer is for one try, and the last for all the others. */
async function givenBack(answers: Partial<Record<string, readonly Answer[]>>, is: { isTakenUp: boolean }) {
  const id = randomUUID();
  const seen: string[] = [];
  const tries: Record<string, number> = {};
  const journal = (owner: string) =>
    openJournal({ postgres, owner, leaseMs: 60_000, key: "a key for tests" });
  if (is.isTakenUp) {
    await journal("gone").begin({ id, saga: any, requestHash: "", input: {}, traceparent: "" });
    await postgres.query("update sagas set lease_until = clock_timestamp() where id = $1", [id]);
  }
  const engine = openSagaEngine<Ports>({
    journal: journal("here"),
    sagas: [any],
    ports: {
      async take(step) {
        const of = answers[step] ?? [];
        const at = tries[step] ?? 0;
        tries[step] = at + 1;
        await of[Math.min(at, of.length - 1)]?.();
      },
      async giveBack(step) {
        seen.push(step);
      },
    },
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs: 60_000,
    random: () => 0,
    delayMs: async () => {},
  });
  await (is.isTakenUp
    ? engine.wake(id)
    : engine.begin(sale, { id, requestHash: "", input: {}, traceparent: "" }));
  expect(await engine.settle(id, 5_000)).toMatchObject({ status: "refused" });
  await engine.stop(0);
  return seen;
}

test("a step that refuses at once has done nothing, and is not undone", async () => {
  expect(await givenBack({ voucher: [refused] }, { isTakenUp: false })).toEqual(["stock"]);
});

test("a step that refuses after a try without an answer is undone, for that one may have done something", async () => {
  expect(await givenBack({ voucher: [lost, refused] }, { isTakenUp: false })).toEqual(["voucher", "stock"]);
});

test("a step that is given up is undone", async () => {
  expect(await givenBack({ voucher: [lost] }, { isTakenUp: false })).toEqual(["voucher", "stock"]);
});

test.each([
  ["refuses", [refused]],
  ["is given up", [lost]],
])(
  "in a saga that was taken up, a step %s: what the one before may have gone on to do is undone",
  async (_, answers) => {
    expect(await givenBack({ stock: answers }, { isTakenUp: true })).toEqual(["voucher", "stock"]);
  },
);

test("behind a write of its own, whoever took a saga up knows again what has happened", async () => {
  expect(await givenBack({ money: [refused] }, { isTakenUp: true })).toEqual(["voucher", "stock"]);
  expect(await givenBack({ gift: [lost, refused] }, { isTakenUp: true })).toEqual([
    "gift",
    "money",
    "voucher",
    "stock",
  ]);
});
