// Postgres for tests: a real server, and a schema of its own for whoever asks.
//
// The server is DATABASE_URL_TEST if that is set, else the run's (testing-global.ts), else one of this process.
// Nothing is shared between schemas but the server's connections, so test files may run side by side.

import { randomInt } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { inject } from "vitest";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { openPostgres, type Postgres, type PostgresOptions } from "./postgres.ts";
import { type Migration, migrate } from "./postgres-migrations.ts";
import type {} from "./testing-global.ts";

export type TestPostgres = { readonly url: string; stop(): Promise<void> };

/** The server for tests. stop() ends it only if nobody else uses it. */
export async function useTestPostgres(): Promise<TestPostgres> {
  const given = process.env.DATABASE_URL_TEST;
  if (given !== undefined && given !== "") return { url: given, stop: async () => {} };
  const shared: string | undefined = inject("testPostgres");
  if (shared === undefined) return startOwn();
  const response = await fetch(shared);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return { url: text, stop: async () => {} };
}

/** A server that its owner may stop and start. */
export type OwnPostgres = TestPostgres & {
  /** Stops the server, does `meanwhile`, and starts it on the same port and data. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
};

/** A server for the caller alone, in a folder that goes with it. */
export async function startOwn(): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "webstore-test-"));
  // The server's user has to pass through it.
  chmodSync(folder, 0o755);
  const options = { dataDir: join(folder, "data"), log: () => {}, losesDataInCrash: true };
  let server = await startEmbeddedPostgres(options);
  return {
    url: server.url,
    restart: async (meanwhile) => {
      await server.stop();
      await meanwhile();
      server = await startEmbeddedPostgres({ ...options, port: Number(new URL(server.url).port) });
    },
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A schema that nobody else has, with these migrations applied. close() drops it. */
export async function freshSchema(
  migrations: readonly Migration[] = [],
  options: Partial<PostgresOptions> = {},
): Promise<Postgres> {
  const server =
    options.url === undefined ? await useTestPostgres() : { url: options.url, stop: async () => {} };
  const schema = options.schema ?? freshName();
  await migrate({ url: server.url, schema }, migrations);
  const postgres = await openPostgres({
    poolMax: 5,
    applicationName: "test",
    statementTimeoutMs: 5_000,
    connectTimeoutMs: 5_000,
    ...options,
    url: server.url,
    schema,
  });
  let closing: Promise<void> | undefined;
  const close = async () => {
    await postgres.close();
    await dropSchema(server.url, schema);
    await server.stop();
  };
  return {
    ...postgres,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** A database that nobody else has, for a whole service: its definition says what its schema is called. */
export async function freshDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const server = await useTestPostgres();
  const name = freshName();
  await command(server.url, `create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      await command(server.url, `drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

/** Letters only, as a schema's name has to be. */
export const freshName = (): string =>
  `test_${Array.from({ length: 16 }, () => String.fromCharCode(97 + randomInt(26))).join("")}`;

function dropSchema(url: string, schema: string): Promise<void> {
  return command(url, `drop schema if exists ${schema} cascade`);
}

async function command(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
