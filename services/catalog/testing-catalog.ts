// A real catalog for tests: its own process parts, over real gRPC, on a store that nobody else has.

import { demoUsers, type Running } from "@webstore/kit";
import { freshDatabase, testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { startMongo } from "@webstore/kit/testing-container";
import { catalog } from "./definition.ts";
import { program } from "./main.ts";

/** Where the products are kept, and how that goes again. */
export type Kept = { readonly env: Readonly<Record<string, string>>; stop(): Promise<void> };

export async function inPostgres(): Promise<Kept> {
  const database = await freshDatabase();
  return { env: { DATABASE_URL: database.url }, stop: () => database.drop() };
}

/** No PostgreSQL is there: what the service would want of one fails. */
export async function inMongo(): Promise<Kept> {
  const server = await startMongo();
  return { env: { MONGODB_URL: server.url }, stop: () => server.stop() };
}

export function startCatalog(kept: Kept, env: Record<string, string> = {}): Promise<Running> {
  return program.start({
    ...kept.env,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    DEMO_TOKENS: "true",
    LOG_LEVEL: "error",
    ...env,
  });
}

export async function openRealCatalog(keep: () => Promise<Kept> = inPostgres) {
  const kept = await keep();
  const running = await startCatalog(kept);
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
      await kept.stop();
    },
  };
}
