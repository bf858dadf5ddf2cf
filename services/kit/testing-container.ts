// Real servers for tests, in containers: where there is a docker, a container a test file; where there is none, the
// tests of what needs it say so and are left out, unless REQUIRE_DOCKER=true says that they must not be.

import { execFileSync } from "node:child_process";
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
