// The store as one process: its database, and the services of system.ts, each on its own port.
// `npm start` (start.ts) runs it for a person; the journeys and the bench run it for themselves.

import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identity } from "@webstore/identity/definition";
import type { Env, Running } from "@webstore/kit";
import { startEmbeddedPostgres } from "@webstore/kit/embedded";
import { type Member, system } from "./system.ts";

export type Store = {
  readonly members: readonly Running[];
  /** Where the data is: `embedded`, or the server that DATABASE_URL names. */
  readonly database: {
    readonly kind: "embedded" | "external";
    readonly adopted: boolean;
    readonly url: string;
  };
  stop(): Promise<void>;
};

export type StoreOptions = {
  /** The folder in which everything is kept. */
  readonly dataDir: string;
  /** Names of services; empty: all. */
  readonly only: readonly string[];
  /** Partners fail at the rates of the table. */
  readonly failures: boolean;
  readonly env: Env;
  readonly log: (message: string) => void;
};

export async function startStore(options: StoreOptions): Promise<Store> {
  const chosen = membersNamed(options.only);
  mkdirSync(options.dataDir, { recursive: true });
  const { database, stopDatabase } = await openDatabase(options);
  const env = environmentOf(options, database.url);
  const started: Running[] = [];
  const stop = async () => {
    for (const member of started.reverse()) await member.stop();
    await stopDatabase();
  };
  const starting = await Promise.allSettled(
    chosen.map(async ({ load }) => {
      const start = await load();
      return start(env);
    }),
  );
  // In the order of the list, whoever was ready first.
  started.push(...starting.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
  const failed = starting.findIndex(({ status }) => status === "rejected");
  if (failed !== -1) {
    await stop();
    const { reason } = starting[failed] as PromiseRejectedResult;
    throw new StartFailed(chosen[failed]?.is.name ?? "", reason);
  }
  return { members: [...started], database, stop };
}

export class StartFailed extends Error {
  override readonly name = "StartFailed";
  constructor(member: string, cause: unknown) {
    super(`${member}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function membersNamed(names: readonly string[]): readonly Member[] {
  const unknown = names.filter((name) => !system.some(({ is }) => is.name === name));
  if (unknown.length > 0) {
    const known = system.map(({ is }) => is.name).join(", ");
    throw new Error(`there is no service ${unknown.join(", ")}; there are ${known}`);
  }
  return names.length === 0 ? system : system.filter(({ is }) => names.includes(is.name));
}

async function openDatabase({ env, dataDir, log }: StoreOptions) {
  const url = env.DATABASE_URL;
  if (url) {
    return { database: { kind: "external", adopted: false, url } as const, stopDatabase: async () => {} };
  }
  const server = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres"), log });
  const { adopted } = server;
  return {
    database: { kind: "embedded", adopted, url: server.url } as const,
    stopDatabase: () => server.stop(),
  };
}

/** A laptop's defaults. Ports are not taken from the environment: one variable cannot name a port for each. */
function environmentOf({ env, dataDir, failures }: StoreOptions, databaseUrl: string): Env {
  const { RPC_PORT: _rpc, ADMIN_PORT: _admin, ...given } = env;
  return {
    LOG_LEVEL: "warn",
    DEMO_TOKENS: "true",
    SEED_DEMO: "true",
    JWKS_URL: `http://127.0.0.1:${identity.ports.admin}/.well-known/jwks.json`,
    INTERNAL_API_KEY: keptSecret(join(dataDir, "internal-api-key")),
    DATA_DIR: dataDir,
    ...(failures ? { FAILURES: "table" } : {}),
    ...given,
    DATABASE_URL: databaseUrl,
  };
}

/** Made up at the first start and kept: a saga that was begun before has tokens sealed under it. */
function keptSecret(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
  chmodSync(file, 0o600);
  return readFileSync(file, "utf8").trim();
}
