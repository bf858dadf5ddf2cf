// Migrations against a real server: order, once each, whole or not at all, and never edited.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate, migrationsFrom } from "./postgres-migrations.ts";
import { freshName, freshSchema, type TestPostgres, useTestPostgres } from "./testing-postgres.ts";

const first = { id: "0001-first", sql: "create table first (id int); create index on first (id);" };
const second = { id: "0002-second", sql: "alter table first add column name text" };

let server: TestPostgres;

beforeAll(async () => {
  server = await useTestPostgres();
});

afterAll(async () => {
  await server?.stop();
});

const columnsOf = async (schema: string) => {
  const db = await freshSchema([], { url: server.url });
  const rows = await db.query<{ name: string }>(
    "select column_name as name from information_schema.columns where table_schema = $1 and table_name = 'first'",
    [schema],
  );
  await db.close();
  return rows.map(({ name }) => name).sort();
};

test("each is applied once, the base first", async () => {
  const at = { url: server.url, schema: freshName() };
  expect(await migrate(at, [first])).toEqual(["0000-base", "0001-first"]);
  expect(await migrate(at, [first, second])).toEqual(["0002-second"]);
  expect(await migrate(at, [first, second])).toEqual([]);
  expect(await columnsOf(at.schema)).toEqual(["id", "name"]);
});

test("one that fails leaves nothing of itself, and those before it stand", async () => {
  const at = { url: server.url, schema: freshName() };
  const broken = { id: "0002-broken", sql: "alter table first add column half text; select 1 / 0" };
  await expect(migrate(at, [first, broken])).rejects.toThrow("migration 0002-broken");
  expect(await columnsOf(at.schema)).toEqual(["id"]);
  expect(await migrate(at, [first, second])).toEqual(["0002-second"]);
});

test("one that was changed after it was applied is refused by name, and nothing runs", async () => {
  const at = { url: server.url, schema: freshName() };
  await migrate(at, [first]);
  const changed = { ...first, sql: `${first.sql} -- now different` };
  await expect(migrate(at, [changed, second])).rejects.toThrow("0001-first.sql was changed");
  expect(await columnsOf(at.schema)).toEqual(["id"]);
});

test("one that was applied and is gone is refused by name", async () => {
  const at = { url: server.url, schema: freshName() };
  await migrate(at, [first, second]);
  await expect(migrate(at, [second])).rejects.toThrow("0001-first.sql is applied, and is missing here");
});

test("what a newer version has applied does not stop an older one", async () => {
  const at = { url: server.url, schema: freshName() };
  await migrate(at, [first, second]);
  expect(await migrate(at, [first])).toEqual([]);
});

test("a table of the kit that a newer version has begun to use does not stop an older one", async () => {
  const at = { url: server.url, schema: freshName() };
  await migrate(at, [first]);
  await migrate(at, [{ id: "0000-inbox", sql: "create table inbox ()" }, first]);
  expect(await migrate(at, [first])).toEqual([]);
});

test("one that commits by itself is refused", async () => {
  const at = { url: server.url, schema: freshName() };
  await expect(migrate(at, [{ id: "0001-own", sql: "commit" }])).rejects.toThrow("ends its own transaction");
});

test("two processes at once apply each exactly once", async () => {
  const schema = freshName();
  const module = new URL("./postgres-migrations.ts", import.meta.url).href;
  const script = `import { migrate } from ${JSON.stringify(module)};
    const applied = await migrate({ url: process.env.URL, schema: ${JSON.stringify(schema)} },
      ${JSON.stringify([first, { id: "0002-slow", sql: "select pg_sleep(0.2)" }, { ...second, id: "0003-second" }])});
    console.log(JSON.stringify(applied));`;
  const run = async () => {
    const args = ["--input-type=module-typescript", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, URL: server.url },
    });
    return JSON.parse(stdout) as string[];
  };
  const applied = (await Promise.all([run(), run()])).flat();
  expect(applied.sort()).toEqual(["0000-base", "0001-first", "0002-slow", "0003-second"]);
});

const folderOf = (files: Record<string, string>) => {
  const folder = mkdtempSync(join(tmpdir(), "migrations-"));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql);
  return { url: pathToFileURL(`${folder}/`), remove: () => rmSync(folder, { recursive: true }) };
};

test("files are read in the order of their numbers", () => {
  const folder = folderOf({ "0002-b.sql": "two", "0010-c.sql": "ten", "0001-a.sql": "one" });
  expect(migrationsFrom(folder.url)).toEqual([
    { id: "0001-a", sql: "one" },
    { id: "0002-b", sql: "two" },
    { id: "0010-c", sql: "ten" },
  ]);
  folder.remove();
});

test.each([
  [{ "1-a.sql": "" }, "not a migration"],
  [{ "0001-a.txt": "" }, "not a migration"],
  [{ "0000-a.sql": "" }, "begin at 0001"],
  [{ "0001-a.sql": "", "0001-b.sql": "" }, "two migrations have the number"],
])("a folder with %o is refused", (files, reason) => {
  const folder = folderOf(files as unknown as Record<string, string>);
  expect(() => migrationsFrom(folder.url)).toThrow(reason);
  folder.remove();
});
