// From a definition and its handlers to a running process.
//
// The order of starting is: configuration, telemetry, database, bus, clients, the service's own
// parts, RPC, and only then ready. Stopping is the same list backwards: not ready first, so that
// nobody new comes; then what is in hand is finished; then everything is closed.

import { randomUUID } from "node:crypto";
import { Registry } from "prom-client";
import type { z } from "zod";
import { type AdminRoute, startAdminServer } from "./admin-server.ts";
import type { Bus } from "./bus.ts";
import { type BaseConfig, baseConfig, ConfigError, type Env, readConfig } from "./config.ts";
import type { HandlersOf, PortsOf, ServiceDefinition } from "./definition.ts";
import { type AddGauge, openGauges } from "./gauge.ts";
import { type Log, openLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Migration } from "./postgres-migrations.ts";
import { startRpcServer } from "./rpc-server.ts";
import { openEvents, openPorts, required } from "./service-parts.ts";
import { isStoreReady, migrateStore, type OpenedStore, openStore, type StoreOf } from "./service-store.ts";
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
  /** Adds a gauge to them, and to what goes to OTel; it is read when it is asked for, at most once a second. */
  readonly gauge: AddGauge;
  /** Whom it may call: what its definition lists. */
  readonly ports: PortsOf<D>;
  /** Where its data is; of several kinds that the definition allows, the one that is configured. */
  readonly store: StoreOf<D["stores"]>;
  /** The same, for a definition that allows PostgreSQL only. */
  readonly postgres: StoreOf<D["stores"]> extends { readonly kind: "postgres"; readonly postgres: infer P }
    ? P
    : undefined;
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
  /** Parts that must be ready before the process is; later it stays ready without them. */
  readonly ready?: () => boolean;
  /** Stops taking in work at its own doors, and finishes what came in; called before RPC is drained. */
  readonly drain?: () => Promise<void>;
  /** Finishes its own work; called after the last RPC was answered, before the database is closed. */
  readonly stop?: () => Promise<void>;
};

export type ServiceProgram<D extends ServiceDefinition = ServiceDefinition> = {
  readonly definition: D;
  readonly start: (env: Env) => Promise<Running>;
  /** Only brings the store up to date, for what has to be done before new replicas start. */
  readonly migrate: (env: Env) => Promise<void>;
};

export function service<D extends ServiceDefinition, Shape extends z.ZodRawShape = Record<never, never>>(
  definition: D,
  is: {
    /** Its own variables, beside the base ones. */
    config?: z.ZodObject<Shape>;
    /** The folder of its numbered SQL files. */
    migrations?: URL;
    /** Tables of the kit that it uses: the saga's journal. Those of its outbox and inbox come by themselves. */
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
    migrate: async (env) => {
      const config = readConfig(schema, env) as BaseConfig;
      const log = openLog(definition.name, { level: config.LOG_LEVEL, file: config.LOG_FILE });
      await migrateStore(definition, config, log, is);
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
  const jwksUrl = required(config.JWKS_URL, "JWKS_URL");
  if (config.PRODUCTION_ENV && config.DEMO_TOKENS)
    throw new ConfigError("DEMO_TOKENS must not be on in production");
  const log = openLog(name, { level: config.LOG_LEVEL, file: config.LOG_FILE });
  const telemetry = await startTelemetry(name, env, log);
  closers.push(() => telemetry.stop());
  const registry = new Registry();
  registry.setDefaultLabels({ service: name });
  const clock = { nowMs: Date.now, newId: randomUUID as () => string, random: Math.random };

  const gauge = openGauges({ registry, telemetry, log, nowMs: clock.nowMs });
  const parts = { definition, config, log, telemetry, gauge, closers };
  const store = await openStore(parts, is);
  const postgres = store.kind === "postgres" ? store.postgres : undefined;
  const { bus, outbox, wakeRelay } = await openEvents(parts, postgres);
  const ports = openPorts(parts, env, internalKey);
  const tokens = tokenVerifier({
    jwksUrl,
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    demoTokens: config.DEMO_TOKENS,
  });

  const started = await is.start({
    config,
    log,
    telemetry,
    registry,
    gauge,
    ports: ports as PortsOf<D>,
    store: store as StoreOf<D["stores"]>,
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
    store,
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
  store: OpenedStore;
  bus: Bus;
  registry: Registry;
  log: Log;
  telemetry: Telemetry;
  tokens: TokenVerifier;
  internalKey: string;
  closers: (() => Promise<void>)[];
}): Promise<Running> {
  const { definition, config, started, store, bus, log, telemetry, closers } = is;
  const { name } = definition;
  let stopping = false;
  const rpcDuration = telemetry.histogram("rpc.server.duration", { unit: "s" });
  const rpc = await startRpcServer({
    contract: definition.serves,
    handlers: started.handlers as HandlersOf<D["serves"]>,
    parts: { log, telemetry, tokens: is.tokens, internalKey: is.internalKey, nowMs: Date.now, rpcDuration },
    host: config.APP_HOST,
    port: config.RPC_PORT ?? definition.ports.rpc,
    socket: config.RPC_SOCKET,
  });
  closers.push(() => rpc.drain(config.DRAIN_GRACE_MS));
  if (started.drain !== undefined) closers.push(started.drain);
  // A bus that is lost later makes no replica unready: events wait in the outbox, and no RPC waits for the bus.
  let wasConnected = false;
  const notReady = async () => {
    const connecting = [
      ["bus", !bus.ready()],
      [name, started.ready?.() === false],
    ] as const;
    wasConnected ||= connecting.every(([, missing]) => !missing);
    const parts = [
      ["stopping", stopping],
      [store.kind, !(await isStoreReady(store))],
      ...(wasConnected ? [] : connecting),
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

export function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

/** Runs one program as this process: SIGTERM and SIGINT drain it, and a start that fails says why in one line. `migrate` as its argument only does that. */
export async function run(program: {
  start: (env: Env) => Promise<Running>;
  migrate?: (env: Env) => Promise<void>;
}): Promise<void> {
  try {
    if (process.argv[2] === "migrate") return await program.migrate?.(process.env);
    const running = await program.start(process.env);
    const stop = () => {
      running.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
