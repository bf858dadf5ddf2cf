// The whole ledger for tests: over real gRPC and Postgres, with the bus, and with orders and payments that answer from a
// world.

import { type Bus, type Env, type HandlersOf, type Running, service } from "@webstore/kit";
import {
  freshDatabase,
  freshSchema,
  serveFake,
  testClient,
  testInternalKey,
  testJwksUrl,
} from "@webstore/kit/testing";
import { orders } from "@webstore/orders/definition";
import { payments } from "@webstore/payments/definition";
import { ledger } from "./definition.ts";
import { program } from "./main.ts";
import { ordersOf, paymentsOf } from "./testing-lists.ts";
import type { Published, World } from "./testing-world.ts";

export type Subject = Awaited<ReturnType<typeof openLedger>>;

const env = {
  INTERNAL_API_KEY: testInternalKey,
  JWKS_URL: testJwksUrl,
  DEMO_TOKENS: "true",
  RPC_PORT: "0",
  ADMIN_PORT: "0",
  LOG_LEVEL: "silent",
  RECONCILE_EVERY_MS: "0",
};

export async function openLedger(world: World, more: Env = {}) {
  const database = await freshDatabase();
  const partners = await Promise.all([
    serveFake(orders, handlersOf(orders.serves, ordersOf(world))),
    serveFake(payments, handlersOf(payments.serves, paymentsOf(world))),
  ]);
  const [served, listed] = partners;
  const { bus, stop: stopBus } = await openBus(database.url);
  const all = {
    ...env,
    DATABASE_URL: database.url,
    ORDERS_ADDRESS: served.urls.rpc ?? "",
    PAYMENTS_ADDRESS: listed.urls.rpc ?? "",
    ...more,
  };
  const start = () => program.start(all);
  const running: Running[] = [await start()];
  const sql = await freshSchema([], { url: database.url });
  const clients: { close(): void }[] = [];
  const rpcUrl = () => running[0]?.urls.rpc ?? "";
  return {
    rpcUrl,
    adminUrl: () => running[0]?.urls.admin ?? "",
    client: (as: Parameters<typeof testClient>[2] = { internal: true }) => {
      const client = testClient(ledger, rpcUrl(), as);
      clients.push(client);
      return client;
    },
    /** Another process of the same ledger. */
    replicate: async () => {
      running.push(await start());
    },
    stopPayments: () => listed.stop(),
    sql: sql.query,
    publish: (published: readonly Published[]) =>
      bus.publish(
        published.map(({ topic, event }) => ({
          topic,
          key: (event.data as { orderId?: string } | null)?.orderId ?? "",
          value: Buffer.from(JSON.stringify(event)),
          headers: {},
        })),
      ),
    stop: async () => {
      for (const client of clients) client.close();
      for (const each of running) await each.stop();
      await stopBus();
      for (const each of partners) await each.stop();
      await sql.close();
      await database.drop();
    },
  };
}

/** The handlers that a test has; every other RPC of the contract is one that the ledger must not need. */
function handlersOf<D extends typeof orders.serves | typeof payments.serves>(
  contract: D,
  given: Partial<HandlersOf<D>>,
): HandlersOf<D> {
  const unneeded = Object.keys(contract.methods).map((name) => [
    name,
    () => Promise.reject(new Error(`the ledger has no business with ${name}`)),
  ]);
  return { ...Object.fromEntries(unneeded), ...given } as HandlersOf<D>;
}

/** A bus on this database, from a service that does nothing else. */
async function openBus(url: string): Promise<{ bus: Bus; stop: () => Promise<void> }> {
  const opened = Promise.withResolvers<Bus>();
  const alone = { ...ledger, calls: {}, partners: {}, stores: {}, consumes: [] };
  const running = await service(
    { ...alone, publishes: ["order-events", "payment-topic"] },
    {
      start: async ({ bus }) => {
        opened.resolve(bus);
        return { handlers: handlersOf(ledger.serves as never, {}) as never };
      },
    },
  ).start({ ...env, DATABASE_URL: url });
  return { bus: await opened.promise, stop: () => running.stop() };
}
