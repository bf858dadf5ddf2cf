// From a definition and its handlers to a running process.
//
// The order of starting is: configuration, telemetry, database, bus, clients, the service's own
// parts, RPC, and only then ready. Stopping is the same list backwards: not ready first, so that
// nobody new comes; then what is in hand is finished; then everything is closed.

import { randomUUID } from "node:crypto";
import { Registry } from "prom-client";
import type { z } from "zod";
import { type AdminRoute, startAdminServer } from "./admin-server.ts";
import { openPostgresBus } from "./bus.postgres.ts";
import type { Bus } from "./bus.ts";
import {
  type BaseConfig,
  baseConfig,
  ConfigError,
  dependencyVariable,
  type Env,
  readConfig,
} from "./config.ts";
import type { HandlersOf, PortsOf, ServiceDefinition } from "./definition.ts";
import { type Log, openLog } from "./log.ts";
import { type Outbox, openOutbox, outboxMigrations, startRelay } from "./outbox.ts";
import { openPartnerClient } from "./partner-client.ts";
import { openPostgres, type Postgres } from "./postgres.ts";
import { type Migration, migrate, migrationsFrom } from "./postgres-migrations.ts";
import { openRpcClient } from "./rpc-client.ts";
import { startRpcServer } from "./rpc-server.ts";
import { startTelemetry, type Telemetry } from "./telemetry.ts";
import { type TokenVerifier, tokenVerifier } from "./tokens.ts";

