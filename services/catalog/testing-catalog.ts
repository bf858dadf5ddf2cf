// A real catalog for tests: its own process parts, over real gRPC, on a database that nobody else has.

import { demoUsers, type Running } from "@webstore/kit";
import { freshDatabase, testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { catalog } from "./definition.ts";
import { program } from "./main.ts";

export function startCatalog(databaseUrl: string, env: Record<string, string> = {}): Promise<Running> {
  return program.start({
    DATABASE_URL: databaseUrl,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
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
