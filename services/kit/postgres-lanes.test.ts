// Lanes: who shares a connection with whom, with connections and a clock that the test has in its hands; and on a real
// server, what sharing one does to those who share it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CommitUnknown,
  openPostgres,
  type Postgres,
  PostgresUnavailable,
  UniqueViolation,
} from "./postgres.ts";
import { openLanes } from "./postgres-lanes.ts";
import { freshSchema, type TestPostgres, useTestPostgres } from "./testing-postgres.ts";

type Answer = "answer" | "lost";

/** Connections are numbers in the order in which they were opened. */
function openTestLanes(is: { connect?: (number: number) => Promise<number> } = {}) {
  const seen = { nowMs: 0, opened: 0, givenBack: [] as string[] };
  const lanes = openLanes<number, Answer>({
    connect: () => {
      seen.opened += 1;
      return is.connect?.(seen.opened) ?? Promise.resolve(seen.opened);
    },
    giveBack: (client, isBroken) => seen.givenBack.push(isBroken ? `${client} broken` : `${client}`),
    breaks: (answer) => answer === "lost",
    nowMs: () => seen.nowMs,
  });
  /** One that waits until the test answers it. */
  const ask = async (statements = 1) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sent = Promise.withResolvers<{ client: number; inLane: number }>();
    const answered = lanes.run(statements, (client, inLane) => {
      sent.resolve({ client, inLane });
      return promise;
    });
    answered.catch(sent.reject);
    const is = await sent.promise;
    return {
      ...is,
      answer: (answer: Answer = "answer") => {
        resolve(answer);
        return answered;
      },
      fail: (error: Error) => {
        reject(error);
        return answered;
      },
    };
  };
  return { seen, lanes, ask };
}

test("who comes while another waits shares the connection, up to eight", async () => {
  const { seen, ask } = openTestLanes();
  const asked = [];
  for (let count = 0; count < 9; count += 1) asked.push(await ask());
  expect(asked.map(({ client }) => client)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2]);
  for (const each of asked) await each.answer();
  expect(seen.givenBack).toEqual(["1", "2"]);
});

test("a connection is given back with the last answer, and the next caller asks for one again", async () => {
  const { seen, ask } = openTestLanes();
  const [first, second] = [await ask(), await ask()];
  await first.answer();
  expect(seen.givenBack).toEqual([]);
  await second.answer();
  expect(seen.givenBack).toEqual(["1"]);
  expect(await ask()).toMatchObject({ client: 2 });
});

test("nobody joins behind one that is slow, until it has its answer", async () => {
  const { seen, ask } = openTestLanes();
  const slow = await ask();
  const behind = await ask();
  seen.nowMs = 20;
  const later = await ask();
  expect([behind.client, later.client]).toEqual([1, 2]);
  await later.answer();
  await slow.answer();
  // The one behind is the first now, and has only begun.
  expect(await ask()).toMatchObject({ client: 1 });
});

test("a connection is given back after 32 have joined, however they follow each other", async () => {
  const { seen, ask } = openTestLanes();
  let last = await ask();
  for (let joined = 1; joined < 32; joined += 1) {
    const next = await ask();
    await last.answer();
    last = next;
  }
  expect([seen.opened, seen.givenBack]).toEqual([1, []]);
  const next = await ask();
  await last.answer();
  expect([next.client, seen.givenBack]).toEqual([2, ["1"]]);
});

test("each is told how many statements are in its lane, its own included", async () => {
  const { ask } = openTestLanes();
  const first = await ask(3);
  expect(first.inLane).toBe(3);
  expect((await ask(2)).inLane).toBe(5);
  await first.answer();
  expect((await ask(1)).inLane).toBe(3);
});

test.each([
  [
    "an answer says that it is lost",
    (asked: Awaited<ReturnType<ReturnType<typeof openTestLanes>["ask"]>>) => asked.answer("lost"),
  ],
  ["a caller throws", (asked) => asked.fail(new Error("a bug")).catch(() => {})],
])(
  "when %s, nobody joins the connection any more, and it ends with the last in its lane",
  async (_what, lose) => {
    const { seen, ask } = openTestLanes();
    const [first, second] = [await ask(), await ask()];
    await lose(first);
    const third = await ask();
    expect(third.client).toBe(2);
    await second.answer();
    await third.answer();
    expect(seen.givenBack).toEqual(["1 broken", "2"]);
  },
);

