// The schema's history: numbered SQL files, each applied once, in order, and never edited afterwards.
//
// Invariants:
//   M1. One process at a time migrates a schema (advisory lock by schema name); the others wait and find it done.
//   M2. A migration and the note that it is applied are one transaction: after a crash it is applied or it is not.
//   M3. What is applied is a fact. When a file of it is gone or reads differently, nothing runs;
//       but what a newer version has applied since does not stop an older one: its own files have
//       higher numbers, and the kit's migrations, such as the inbox's, all have the number 0000.
//   M4. Every schema has the base migration first; it makes `webstore_expect`, which writes guard themselves with.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { connectionConfig, type PostgresOptions } from "./postgres.ts";
import { postgresError } from "./postgres-errors.ts";

export type Migration = { readonly id: string; readonly sql: string };

const base: Migration = {
  id: "0000-base",
  sql: `
    create function webstore_expect(ok boolean, what text) returns void language plpgsql as $$
    begin
      if ok is not true then
        raise exception using errcode = 'WS001', message = what;
      end if;
    end $$;
  `,
};

const lockTimeoutMs = 60_000;
const connectTimeoutMs = 10_000;

/** The files `0001-name.sql` … of a folder, in order: `migrationsFrom(new URL("./migrations/", import.meta.url))`. */
export function migrationsFrom(folder: URL): Migration[] {
  const files = readdirSync(folder).sort();
  const numbers = new Set<string>();
  return files.map((file) => {
    const [, id, number] = /^((\d{4})-[a-z0-9-]+)\.sql$/.exec(file) ?? [];
    if (id === undefined || number === undefined) throw new Error(`not a migration (0001-name.sql): ${file}`);
    if (number === "0000") throw new Error(`migrations begin at 0001: ${file}`);
    if (numbers.has(number)) throw new Error(`two migrations have the number of ${file}`);
    numbers.add(number);
    return { id, sql: readFileSync(new URL(file, folder), "utf8") };
  });
}

/** Brings the schema up to date, making it if it is not there. Gives the ids of what it applied. */
export async function migrate(
  options: Pick<PostgresOptions, "url" | "schema" | "log">,
  migrations: readonly Migration[],
): Promise<string[]> {
  const client = new pg.Client(
    connectionConfig({ ...options, applicationName: "migrate", statementTimeoutMs: 0, connectTimeoutMs }),
  );
  client.on("error", () => {});
  let doing = "connect";
  try {
    await client.connect();
    doing = "prepare the schema";
    await client.query(`set lock_timeout = ${lockTimeoutMs}`);
    await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [
      `webstore migrations ${options.schema}`,
    ]);
    await client.query(`create schema if not exists ${options.schema}`);
    await client.query(`create table if not exists migrations (
      id text primary key, sha256 text not null, applied_at timestamptz not null default now())`);
    const { rows } = await client.query<Applied>("select id, sha256 from migrations order by id");
    const due = stillDue(rows, [base, ...migrations], options.schema);
    for (const migration of due) {
      doing = `migration ${migration.id}`;
      await apply(client, migration);
      options.log?.(`${options.schema}: applied ${migration.id}`);
    }
    return due.map(({ id }) => id);
  } catch (error) {
    if (error instanceof MigrationsDiffer) throw error;
    throw postgresError(error, doing);
  } finally {
    // The lock goes with the connection.
    await client.end();
  }
}

type Applied = { id: string; sha256: string };

/** The files and what the database remembers of them do not agree; the message names the file. */
export class MigrationsDiffer extends Error {
  override name = "MigrationsDiffer";
}

function stillDue(
  applied: readonly Applied[],
  migrations: readonly Migration[],
  schema: string,
): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.id, migration]));
  if (known.size !== migrations.length)
    throw new MigrationsDiffer(`${schema}: two migrations have the same id`);
  const newest = migrations
    .map(({ id }) => id)
    .sort()
    .at(-1) as string;
  for (const { id, sha256 } of applied) {
    const migration = known.get(id);
    // A newer version has been here: version n-1 keeps working on schema n.
    if (migration === undefined && (id > newest || id.startsWith("0000-"))) continue;
    if (migration === undefined)
      throw new MigrationsDiffer(`${schema}: ${id}.sql is applied, and is missing here`);
    if (digest(migration) !== sha256) {
      throw new MigrationsDiffer(
        `${schema}: ${id}.sql was changed after it was applied; add a new file instead`,
      );
    }
  }
  const done = new Set(applied.map(({ id }) => id));
  return migrations.filter(({ id }) => !done.has(id));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  await client.query(migration.sql);
  if (client.getTransactionStatus() !== "T") {
    throw new MigrationsDiffer(`${migration.id}.sql ends its own transaction; leave out begin and commit`);
  }
  await client.query("insert into migrations (id, sha256) values ($1, $2)", [
    migration.id,
    digest(migration),
  ]);
  await client.query("commit");
}

const digest = ({ sql }: Migration): string => createHash("sha256").update(sql).digest("hex");
