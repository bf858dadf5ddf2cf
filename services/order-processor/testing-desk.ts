// The order-processor for tests: once in memory, and once as the real process over real gRPC, Postgres and its bus.

import { type Bus, defineService, type HandlersOf, type Message, type Running, service } from "@webstore/kit";
import { freshDatabase, serveFake, testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { orders } from "@webstore/orders/definition";
import { fakeOrders } from "@webstore/orders/fake";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import { ProcessingServiceDefinition } from "@webstore/proto/processing/v1";
import pg from "pg";
import { expect } from "vitest";
import { deadLetterOf } from "./dead-letter.ts";
import { orderProcessor } from "./definition.ts";
import { fakeOrderProcessor } from "./fake.ts";
import { program } from "./main.ts";

export type DeskClient = HandlersOf<typeof ProcessingServiceDefinition>;
export type Letter = Partial<Omit<Message, "topic">> & {
  readonly sourceTopic?: string;
  readonly offset?: number;
};

export type Desk = {
  readonly client: DeskClient;
  /** Puts a dead letter there, and gives its id when it is kept. */
  add(letter?: Letter): Promise<string>;
  /** What was published again so far, the oldest first. */
  published(): Promise<readonly Message[]>;
  stop(): Promise<void>;
};

/** As a consumer leaves it behind. By default of `payment-topic`, which nobody here consumes. */
export function letterMessage(is: Letter = {}): Message {
  const { sourceTopic = "payment-topic", offset = 1, key = "o-1", value = Buffer.from("{}") } = is;
  const death = {
    correlation_id: "c-1",
    error_reason: "Error: payments is down",
    source_topic: sourceTopic,
    source_partition: "3",
    source_offset: String(offset),
    attempts: "4",
    consumer_group: "ledger",
  };
  return { topic: "orders-dlq", key, value, headers: { ...death, ...is.headers } };
}

export const received = (message: Message) => ({ ...message, partition: 0, offset: 0n });

export async function openFakeDesk(): Promise<Desk> {
  const fake = fakeOrderProcessor();
  const out: Message[] = [];
  return {
    client: fake,
    add: (letter) => fake.add(received(letterMessage(letter))),
    published: async () => {
      out.push(...fake.publishScheduled());
      return out;
    },
    stop: async () => {},
  };
}

export type RealDesk = Desk & {
  readonly bus: Bus;
  readonly rpcUrl: string;
  readonly adminUrl: string;
  sql<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Ends the process, or all that it does, and starts it again on the same database. */
  restart(): Promise<void>;
};

export async function openRealDesk(
  is: { orders?: Partial<HandlersOf<typeof OrderServiceDefinition>>; env?: Record<string, string> } = {},
): Promise<RealDesk> {
  const database = await freshDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on("error", () => {});
  const fake = fakeOrders();
  const servedOrders = await serveFake(orders, { ...fake, ...is.orders });
  const env = {
    DATABASE_URL: database.url,
    ...anyPort,
    ORDERS_ADDRESS: servedOrders.urls.rpc ?? "",
    ...is.env,
  };
  const outside = await openBus(database.url);
  let running: Running = await program.start(env);
  let client = testClient(orderProcessor, running.urls.rpc ?? "", { internal: true });
  const sql = async <Row>(text: string, values: readonly unknown[] = []) =>
    (await pool.query(text, [...values])).rows as Row[];
  const end = async () => {
    client.close();
    await running.stop();
  };
  return {
    get client() {
      return client;
    },
    get rpcUrl() {
      return running.urls.rpc ?? "";
    },
    get adminUrl() {
      return running.urls.admin ?? "";
    },
    bus: outside.bus,
    sql,
    async add(letter) {
      const message = letterMessage(letter);
      await outside.bus.publish([message]);
      const { deadLetterId } = deadLetterOf(received(message), 0);
      await expect.poll(() => isKept(client, deadLetterId), { timeout: 10_000, interval: 20 }).toBe(true);
      return deadLetterId;
    },
    published: async () =>
      (await sql<Message>(
        `select topic, key, value, headers from bus.messages
         where headers ? 'dead_letter_id' and topic not like '%-dlq' order by published_at, partition, "offset"`,
      )) as readonly Message[],
    async restart() {
      await end();
      running = await program.start(env);
      client = testClient(orderProcessor, running.urls.rpc ?? "", { internal: true });
    },
    async stop() {
      await end();
      await outside.running.stop();
      await servedOrders.stop();
      await fake.stop();
      await pool.end();
      await database.drop();
    },
  };
}

async function isKept(client: DeskClient, deadLetterId: string): Promise<boolean> {
  return client.getDeadLetter({ deadLetterId }).then(
    () => true,
    () => false,
  );
}

/** Somebody else on the bus of this database. */
export async function openBus(databaseUrl: string): Promise<{ bus: Bus; running: Running }> {
  const { promises, runs, ports } = orderProcessor;
  const outside = defineService({
    name: "outside",
    serves: ProcessingServiceDefinition,
    ports,
    publishes: ["order-events"],
    promises,
    runs,
  });
  const opened = Promise.withResolvers<Bus>();
  const program = service(outside, {
    start: async ({ bus }) => {
      opened.resolve(bus);
      return { handlers: fakeOrderProcessor() };
    },
  });
  const running = await program.start({ DATABASE_URL: databaseUrl, ...anyPort });
  return { bus: await opened.promise, running };
}

const anyPort = {
  INTERNAL_API_KEY: testInternalKey,
  JWKS_URL: testJwksUrl,
  DEMO_TOKENS: "true",
  RPC_PORT: "0",
  ADMIN_PORT: "0",
  LOG_LEVEL: "silent",
};
