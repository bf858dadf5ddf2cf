// The store as one process: its database, and the services of system.ts, each on its own port.
// `npm start` (start.ts) runs it for a person; the journeys and the bench run it for themselves.

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identity } from "@webstore/identity/definition";
import { dependencyVariable, type Env, mayBeSocket, type Running, readConfig, whole } from "@webstore/kit";
import { startEmbeddedPostgres } from "@webstore/kit/embedded";
import pg from "pg";
import { z } from "zod";
import { openPartnersThread } from "./partners-thread.ts";
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
  /** Begin without what is kept there. */
  readonly reset: boolean;
  /** Names of services; empty: all. */
  readonly only: readonly string[];
  /** Partners fail at the rates of the table. */
  readonly failures: boolean;
  /** Where e-mails go (MAIL_URL); undefined: where the environment says. */
  readonly mail?: string | undefined;
  readonly env: Env;
  readonly log: (message: string) => void;
};

export async function startStore(options: StoreOptions): Promise<Store> {
  const chosen = membersNamed(options.only);
  const { PORT_OFFSET: offset } = readConfig(config, options.env);
  // Read while the database starts; what is wrong with it is told below.
  const partners = openPartnersThread();
  const loading = Promise.all(
    chosen.map(async (member) => {
      const apart = (env: Env) => partners.start(member.is.name, env);
      return { is: member.is, start: "load" in member ? await member.load() : apart };
    }),
  );
  loading.catch(() => {});
  const { database, stopDatabase } = await openDatabase(options).catch(async (error: unknown) => {
    await partners.close();
    throw error;
  });
  const started: Running[] = [];
  const stop = async () => {
    for (const member of started.reverse()) await member.stop();
    await partners.close();
    await stopDatabase();
  };
  try {
    // The database is ours by now, so nobody else uses the folder.
    if (options.reset) await forgetAll(options.dataDir, database.url);
    const places = placesOf(chosen, offset, makeSocketFolder());
    const env = { ...places.shared, ...environmentOf(options, database.url) };
    const loaded = await loading;
    const facesTheWorld = ({ is }: (typeof loaded)[number]) => is.kind === "service" && "http" in is.ports;
    // Who faces the world comes last: requests that find nobody behind it would open its breakers.
    const waves = [loaded.filter((each) => !facesTheWorld(each)), loaded.filter(facesTheWorld)];
    for (const wave of waves) {
      const starting = wave.map(({ is, start }) => start({ ...env, ...places.of(is) }));
      const outcomes = await Promise.allSettled(starting);
      // In the order of the list, whoever was ready first.
      started.push(...outcomes.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
      const failed = outcomes.findIndex(({ status }) => status === "rejected");
      if (failed === -1) continue;
      const { reason } = outcomes[failed] as PromiseRejectedResult;
      throw new StartFailed(wave[failed]?.is.name ?? "", reason);
    }
  } catch (error) {
    await stop();
    throw error;
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

async function openDatabase({ env, dataDir, reset, log }: StoreOptions) {
  const url = env.DATABASE_URL;
  if (url && reset)
    throw new Error("--reset is for the embedded database; that of DATABASE_URL is left alone");
  if (url) {
    mkdirSync(dataDir, { recursive: true });
    return { database: { kind: "external", adopted: false, url } as const, stopDatabase: async () => {} };
  }
  const server = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres"), log });
  const { adopted } = server;
  return {
    database: { kind: "embedded", adopted, url: server.socketUrl } as const,
    stopDatabase: () => server.stop(),
  };
}

/** Deletes what the store has written, and nothing else that may lie in the folder. */
async function forgetAll(dataDir: string, databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ drop: string }>(
      `select format('drop schema %I cascade', nspname) as drop from pg_namespace
       where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`,
    );
    for (const { drop } of rows) await client.query(drop);
  } finally {
    await client.end();
  }
  const ours = new RegExp(
    `^(internal-api-key|(${system.map(({ is }) => is.name).join("|")})\\.sqlite(-wal|-shm)?)$`,
  );
  for (const name of readdirSync(dataDir)) if (ours.test(name)) rmSync(join(dataDir, name));
}

const portMax = 65_535;
const portsHighest = Math.max(
  ...system.flatMap(({ is }) => (is.kind === "partner" ? is.port : Object.values(is.ports))),
);
const config = z.object({
  PORT_OFFSET: whole(0, 0, portMax - portsHighest).describe("Is added to every port of the store."),
});

/**
 * A folder for socket files that is this process's alone, and goes with it. Undefined where there can be none: services call
 * each other by their ports then.
 */
function makeSocketFolder(): string | undefined {
  try {
    const folder = mkdtempSync(join(tmpdir(), "webstore-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  } catch {
    return undefined;
  }
}

/**
 * Where everything listens and is found: the definitions' ports, moved by PORT_OFFSET, and for those who run here also
 * socket files. `shared` is for all; `of` is for one, because some variables are called the same in every service.
 */
export function placesOf(here: readonly Member[], offset: number, socketFolder: string | undefined) {
  const socketOf = ({ name }: Member["is"]) => {
    const path = join(socketFolder ?? "", name);
    return socketFolder !== undefined && mayBeSocket(path) ? path : undefined;
  };
  const shared: Record<string, string> = {
    JWKS_URL: `http://127.0.0.1:${identity.ports.admin + offset}/.well-known/jwks.json`,
  };
  for (const { is } of system) {
    if (is.kind === "partner") {
      shared[`${is.name.toUpperCase().replaceAll("-", "_")}_PORT`] = String(is.port + offset);
      shared[dependencyVariable(is.name, "URL")] = `http://127.0.0.1:${is.port + offset}`;
    } else {
      const socket = here.some((member) => member.is === is) ? socketOf(is) : undefined;
      shared[dependencyVariable(is.name, "ADDRESS")] =
        socket === undefined ? `127.0.0.1:${is.ports.rpc + offset}` : `unix:${socket}`;
      if (is.ports.http !== undefined) shared.APP_PORT = String(is.ports.http + offset);
      // The provider tells the store what happened there, as it would over the internet.
      if (is.ports.http !== undefined)
        shared.PAYMENT_PROVIDER_WEBHOOK_URL = `http://127.0.0.1:${is.ports.http + offset}/webhooks/stripe`;
    }
  }
  const of = (is: Member["is"]): Env =>
    is.kind === "partner"
      ? {}
      : {
          RPC_PORT: String(is.ports.rpc + offset),
          RPC_SOCKET: socketOf(is),
          ADMIN_PORT: String(is.ports.admin + offset),
        };
  return { shared, of };
}

/** A laptop's defaults. */
function environmentOf({ env, dataDir, failures, mail }: StoreOptions, databaseUrl: string): Env {
  return {
    LOG_LEVEL: "warn",
    DEMO_TOKENS: "true",
    SEED_DEMO: "true",
    INTERNAL_API_KEY: keptSecret(join(dataDir, "internal-api-key")),
    DATA_DIR: dataDir,
    ...(failures ? { FAILURES: "table" } : {}),
    ...env,
    ...(mail === undefined ? {} : { MAIL_URL: mail }),
    DATABASE_URL: databaseUrl,
  };
}

/** Made up at the first start and kept: a saga that was begun before has tokens sealed under it. */
function keptSecret(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
  chmodSync(file, 0o600);
  return readFileSync(file, "utf8").trim();
}
