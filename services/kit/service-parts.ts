// What a service's definition asks for, opened: its bus with outbox and inbox, and its clients (its store: service-store.ts). Each part
// puts its end on the list of closers, and its gauges on /metrics.

import { randomUUID } from "node:crypto";
import type { Breaker } from "./breaker.ts";
import type { KafkaSecurity } from "./bus.kafka-cluster.ts";
import { openPostgresBus } from "./bus.postgres.ts";
import type { Bus } from "./bus.ts";
import { type BaseConfig, ConfigError, dependencyVariable, type Env } from "./config.ts";
import type { ServiceDefinition } from "./definition.ts";
import type { AddGauge } from "./gauge.ts";
import type { Log } from "./log.ts";
import { type Outbox, openOutbox, startRelay } from "./outbox.ts";
import { openPartnerClient } from "./partner-client.ts";
import type { Postgres } from "./postgres.ts";
import { openRpcClient } from "./rpc-client.ts";
import { addBreakerGauge, addOutboxGauges, withLagGauge } from "./service-gauges.ts";
import type { Telemetry } from "./telemetry.ts";

export type ServiceParts = {
  readonly definition: ServiceDefinition;
  readonly config: BaseConfig;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly gauge: AddGauge;
  /** In the order of opening; they are called from the last to the first. */
  readonly closers: (() => Promise<void>)[];
};

/** Only who publishes or consumes has a bus; the others get one that is never used and always ready. */
export async function openEvents(
  { definition, config, log, gauge, closers }: ServiceParts,
  postgres: Postgres | undefined,
): Promise<{ bus: Bus; outbox: Outbox; wakeRelay: () => void }> {
  const outbox = openOutbox({ nowMs: Date.now, newId: randomUUID });
  if (definition.publishes.length === 0 && definition.consumes.length === 0) {
    return { bus: noBus, outbox, wakeRelay: () => {} };
  }
  const opened = await openBus(definition.name, config, log);
  closers.push(() => opened.close());
  const bus = definition.consumes.length === 0 ? opened : withLagGauge(gauge, opened);
  if (definition.publishes.length === 0 || postgres === undefined)
    return { bus, outbox, wakeRelay: () => {} };
  const relay = startRelay({ postgres, bus, log });
  closers.push(() => relay.stop());
  addOutboxGauges(gauge, relay);
  return { bus, outbox, wakeRelay: () => relay.wake() };
}

/** Kafka where there is an address of it. */
async function openBus(name: string, config: BaseConfig, log: Log): Promise<Bus> {
  const { KAFKA_BROKER_URL: brokers } = config;
  if (brokers !== undefined) {
    // Read where it is used: a laptop's process has no need of it.
    const { openKafkaBus } = await import("./bus.kafka.ts");
    return openKafkaBus({
      brokers: brokers.split(","),
      security: kafkaSecurityOf(config),
      clientId: name,
      log,
    });
  }
  return openPostgresBus({ url: required(config.DATABASE_URL, "DATABASE_URL"), log, nowMs: Date.now });
}

/** In the clear and without a login unless the configuration says otherwise. Throws ConfigError on half a login. */
export function kafkaSecurityOf(config: BaseConfig): KafkaSecurity {
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = config;
  const tls = config.KAFKA_TLS ? { tls: {} } : {};
  if (username === undefined && password === undefined) return tls;
  return {
    ...tls,
    sasl: {
      mechanism: config.KAFKA_SASL_MECHANISM,
      username: required(username, "KAFKA_USERNAME"),
      password: required(password, "KAFKA_PASSWORD"),
    },
  };
}

const noBus: Bus = {
  publish: () => Promise.reject(new Error("the definition lists no topic in `publishes`")),
  subscribe: () => Promise.reject(new Error("the definition lists no topic in `consumes`")),
  ready: () => true,
  close: async () => {},
};

/** Longer than the services of a process, or of a release that is rolled out, start after each other. */
const startupGraceMs = 10_000;

export function openPorts(
  { definition, config, telemetry, gauge, closers }: ServiceParts,
  env: Env,
  internalKey: string,
): Record<string, unknown> {
  const parts = {
    caller: definition.name,
    internalKey,
    mesh: config.MESH,
    telemetry,
    nowMs: Date.now,
    random: Math.random,
    startupGraceMs,
    duration: telemetry.histogram("external.partner.duration", { unit: "s" }),
  };
  const breakers: Record<string, Breaker> = {};
  const ports: Record<string, unknown> = {};
  const closes: (() => void | Promise<void>)[] = [];
  for (const [name, use] of Object.entries(definition.calls)) {
    const address = env[dependencyVariable(use.service, "ADDRESS")] ?? `127.0.0.1:${use.port}`;
    const { client, breaker, close } = openRpcClient(use, address, parts);
    ports[name] = client;
    breakers[use.service] = breaker;
    closes.push(close);
  }
  for (const [name, use] of Object.entries(definition.partners)) {
    const url = env[dependencyVariable(use.partner, "URL")] ?? `http://127.0.0.1:${use.port}`;
    const { client, breaker, close } = openPartnerClient(use, url, parts);
    ports[name] = client;
    breakers[use.partner] = breaker;
    closes.push(close);
  }
  if (closes.length > 0) addBreakerGauge(gauge, breakers);
  closers.push(async () => {
    for (const close of closes) await close();
  });
  return ports;
}

export function required(value: string | undefined, variable: string): string {
  if (value === undefined)
    throw new ConfigError(`The configuration has 1 problem(s):\n  ${variable}: is required`);
  return value;
}
