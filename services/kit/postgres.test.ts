// The pool and its commits against a real server: what stands after an error, what the errors are, and what
// a lost connection does.

import { afterAll, beforeAll, expect, test } from "vitest";
import {
  CommitUnknown,
  openPostgres,
  type Postgres,
  PostgresUnavailable,
  StatementFailed,
  UniqueViolation,
  WriteRefused,
} from "./postgres.ts";
import { freshSchema, startOwn, type TestPostgres, useTestPostgres } from "./testing-postgres.ts";
import { type Statement, writes } from "./write.ts";

const items = {
  id: "0001-items",
  sql: "create table items (id text primary key, amount_minor bigint not null check (amount_minor >= 0))",
};

let server: TestPostgres;
let db: Postgres;

beforeAll(async () => {
  server = await useTestPostgres();
  db = await freshSchema([items], { url: server.url });
});

afterAll(async () => {
  await db?.close();
  await server?.stop();
});

const put = (id: string, amountMinor = 1n): Statement => ({
  name: "put_item",
  text: "insert into items (id, amount_minor) values ($1, $2)",
  values: [id, amountMinor],
});

const take = (id: string, amountMinor: bigint): Statement => ({
  name: "take_item",
  text: `with moved as (update items set amount_minor = amount_minor - $2
           where id = $1 and amount_minor >= $2 returning 1)
         select webstore_expect((select count(*) from moved) = 1, 'not_enough')`,
  values: [id, amountMinor],
});

const idsLike = async (prefix: string) =>
  (await db.query<{ id: string }>("select id from items where id like $1 order by id", [`${prefix}%`])).map(
    ({ id }) => id,
  );

