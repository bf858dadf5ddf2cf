// Real servers for tests, in containers: where there is a docker, a container a test file; where there is none, the
// tests of what needs it say so and are left out, unless REQUIRE_DOCKER=true says that they must not be.

import { execFileSync } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { describe } from "vitest";

export { openMongo } from "./mongo.ts";
export { openRedis } from "./redis.ts";

/** Its clean-up container would be one more image; every test stops what it started. */
process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true";

const hasDocker = process.env.REQUIRE_DOCKER === "true" || answers();

function answers(): boolean {
  try {
    execFileSync("docker", ["info"], { stdio: "ignore", timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

/** A `describe` for what runs in containers. */
export function describeWithDocker(name: string, tests: () => void): void {
  describe.runIf(hasDocker)(hasDocker ? name : `${name} (needs docker)`, tests);
}

export type Server = {
  readonly container: StartedTestContainer;
  /** Where it can be reached from here. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
};

export async function startRedis(): Promise<Server & { readonly url: string }> {
  const server = await start(new GenericContainer("redis:8"), 6379);
  return { ...server, url: `redis://${server.host}:${server.port}` };
}

export async function startMongo(): Promise<Server & { readonly url: string }> {
  const server = await start(new GenericContainer("mongo:8"), 27017);
  return { ...server, url: `mongodb://${server.host}:${server.port}` };
}

/**
 * One broker that is its own controller. It tells its clients where it is, so its port is the same inside and out, and
 * stays when it is restarted. `settings` are its variables beside the usual ones, by the port.
 */
export async function startKafka(
  settings: (port: number) => Record<string, string> = () => ({}),
): Promise<Server & { readonly brokers: readonly string[]; restart(): Promise<void> }> {
  const port = await freePort();
  const container = new GenericContainer("apache/kafka:4.1.0")
    .withEnvironment({ ...kafkaEnvironment(port), ...settings(port) })
    // What is formatted already when it is restarted must not be formatted again.
    .withCommand([
      "bash",
      "-c",
      `[ -e ${kafkaData}/meta.properties ] || exec /etc/kafka/docker/run; ${kafkaServer}`,
    ])
    .withCopyContentToContainer(
      ["log4j2.yaml", "tools-log4j2.yaml"].map((file) => ({
        content: kafkaLogging,
        target: `/mnt/shared/config/${file}`,
        mode: 0o644,
      })),
    );
  const started = await container
    .withExposedPorts({ container: port, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(60_000)
    .start();
  return {
    container: started,
    host: "127.0.0.1",
    port,
    brokers: [`127.0.0.1:${port}`],
    // At once, as a machine is that fails.
    restart: () => started.restart({ timeout: 0 }),
    stop: async () => void (await started.stop()),
  };
}

const kafkaData = "/tmp/kafka-logs";
const kafkaServer = "exec /opt/kafka/bin/kafka-server-start.sh /opt/kafka/config/server.properties";

const kafkaEnvironment = (port: number): Record<string, string> => ({
  KAFKA_NODE_ID: "1",
  KAFKA_PROCESS_ROLES: "broker,controller",
  KAFKA_LOG_DIRS: kafkaData,
  KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
  KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
  KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
  KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
  KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
  KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: "4",
  KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
  KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: "500",
  KAFKA_BROKER_SESSION_TIMEOUT_MS: "3000",
  KAFKA_BROKER_HEARTBEAT_INTERVAL_MS: "500",
  KAFKA_HEAP_OPTS: "-Xms256m -Xmx384m",
});

/** Given, because the image's own cannot be adapted by its start script where they came into it as read-only. */
const kafkaLogging = `Configuration:
  Appenders:
    Console: { name: STDOUT, PatternLayout: { Pattern: "[%d] %p %m (%c)%n" } }
  Loggers:
    Root: { level: INFO, AppenderRef: [{ ref: STDOUT }] }
`;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(container: GenericContainer, inside: number): Promise<Server> {
  const started = await container
    .withExposedPorts(inside)
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(60_000)
    .start();
  return {
    container: started,
    host: "127.0.0.1",
    port: started.getMappedPort(inside),
    stop: async () => void (await started.stop()),
  };
}
