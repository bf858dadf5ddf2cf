// The connection to Redis: one client, pipelined, with a limit on how long a command may take.
//
// Invariants:
//   R1. A command either leaves at once or fails: none is queued for a server that is not there.
//   R2. Everything of a service is under its prefix, so that several may share a server.

import { createClient, type RedisClientType } from "@redis/client";
import { connectPatiently } from "./connect.ts";
import type { Log } from "./log.ts";
import { Outage } from "./refusal.ts";

export type Redis = {
  readonly client: RedisClientType;
  /** Stands before every key, such as `cart:`. */
  readonly prefix: string;
  /** Runs what uses the client; a server that is gone or silent becomes an Outage. */
  run<T>(work: (client: RedisClientType) => Promise<T>): Promise<T>;
  /** Whether the server answers now. Never throws. */
  ready(): Promise<boolean>;
  close(): Promise<void>;
};

const connectTimeoutMs = 5_000;
const commandTimeoutMs = 5_000;
const reconnectMaxMs = 2_000;

/** `url`: `redis://[[user]:password@]host:port[/database]`, or `rediss://` for TLS. */
export async function openRedis(is: {
  url: string;
  prefix: string;
  log: Log;
  delayMs?: (ms: number) => Promise<void>;
}): Promise<Redis> {
  const { log } = is;
  const client = await connectPatiently(() => connect(is.url, log), {
    what: "Redis",
    log,
    isOutage: () => true,
    delayMs: is.delayMs,
  });
  return {
    client,
    prefix: `${is.prefix}:`,
    run: async (work) => {
      try {
        return await work(client);
      } catch (error) {
        throw new Outage("redis", "Redis did not answer", { cause: error });
      }
    },
    ready: async () => {
      try {
        return client.isReady && (await client.ping()) === "PONG";
      } catch {
        return false;
      }
    },
    close: async () => {
      if (client.isOpen) await client.close();
    },
  };
}

async function connect(url: string, log: Log): Promise<RedisClientType> {
  const client: RedisClientType = createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: commandTimeoutMs },
    socket: {
      connectTimeout: connectTimeoutMs,
      // The first connection is connectPatiently's to repeat; a lost one is tried until it is back.
      reconnectStrategy: (retries, cause) =>
        hasConnected ? Math.min(reconnectMaxMs, 50 * 2 ** Math.min(retries, 10)) : cause,
    },
  });
  let hasConnected = false;
  client.on("error", (error: unknown) => {
    if (hasConnected) log.warn({ error }, "the connection to Redis");
  });
  try {
    await client.connect();
    hasConnected = true;
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}
