// A real catalog for tests: its own process parts, over real gRPC, on a database that nobody else has.

import { demoUsers, type Running } from "@webstore/kit";
import { freshName, testClient, testInternalKey, useTestPostgres } from "@webstore/kit/testing";
import pg from "pg";
import { catalog } from "./definition.ts";
import { program } from "./main.ts";

/** A database, because the service itself says what its schema is called. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = await useTestPostgres();
  const name = freshName();
  const say = async (sql: string) => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await say(`create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      await say(`drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

export function startCatalog(databaseUrl: string, env: Record<string, string> = {}): Promise<Running> {
  return program.start({
    DATABASE_URL: databaseUrl,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: "http://127.0.0.1:1/",
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    DEMO_TOKENS: "true",
    LOG_LEVEL: "error",
    ...env,
  });
}

export async function openRealCatalog() {
  const database = await freshDatabase();
  const running = await startCatalog(database.url);
  const address = running.urls.rpc ?? "";
  const clients = {
    anybody: testClient(catalog, address),
    shopper: testClient(catalog, address, { token: demoUsers.ada.token }),
    staff: testClient(catalog, address, { token: demoUsers.grace.token }),
    colleague: testClient(catalog, address, { internal: true }),
  };
  return {
    ...clients,
    close: async () => {
      for (const client of Object.values(clients)) client.close();
      await running.stop();
      await database.drop();
    },
  };
}