/** Something that runs: a service, or a partner's simulator. */
export type Running = {
  readonly name: string;
  /** Where it listens, by what is there: `rpc`, `admin`, `http`. */
  readonly urls: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

/** What the kit hands to a service that starts. */
export type Process<D extends ServiceDefinition, Config> = {
  readonly config: BaseConfig & Config;
  readonly log: Log;
  readonly telemetry: Telemetry;
  /** The process's own metrics; they are served on the admin port. */
  readonly registry: Registry;
  /** Whom it may call: what its definition lists. */
  readonly ports: PortsOf<D>;
  readonly postgres: D["stores"] extends { readonly postgres: string } ? Postgres : undefined;
  readonly bus: Bus;
  readonly outbox: Outbox;
  /** Sends what a commit left in the outbox without waiting for the next look. */
  readonly wakeRelay: () => void;
  readonly tokens: TokenVerifier;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly random: () => number;
};

/** What a service gives back: its handlers, and what else of it runs. */
export type Started<D extends ServiceDefinition> = {
  readonly handlers: HandlersOf<D["serves"]>;
  /** More places where it listens, such as the gateway's REST. */
  readonly urls?: Readonly<Record<string, string>>;
  readonly adminRoutes?: Readonly<Record<string, AdminRoute>>;
  /** Parts that must be ready before the process is. */
  readonly ready?: () => boolean;
  /** Stops taking in work at its own doors, and finishes what came in; called before RPC is drained. */
  readonly drain?: () => Promise<void>;
  /** Finishes its own work; called after the last RPC was answered, before the database is closed. */
  readonly stop?: () => Promise<void>;
};

export type ServiceProgram<D extends ServiceDefinition = ServiceDefinition> = {
  readonly definition: D;
  readonly start: (env: Env) => Promise<Running>;
};

const statementTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;

export function service<D extends ServiceDefinition, Shape extends z.ZodRawShape = Record<never, never>>(
  definition: D,
  is: {
    /** Its own variables, beside the base ones. */
    config?: z.ZodObject<Shape>;
    /** The folder of its numbered SQL files. */
    migrations?: URL;
    /** Tables of the kit that it uses, such as the saga's journal. */
    kitMigrations?: readonly Migration[];
    start: (process: Process<D, z.output<z.ZodObject<Shape>>>) => Promise<Started<D>>;
  },
): ServiceProgram<D> {
  const schema = is.config === undefined ? baseConfig : baseConfig.extend(is.config.shape);
  return {
    definition,
    start: async (env) => {
      const config = readConfig(schema, env) as BaseConfig & z.output<z.ZodObject<Shape>>;
      const closers: (() => Promise<void>)[] = [];
      try {
        return await startParts(definition, config, env, is, closers);
      } catch (error) {
        for (const close of closers.reverse()) await close().catch(() => {});
        throw error;
      }
    },
  };
}

async function startParts<D extends ServiceDefinition, Config>(
  definition: D,
  config: BaseConfig & Config,
  env: Env,
  is: {
    migrations?: URL;
    kitMigrations?: readonly Migration[];
    start: (process: Process<D, Config>) => Promise<Started<D>>;
  },
  closers: (() => Promise<void>)[],
): Promise<Running> {
  const { name } = definition;
  const internalKey = required(config.INTERNAL_API_KEY, "INTERNAL_API_KEY");
  if (config.PRODUCTION_ENV && config.DEMO_TOKENS)
    throw new ConfigError("DEMO_TOKENS must not be on in production");
  const log = openLog(name, { level: config.LOG_LEVEL, file: config.LOG_FILE });
  const telemetry = await startTelemetry(name, env, log);
  closers.push(() => telemetry.stop());
  const registry = new Registry();
  registry.setDefaultLabels({ service: name });
  const clock = { nowMs: Date.now, newId: randomUUID as () => string, random: Math.random };

  const postgres = await openStore(definition, config, is, log);
  if (postgres !== undefined) closers.push(() => postgres.close());
  const { bus, outbox, wakeRelay } = await openEvents(definition, config, postgres, log, closers);
  const { ports, close: closeClients } = openPorts(definition, env, config, telemetry, internalKey);
  closers.push(closeClients);
  const tokens = tokenVerifier({
    jwksUrl: config.JWKS_URL ?? "http://127.0.0.1:5201/.well-known/jwks.json",
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    demoTokens: config.DEMO_TOKENS,
  });

  const started = await is.start({
    config,
    log,
    telemetry,
    registry,
    ports: ports as PortsOf<D>,
    postgres: postgres as Process<D, Config>["postgres"],
    bus,
    outbox,
    wakeRelay,
    tokens,
    ...clock,
  });
  if (started.stop !== undefined) closers.push(started.stop);

  return listen({
    definition,
    config,
    started,
    postgres,
    bus,
    registry,
    log,
    telemetry,
    tokens,
    internalKey,
    closers,
  });
}

/** Opens the doors last, and closes them first. */
async function listen<D extends ServiceDefinition>(is: {
  definition: D;
  config: BaseConfig;
  started: Started<D>;
  postgres: Postgres | undefined;
  bus: Bus;
  registry: Registry;
  log: Log;
  telemetry: Telemetry;
  tokens: TokenVerifier;
  internalKey: string;
  closers: (() => Promise<void>)[];
}): Promise<Running> {
  const { definition, config, started, postgres, bus, log, telemetry, closers } = is;
  const { name } = definition;
  let stopping = false;
  const rpcDuration = telemetry.histogram("rpc.server.duration", { unit: "s" });
  const rpc = await startRpcServer({
    contract: definition.serves,
    handlers: started.handlers as HandlersOf<D["serves"]>,
    parts: { log, telemetry, tokens: is.tokens, internalKey: is.internalKey, nowMs: Date.now, rpcDuration },
    host: config.APP_HOST,
    port: config.RPC_PORT ?? definition.ports.rpc,
  });
  closers.push(() => rpc.drain(config.DRAIN_GRACE_MS));
  if (started.drain !== undefined) closers.push(started.drain);
  const notReady = async () => {
    const parts = [
      ["stopping", stopping],
      ["postgres", postgres !== undefined && !(await postgres.ready())],
      ["bus", !bus.ready()],
      [name, started.ready !== undefined && !started.ready()],
    ] as const;
    return parts.flatMap(([part, missing]) => (missing ? [part] : []));
  };
  const admin = await startAdminServer({
    host: config.APP_HOST,
    port: config.ADMIN_PORT ?? definition.ports.admin,
    registry: is.registry,
    notReady,
    ...(started.adminRoutes === undefined ? {} : { routes: started.adminRoutes }),
  });
  rpc.setServing(true);
  log.info({ rpc: rpc.port, admin: admin.port }, "ready");

  return {
    name,
    urls: {
      rpc: `${config.APP_HOST}:${rpc.port}`,
      admin: `http://${config.APP_HOST}:${admin.port}`,
      ...started.urls,
    },
    stop: once(async () => {
      stopping = true;
      rpc.setServing(false);
      for (const close of closers.reverse()) {
        await close().catch((error: unknown) => log.warn({ error }, "a part did not close cleanly"));
      }
      await admin.stop();
      log.info("stopped");
    }),
  };
}

async function openStore(
  definition: ServiceDefinition,
  config: BaseConfig,
  is: { migrations?: URL; kitMigrations?: readonly Migration[] },
  log: Log,
): Promise<Postgres | undefined> {
  const schema = definition.stores.postgres;
  if (schema === undefined) return undefined;
  const url = required(config.DATABASE_URL, "DATABASE_URL");
  const say = (message: string) => log.info(message);
  const own = is.migrations === undefined ? [] : migrationsFrom(is.migrations);
  const published = definition.publishes.length > 0 ? outboxMigrations : [];
  await migrate({ url, schema, log: say }, [...(is.kitMigrations ?? []), ...published, ...own]);
  return openPostgres({
    url,
    schema,
    poolMax: config.DATABASE_POOL_MAX,
    applicationName: definition.name,
    statementTimeoutMs,
    connectTimeoutMs,
    log: say,
  });
}

/** Only who publishes or consumes has a bus; the others get one that is never used and always ready. */
async function openEvents(
  definition: ServiceDefinition,
  config: BaseConfig,
  postgres: Postgres | undefined,
  log: Log,
  closers: (() => Promise<void>)[],
): Promise<{ bus: Bus; outbox: Outbox; wakeRelay: () => void }> {
  const outbox = openOutbox({ nowMs: Date.now, newId: randomUUID });
  if (definition.publishes.length === 0 && definition.consumes.length === 0) {
    return { bus: noBus, outbox, wakeRelay: () => {} };
  }
  const bus = await openPostgresBus({
    url: required(config.DATABASE_URL, "DATABASE_URL"),
    log,
    nowMs: Date.now,
  });
  closers.push(() => bus.close());
  if (definition.publishes.length === 0 || postgres === undefined)
    return { bus, outbox, wakeRelay: () => {} };
  const relay = startRelay({ postgres, bus, log });
  closers.push(() => relay.stop());
  return { bus, outbox, wakeRelay: () => relay.wake() };
}

const noBus: Bus = {
  publish: () => Promise.reject(new Error("the definition lists no topic in `publishes`")),
  subscribe: () => Promise.reject(new Error("the definition lists no topic in `consumes`")),
  ready: () => true,
  close: async () => {},
};

function openPorts(
  definition: ServiceDefinition,
  env: Env,
  config: BaseConfig,
  telemetry: Telemetry,
  internalKey: string,
): { ports: Record<string, unknown>; close: () => Promise<void> } {
  const parts = {
    caller: definition.name,
    internalKey,
    mesh: config.MESH,
    telemetry,
    nowMs: Date.now,
    random: Math.random,
    duration: telemetry.histogram("external.partner.duration", { unit: "s" }),
  };
  const calls = Object.entries(definition.calls).map(([name, use]) => {
    const address = env[dependencyVariable(use.service, "ADDRESS")] ?? `127.0.0.1:${use.port}`;
    return [name, openRpcClient(use, address, parts)] as const;
  });
  const partners = Object.entries(definition.partners).map(([name, use]) => {
    const url = env[dependencyVariable(use.partner, "URL")] ?? `http://127.0.0.1:${use.port}`;
    return [name, openPartnerClient(use, url, parts)] as const;
  });
  const opened = [...calls, ...partners];
  return {
    ports: Object.fromEntries(opened.map(([name, { client }]) => [name, client])),
    close: async () => {
      for (const [, each] of opened) await each.close();
    },
  };
}

function required(value: string | undefined, variable: string): string {
  if (value === undefined)
    throw new ConfigError(`The configuration has 1 problem(s):\n  ${variable}: is required`);
  return value;
}

export function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

/** Runs one program as this process: SIGTERM and SIGINT drain it, and a start that fails says why in one line. */
export async function run(program: { start: (env: Env) => Promise<Running> }): Promise<void> {
  let running: Running;
  try {
    running = await program.start(process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
  const stop = () => {
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