/** Polls until it holds; the test's own time limit is the bound. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}

const limits = { poolMax: 2, applicationName: "test", statementTimeoutMs: 5_000, connectTimeoutMs: 2_000 };

test("all writes of a commit stand, and the rows of each statement come back", async () => {
  const rows = await db.commit(
    writes([put("all-1")], [{ text: "select count(*) as n from items where id like 'all-%'", values: [] }]),
    [put("all-2")],
  );
  expect(rows).toEqual([[], [{ n: 1n }], []]);
  expect(await idsLike("all-")).toEqual(["all-1", "all-2"]);
});

test("one statement alone is committed too", async () => {
  expect(await db.commit([{ ...put("one"), name: "put_one", text: `${put("").text} returning id` }])).toEqual(
    [[{ id: "one" }]],
  );
});

test("a commit of nothing does nothing", async () => {
  expect(await db.commit([], [])).toEqual([]);
});

test("nothing stands when the third of four statements fails", async () => {
  const commit = db.commit([put("third-1"), put("third-2"), put("third-1"), put("third-4")]);
  await expect(commit).rejects.toThrow(UniqueViolation);
  expect(await idsLike("third-")).toEqual([]);
});

test("a unique violation names its constraint and holds no value", async () => {
  const error = await db.commit([put("unique-secret"), put("unique-secret")]).catch((thrown) => thrown);
  expect(error).toMatchObject({ constraint: "items_pkey" });
  expect(JSON.stringify(error) + error.stack + String(error.cause)).not.toContain("unique-secret");
});

test("a write whose condition does not hold is refused with its reason, and nothing stands", async () => {
  await db.commit([put("stock", 5n)]);
  const commit = db.commit([put("refused-1"), take("stock", 6n), put("refused-2")]);
  await expect(commit).rejects.toMatchObject({ name: "WriteRefused", what: "not_enough" });
  await expect(db.commit([take("stock", 6n)])).rejects.toThrow(WriteRefused);
  expect(await idsLike("refused-")).toEqual([]);
  await db.commit([take("stock", 5n)]);
});

test("the first error of a commit is the one that is thrown", async () => {
  const broken = { text: "select 1 / 0", values: [] };
  await expect(db.commit([put("first"), broken, put("first")])).rejects.toMatchObject({ code: "22012" });
});

test("bad data is described without the data", async () => {
  const error = await db.query("select $1::text::int8", ["a-secret"]).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(StatementFailed);
  expect(error.message).not.toContain("a-secret");
});

test.each([
  ["a value that JSON cannot hold", { amountMinor: 1n }],
  ["a function", () => 1],
  ["a symbol", Symbol("x")],
])("nothing is sent when a statement holds %s", async (_, value) => {
  const bad = { text: "insert into items values ($1, 1)", values: [value] };
  await expect(db.commit([put("unsent-1"), bad, put("unsent-2")])).rejects.toThrow(TypeError);
  expect(await idsLike("unsent-")).toEqual([]);
});

test("nothing is sent when a name already belongs to another text", async () => {
  const bad = { ...put("name-2"), text: "insert into items values ($1, $2) on conflict do nothing" };
  await expect(db.commit([put("name-1"), bad])).rejects.toThrow("two statements have the name put_item");
  expect(await idsLike("name-")).toEqual([]);
});

test("a statement is one statement, whatever its text says", async () => {
  await expect(db.query("select 1; select 2")).rejects.toMatchObject({ code: "42601" });
});

test("too many statements and too many values are refused", async () => {
  await expect(db.commit(new Array(1_001).fill(put("many")))).rejects.toThrow("at most 1000 statements");
  await expect(db.query("select 1", new Array(65_536).fill(1))).rejects.toThrow("at most 65535 values");
});

test("values come back as they went", async () => {
  const at = new Date("2024-02-29T23:59:59.123Z");
  const texts = ['a"b', "c\\d", "{e,f}", "", "NULL", null];
  const values = [
    9_007_199_254_740_993n,
    "0.10",
    at,
    texts,
    [1n, 2n],
    { a: [1] },
    Buffer.from("\0ÿ"),
    true,
    null,
  ];
  const [row] = await db.query(
    `select $1::int8 a, $2::numeric b, $3::timestamptz c, $4::text[] d, $5::int8[] e, $6::jsonb f, $7::bytea g,
            $8::boolean h, $9::text i, date '2024-02-29' j`,
    values,
  );
  expect(Object.values(row as object)).toEqual([...values, "2024-02-29"]);
});

test("every connection has the schema, its time limits and durable commits", async () => {
  const [row] = await db.query(
    `select current_schema() as schema, current_setting('statement_timeout') as statement, current_setting('jit') as jit,
            current_setting('idle_in_transaction_session_timeout') as idle, current_setting('synchronous_commit') as sync`,
  );
  expect(row).toEqual({ schema: db.schema, statement: "5s", idle: "5s", jit: "off", sync: "on" });
});

test("a schema name with anything but letters and underscores is refused", async () => {
  const open = openPostgres({ ...limits, url: server.url, schema: "a; drop table x" });
  await expect(open).rejects.toThrow("not a schema name");
});

test("a transaction stands when its work returns, and does not when it throws", async () => {
  await db.transaction(async (tx) => {
    await tx.query("insert into items values ('tx-1', 1)");
  });
  const thrown = db.transaction(async (tx) => {
    await tx.query("insert into items values ('tx-2', 1)");
    throw new Error("changed my mind");
  });
  await expect(thrown).rejects.toThrow("changed my mind");
  expect(await idsLike("tx-")).toEqual(["tx-1"]);
});

test("a transaction that hides the error of a statement does not pass for committed", async () => {
  const hidden = db.transaction(async (tx) => {
    await tx.query("insert into items values ('hide', 1)");
    await tx.query("insert into items values ('hide', 1)").catch(() => {});
  });
  await expect(hidden).rejects.toThrow(UniqueViolation);
  expect(await idsLike("hide")).toEqual([]);
});

test("a transaction that is over takes no more statements", async () => {
  const leaked = await db.transaction(async (tx) => tx);
  await expect(leaked.query("select 1")).rejects.toThrow("this transaction is over");
});

test("many commits at once share the pool, and each is whole", async () => {
  const all = Array.from({ length: 200 }, (_, n) => db.commit([put(`many-${n}-a`), put(`many-${n}-b`)]));
  await Promise.all(all);
  expect(await idsLike("many-")).toHaveLength(400);
  expect(db.stats()).toEqual({ total: 5, idle: 5, waiting: 0, max: 5 });
});

test("a statement that takes too long is ended, and the connection stays usable", async () => {
  const own = await openPostgres({ ...limits, url: server.url, schema: db.schema, statementTimeoutMs: 50 });
  await expect(own.query("select pg_sleep(10)")).rejects.toThrow(PostgresUnavailable);
  await expect(own.commit([{ text: "select pg_sleep(10)", values: [] }])).rejects.not.toThrow(CommitUnknown);
  expect(await own.query("select 1 as one")).toEqual([{ one: 1 }]);
  await own.close();
});

test("waiting for a connection of a full pool has an end", async () => {
  const own = await openPostgres({
    ...limits,
    url: server.url,
    schema: db.schema,
    poolMax: 1,
    connectTimeoutMs: 100,
  });
  await own.transaction(async (tx) => {
    await expect(own.query("select 1")).rejects.toThrow(PostgresUnavailable);
    await tx.query("select 1");
  });
  await own.close();
});

test("nobody there is unavailable, and names no password", async () => {
  const url = "postgres://webstore:hunter2@127.0.0.1:1/postgres";
  const error = await openPostgres({ ...limits, url, schema: "x" }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(PostgresUnavailable);
  expect(error.stack).not.toContain("hunter2");
});

test("a wrong password is not an outage", async () => {
  const url = server.url.replace(/:[^:@]*@/, ":wrong@");
  await expect(openPostgres({ ...limits, url, schema: "x" })).rejects.toMatchObject({ code: "28P01" });
});

const kill = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1";

test("idle connections that the server ends are replaced", async () => {
  const own = await openPostgres({
    ...limits,
    url: server.url,
    schema: db.schema,
    applicationName: "idle-victim",
  });
  await own.query("select 1");
  await db.query(kill, ["idle-victim"]);
  await until(async () => own.stats().total === 0);
  expect(await own.query("select 1 as one")).toEqual([{ one: 1 }]);
  await own.close();
});

test("a statement whose connection is killed is an outage, a commit's last word an unknown one", async () => {
  const own = await openPostgres({
    ...limits,
    url: server.url,
    schema: db.schema,
    applicationName: "busy-victim",
  });
  const wait = { text: "select pg_sleep(60)", values: [] };
  const killed = async (work: Promise<unknown>) => {
    const outcome = work.catch((thrown) => thrown);
    await until(async () => {
      const busy =
        "select 1 from pg_stat_activity where application_name = 'busy-victim' and wait_event = 'PgSleep'";
      return (await db.query(busy)).length === 1;
    });
    await db.query(kill, ["busy-victim"]);
    return outcome;
  };
  const query = await killed(own.query(wait.text));
  const alone = await killed(own.commit([wait]));
  expect(query).toBeInstanceOf(PostgresUnavailable);
  // Killed before the commit was reached: the server says so, and nothing stands.
  expect(alone).toBeInstanceOf(PostgresUnavailable);
  expect(alone).not.toBeInstanceOf(CommitUnknown);
  const early = await killed(own.commit([put("killed-1"), wait, put("killed-2")]));
  expect(early).toBeInstanceOf(PostgresUnavailable);
  expect(early).not.toBeInstanceOf(CommitUnknown);
  const inside = await killed(own.transaction((tx) => tx.query(wait.text)));
  expect(inside).toBeInstanceOf(PostgresUnavailable);
  expect(inside).not.toBeInstanceOf(CommitUnknown);
  expect(await idsLike("killed-")).toEqual([]);
  // All statements have been answered, and the server is making the commit.
  await db.query("create table slow (id text)");
  await db.query(`create function wait_at_commit() returns trigger language plpgsql as
    $$ begin perform pg_sleep(60); return null; end $$`);
  await db.query(`create constraint trigger slow_commit after insert on slow deferrable initially deferred
    for each row execute function wait_at_commit()`);
  const late = await killed(own.commit([{ text: "insert into slow values ('late')", values: [] }]));
  expect(late).toBeInstanceOf(CommitUnknown);
  expect(await own.ready()).toBe(true);
  await own.close();
});

test("a connection that is lost between two statements of a transaction does not end the process", async () => {
  const own = await openPostgres({
    ...limits,
    url: server.url,
    schema: db.schema,
    applicationName: "pausing-victim",
  });
  const lost = own.transaction(async (tx) => {
    await tx.query("insert into items values ('pause-1', 1)");
    await db.query(kill, ["pausing-victim"]);
    await until(async () => (await tx.query("select 1").catch(() => [])).length === 0);
  });
  await expect(lost).rejects.toThrow(PostgresUnavailable);
  await expect(lost).rejects.not.toThrow(CommitUnknown);
  expect(await idsLike("pause-")).toEqual([]);
  // The loss itself, with no statement under way to be told of it.
  const idle = own.transaction(async (tx) => {
    await tx.query("select 1");
    await db.query(kill, ["pausing-victim"]);
    const alive = "select 1 from pg_stat_activity where application_name = 'pausing-victim'";
    await until(async () => (await db.query(alive)).length === 0);
  });
  await expect(idle).rejects.toThrow(PostgresUnavailable);
  expect(await own.ready()).toBe(true);
  await own.close();
});

test("notifications arrive, and after a lost connection the listener is told to look", async () => {
  const own = await openPostgres({
    ...limits,
    url: server.url,
    schema: db.schema,
    applicationName: "listen-victim",
  });
  const heard: string[] = [];
  const stop = await own.listen("test_channel", (payload) => heard.push(payload));
  await db.query("select pg_notify('test_channel', 'one')");
  await until(async () => heard.length === 1);
  await db.query(kill, ["listen-victim"]);
  await until(async () => heard.length === 2);
  await db.query("select pg_notify('test_channel', 'two')");
  await until(async () => heard.length === 3);
  expect(heard).toEqual(["one", "", "two"]);
  await stop();
  await db.query("select pg_notify('test_channel', 'three')");
  await own.close();
  expect(heard).toHaveLength(3);
});

test("a channel name with anything but letters and underscores is refused", async () => {
  await expect(db.listen("a; drop table items", () => {})).rejects.toThrow("not a channel name");
});

test("the pool comes back after the server was away", async () => {
  const own = await startOwn();
  const lost = await openPostgres({ ...limits, url: own.url, schema: "public" });
  expect(await lost.ready()).toBe(true);
  await own.restart(async () => {
    expect(await lost.ready()).toBe(false);
    await expect(lost.query("select 1")).rejects.toThrow(PostgresUnavailable);
  });
  expect(await lost.query("select 1 as one")).toEqual([{ one: 1 }]);
  await lost.close();
  await own.stop();
});
