// The store of a service, opened: of those that its definition allows, the one that is configured. What the kit keeps in
// it (outbox, inbox, journal) comes by itself in PostgreSQL; a service on another store brings its own.

import type { BaseConfig } from "./config.ts";
import { connectPatiently } from "./connect.ts";
import type { ServiceDefinition, Stores } from "./definition.ts";
import { inboxMigrations, startInboxPruning } from "./inbox.ts";
import type { Log } from "./log.ts";
import type { Mongo } from "./mongo.ts";
import { outboxMigrations } from "./outbox.ts";
import { openPostgres, type Postgres } from "./postgres.ts";
import { PostgresUnavailable } from "./postgres-errors.ts";
import { type Migration, migrate, migrationsFrom } from "./postgres-migrations.ts";
import type { Redis } from "./redis.ts";
import { sagaMigrations } from "./saga-journal.ts";
import { addSagaGauge } from "./service-gauges.ts";
import { required, type ServiceParts } from "./service-parts.ts";

type OnPostgres = { readonly kind: "postgres"; readonly postgres: Postgres };
type OnRedis = { readonly kind: "redis"; readonly redis: Redis };
type OnMongo = { readonly kind: "mongo"; readonly mongo: Mongo };
export type OpenedStore = OnPostgres | OnRedis | OnMongo | { readonly kind: "none" };

/** What a service may find: one of the kinds that its definition allows. */
export type StoreOf<S extends Stores> =
  | (S extends { readonly postgres: string } ? OnPostgres : never)
  | (S extends { readonly redis: string } ? OnRedis : never)
  | (S extends { readonly mongo: string } ? OnMongo : never);

const statementTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;

export async function openStore(parts: ServiceParts, is: Migrations): Promise<OpenedStore> {
  const { definition, config, log, closers } = parts;
  const { postgres: schema, redis: prefix, mongo: database } = definition.stores as Stores;
  if (prefix !== undefined && config.REDIS_URL !== undefined) {
    // Read where it is used: a laptop's process has no need of it.
    const { openRedis } = await import("./redis.ts");
    const redis = await openRedis({ url: config.REDIS_URL, prefix, log });
    closers.push(() => redis.close());
    return { kind: "redis", redis };
  }
  if (database !== undefined && config.MONGODB_URL !== undefined) {
    const { openMongo } = await import("./mongo.ts");
    const { MONGODB_URL: url, DATABASE_POOL_MAX: poolMax } = config;
    const mongo = await openMongo({ url, database, poolMax, applicationName: definition.name, log });
    closers.push(() => mongo.close());
    return { kind: "mongo", mongo };
  }
  if (schema === undefined) return { kind: "none" };
  return { kind: "postgres", postgres: await openPostgresStore(parts, schema, is) };
}

type Migrations = { migrations?: URL; kitMigrations?: readonly Migration[] };

/** Brings the tables up to date, under a lock; on another store there is nothing to do. */
export async function migrateStore(
  definition: ServiceDefinition,
  config: BaseConfig,
  log: Log,
  is: Migrations,
): Promise<void> {
  const { postgres: schema, redis, mongo } = definition.stores as Stores;
  const isElsewhere =
    (redis !== undefined && config.REDIS_URL !== undefined) ||
    (mongo !== undefined && config.MONGODB_URL !== undefined);
  if (schema === undefined || isElsewhere) return;
  const url = required(config.DATABASE_URL, "DATABASE_URL");
  const kit = kitMigrationsOf(definition, is.kitMigrations ?? []);
  const own = is.migrations === undefined ? [] : migrationsFrom(is.migrations);
  // The first that is asked of the server, which may start beside the service.
  await connectPatiently(
    () => migrate({ url, schema, log: (message) => log.info(message) }, [...kit, ...own]),
    { what: "PostgreSQL", log, isOutage: (error) => error instanceof PostgresUnavailable },
  );
}

export async function isStoreReady(store: OpenedStore): Promise<boolean> {
  switch (store.kind) {
    case "postgres":
      return store.postgres.ready();
    case "redis":
      return store.redis.ready();
    case "mongo":
      return store.mongo.ready();
    case "none":
      return true;
  }
}

async function openPostgresStore(
  { definition, config, log, gauge, closers }: ServiceParts,
  schema: string,
  is: Migrations,
): Promise<Postgres> {
  const url = required(config.DATABASE_URL, "DATABASE_URL");
  const say = (message: string) => log.info(message);
  await migrateStore(definition, config, log, is);
  const postgres = await openPostgres({
    url,
    schema,
    poolMax: config.DATABASE_POOL_MAX,
    applicationName: definition.name,
    statementTimeoutMs,
    connectTimeoutMs,
    log: say,
  });
  closers.push(() => postgres.close());
  if (definition.consumes.length > 0) closers.push(startInboxPruning({ postgres, log, nowMs: Date.now }));
  if (is.kitMigrations !== undefined && sagaMigrations.every((each) => is.kitMigrations?.includes(each)))
    addSagaGauge(gauge, postgres);
  return postgres;
}

/** Who publishes has an outbox and who consumes an inbox, whether they ask for it or not. */
export function kitMigrationsOf(
  { publishes, consumes }: Pick<ServiceDefinition, "publishes" | "consumes">,
  asked: readonly Migration[],
): Migration[] {
  const outbox = publishes.length > 0 ? outboxMigrations : [];
  const inbox = consumes.length > 0 ? inboxMigrations : [];
  return [...new Set([...asked, ...outbox, ...inbox])];
}
