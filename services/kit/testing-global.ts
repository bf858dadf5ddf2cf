// One Postgres server for a whole run of the tests, started by the first test that asks for it.
//
// vitest runs this once, in the process that outlives all test files:
//   globalSetup: ["services/kit/testing-global.ts"]
// The test files, wherever they run, get the address to ask.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** GET it for the URL of the run's Postgres server. */
    testPostgres: string;
  }
}

/** Gives the function that stops everything again. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<EmbeddedPostgres> | undefined;
  let dataDir: string | undefined;

  const start = () => {
    dataDir = mkdtempSync(join(tmpdir(), "webstore-test-"));
    // The server's user has to pass through it.
    chmodSync(dataDir, 0o755);
    return startEmbeddedPostgres({ dataDir: join(dataDir, "data"), log: () => {}, losesDataInCrash: true });
  };

  const server = createServer((_request, response) => {
    starting ??= start();
    starting.then(
      ({ url }) => response.end(url),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  project.provide("testPostgres", `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);

  return async () => {
    server.close();
    server.closeAllConnections();
    const postgres = await starting?.catch(() => undefined);
    await postgres?.stop();
    if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
  };
}