test("a connection that cannot be had fails those who wait for it, and the next caller tries again", async () => {
  const { promise, reject } = Promise.withResolvers<number>();
  const { seen, ask } = openTestLanes({
    connect: (number) => (number === 1 ? promise : Promise.resolve(number)),
  });
  const waiting = [ask(), ask()];
  reject(new Error("nobody there"));
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await ask()).toMatchObject({ client: 2 });
  expect(seen.givenBack).toEqual([]);
});

describe("on a server", () => {
  let server: TestPostgres;
  let db: Postgres;
  let shared: Postgres;

  beforeAll(async () => {
    server = await useTestPostgres();
    db = await freshSchema([{ id: "0001-rows", sql: "create table rows (id text primary key)" }], {
      url: server.url,
    });
    shared = await open("shared");
  });
  afterAll(async () => {
    await shared?.close();
    await db?.close();
    await server?.stop();
  });

  const open = (applicationName: string) => {
    const limits = { poolMax: 4, statementTimeoutMs: 5_000, connectTimeoutMs: 2_000 };
    return openPostgres({ ...limits, url: server.url, schema: db.schema, applicationName });
  };
  const put = (id: string) => ({ name: "put_row", text: "insert into rows values ($1)", values: [id] });
  const idsLike = async (prefix: string) => {
    const rows = await db.query<{ id: string }>("select id from rows where id like $1 order by id", [
      `${prefix}%`,
    ]);
    return rows.map(({ id }) => id);
  };

  test("what fails on a connection leaves what is before and behind it as it is", async () => {
    const ids = ["fails-1", "fails-2", "fails-2", "fails-3"];
    const outcomes = await Promise.allSettled(ids.map((id) => shared.commit([put(id)])));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[2]).toMatchObject({ reason: expect.any(UniqueViolation) });
    expect(await idsLike("fails-")).toEqual(["fails-1", "fails-2", "fails-3"]);
    expect(shared.stats().total).toBe(1);
  });

  test("a statement that a failed one kept from being parsed is parsed for those behind", async () => {
    const fresh = await open("fresh");
    const also = (id: string) => ({ ...put(id), name: "put_row_too", text: `${put(id).text} returning id` });
    const ids = ["parsed-1", "parsed-1", "parsed-2", "parsed-3"];
    // The first of all is refused before its second is parsed, while those behind it are on their way.
    await db.commit([put("parsed-1")]);
    for (const round of ["a", "b"]) {
      const outcomes = await Promise.allSettled(
        ids.map((id) => fresh.commit([put(id === "parsed-1" ? id : id + round), also(`too-${id}-${round}`)])),
      );
      expect(outcomes.map(({ status }) => status)).toEqual([
        "rejected",
        "rejected",
        "fulfilled",
        "fulfilled",
      ]);
    }
    expect(await idsLike("too-parsed-")).toEqual([
      "too-parsed-2-a",
      "too-parsed-2-b",
      "too-parsed-3-a",
      "too-parsed-3-b",
    ]);
    await fresh.close();
  });

  test("each gets its own answer, whatever came before it", async () => {
    const asked = Array.from({ length: 8 }, (_, number) =>
      number === 3
        ? shared.query("select 1 / 0").catch(() => "failed")
        : shared.query("select $1::int as number", [number]),
    );
    const expected = Array.from({ length: 8 }, (_, number) => (number === 3 ? "failed" : [{ number }]));
    expect(await Promise.all(asked)).toEqual(expected);
  });

  test("when the connection is killed, a commit behind the one at work is an unknown one", async () => {
    const atWork = shared.commit([{ text: "select pg_sleep(60)", values: [] }]).catch((error) => error);
    const behind = shared.commit([put("killed")]).catch((error) => error);
    const kill = `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'shared' and wait_event = 'PgSleep'`;
    while ((await db.query(kill)).length === 0) await new Promise(setImmediate);
    expect(await atWork).toBeInstanceOf(PostgresUnavailable);
    expect(await atWork).not.toBeInstanceOf(CommitUnknown);
    expect(await behind).toBeInstanceOf(CommitUnknown);
    expect(await idsLike("killed")).toEqual([]);
    expect(await shared.ready()).toBe(true);
  });

  test("a statement that waits holds up nobody who comes later", async () => {
    let waiting: Promise<unknown> | undefined;
    await db.transaction(async (tx) => {
      await tx.query("lock table rows in exclusive mode");
      waiting = shared.commit([put("waits")]);
      let answered = false;
      while (!answered) {
        // Those that come at once may stand behind it.
        void shared.query("select 1").then(() => {
          answered = true;
        });
        await new Promise(setImmediate);
      }
      expect(await idsLike("waits")).toEqual([]);
    });
    await waiting;
    expect(await idsLike("waits")).toEqual(["waits"]);
  });
});
