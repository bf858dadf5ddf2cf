// The whole service for tests: its own database, a bus to publish on, a real mail server, identity's fake and an orders
// that knows two products.

import { identity } from "@webstore/identity/definition";
import { fakeIdentity } from "@webstore/identity/fake";
import { type Bus, type Event, type Running, service } from "@webstore/kit";
import { freshDatabase, serveFake, testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { orders } from "@webstore/orders/definition";
import pg from "pg";
import { notifications } from "./definition.ts";
import { fakeNotifications } from "./fake.ts";
import { program } from "./main.ts";
import type { NotificationsClient } from "./notifications.contract.ts";
import { type MailServer, openMailServer } from "./testing-mail-server.ts";
import { mugAndLamp, orderWith } from "./testing-notifications.ts";

/** Everything around the service, which stays when the service is killed. */
export type Surroundings = {
  readonly mailServer: MailServer;
  readonly env: Readonly<Record<string, string>>;
  publish(topic: string, events: readonly Event[]): Promise<void>;
  sql<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A connection of the caller's own. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
};

const testEnv = {
  RPC_PORT: "0",
  ADMIN_PORT: "0",
  LOG_LEVEL: "silent",
  INTERNAL_API_KEY: testInternalKey,
  JWKS_URL: testJwksUrl,
};

export async function openSurroundings(
  is: { mailServer?: MailServer; env?: Record<string, string> } = {},
): Promise<Surroundings> {
  const database = await freshDatabase();
  const mailServer = is.mailServer ?? (await openMailServer());
  const { getOrder } = orders.serves.methods;
  const onlyGetOrder = { ...orders, serves: { ...orders.serves, methods: { getOrder } } } as const;
  const served = [
    await serveFake(identity, await fakeIdentity()),
    await serveFake(
      { ...onlyGetOrder, promises: { getOrder: orders.promises.getOrder } },
      orderWith(mugAndLamp),
    ),
  ];
  const publisher = await openPublisher({ ...testEnv, DATABASE_URL: database.url });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const [identityRpc = "", ordersRpc = ""] = served.map(({ urls }) => urls.rpc);
  return {
    mailServer,
    env: {
      ...testEnv,
      DATABASE_URL: database.url,
      IDENTITY_ADDRESS: identityRpc,
      ORDERS_ADDRESS: ordersRpc,
      MAIL_URL: mailServer.url,
      DEMO_TOKENS: "true",
      ...is.env,
    },
    publish: (topic, events) => publisher.publish(topic, events),
    sql: async (text, values) => (await pool.query(text, values?.slice())).rows,
    connect: async () => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      return client;
    },
    close: async () => {
      await publisher.stop();
      for (const each of served) await each.stop();
      await mailServer.close();
      await pool.end();
      await database.drop();
    },
  };
}

/** Somebody who publishes on the bus of this database, as orders and payments do. */
async function openPublisher(env: Record<string, string>) {
  const opened = Promise.withResolvers<Bus>();
  const consumes = [{ topic: "nothing-of-ours", group: "publisher" }];
  const definition = { ...notifications, name: "publisher", calls: {}, stores: {}, consumes } as const;
  const running = await service(definition, {
    start: async ({ bus }) => {
      opened.resolve(bus);
      return { handlers: fakeNotifications() };
    },
  }).start(env);
  const bus = await opened.promise;
  return {
    stop: () => running.stop(),
    publish: (topic: string, events: readonly Event[]) =>
      bus.publish(
        events.map((event) => ({
          topic,
          key: (event.data as { orderId?: string } | null)?.orderId ?? "none",
          value: Buffer.from(JSON.stringify(event)),
          headers: {},
        })),
      ),
  };
}

export type TestService = Surroundings & {
  readonly running: Running;
  as(means: { token?: string; internal?: boolean }): NotificationsClient;
  stop(): Promise<void>;
};

export async function startTestService(env: Record<string, string> = {}): Promise<TestService> {
  const surroundings = await openSurroundings({ env });
  const running = await program.start(surroundings.env);
  const clients = new Map<string, NotificationsClient & { close(): void }>();
  return {
    ...surroundings,
    running,
    as(means) {
      const name = JSON.stringify(means);
      const known = clients.get(name);
      if (known !== undefined) return known;
      const client = testClient(notifications, running.urls.rpc ?? "", means);
      clients.set(name, client);
      return client;
    },
    async stop() {
      for (const client of clients.values()) client.close();
      await running.stop();
      await surroundings.close();
    },
  };
}
