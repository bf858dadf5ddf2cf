// A world around orders for its tests: the services it calls, as their own fakes, into which a test may put a word; and
// orders itself in it, once in memory and once as the real process: over real gRPC and Postgres, with the simulators
// of the inventory and CRM companies.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cart as cartDefinition } from "@webstore/cart/definition";
import { fakeCart } from "@webstore/cart/fake";
import { catalog as catalogDefinition } from "@webstore/catalog/definition";
import { fakeCatalog } from "@webstore/catalog/fake";
import { crm } from "@webstore/crm/definition";
import { start as startCrm } from "@webstore/crm/main";
import { inventory } from "@webstore/inventory/definition";
import { start as startInventory } from "@webstore/inventory/main";
import { currentContext, demoUsers, type HandlersOf, inContext, type Running } from "@webstore/kit";
import {
  freshDatabase,
  serveFake,
  testClient,
  testInternalKey,
  testJwksUrl,
  testPartner,
} from "@webstore/kit/testing";
import { payments as paymentsDefinition } from "@webstore/payments/definition";
import { fakePayments } from "@webstore/payments/fake";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import pg from "pg";
import { vi } from "vitest";
import { orders } from "./definition.ts";
import { fakeOrders } from "./fake.ts";
import { program } from "./main.ts";

export type OrdersClient = HandlersOf<typeof OrderServiceDefinition>;
export type Who = "ada" | "test" | "grace" | "service" | "anybody";

/** What a test puts before the next calls of a method, one each. */
export type Script = {
  /** The call waits until the function that this gives is called. */
  hold(): () => void;
  /** So many calls fail, as a bug or an outage does. */
  breakDown(times: number): void;
};

export type World = {
  readonly cart: ReturnType<typeof fakeCart>;
  readonly catalog: ReturnType<typeof fakeCatalog>;
  readonly payments: ReturnType<typeof fakePayments>;
  readonly authorizing: Script;
  readonly capturing: Script;
  readonly clearing: Script;
};

export type Told = { readonly id: string; readonly name: string; readonly data: unknown };

export type Subject = World & {
  as(who: Who): OrdersClient;
  setStock(productId: string, available: number): Promise<unknown>;
  /** What was published about an order, the oldest first. */
  toldOf(orderId: string): Promise<Told[]>;
  /** The names of it. */
  eventsOf(orderId: string): Promise<string[]>;
  /** Payments tells orders its news, as long as there are some. */
  deliverNews(): Promise<number>;
  stop(): Promise<void>;
};

function openWorld(): World {
  const catalog = fakeCatalog();
  const cart = fakeCart({ catalog });
  const payments = fakePayments();
  const authorizing = scripted(payments.createPayment);
  const capturing = scripted(payments.capturePayment);
  const clearing = scripted(cart.clearOrderedLines);
  return {
    catalog,
    cart: { ...cart, clearOrderedLines: clearing.method },
    payments: { ...payments, createPayment: authorizing.method, capturePayment: capturing.method },
    authorizing,
    capturing,
    clearing,
  };
}

function scripted<Request, Answer>(method: (request: Request) => Promise<Answer>) {
  const before: (() => Promise<void>)[] = [];
  const script: Script = {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      before.push(() => promise);
      return resolve;
    },
    breakDown(times) {
      const broken = () => Promise.reject(new Error("as the test asks"));
      before.push(...Array.from({ length: times }, () => broken));
    },
  };
  const interposed = async (request: Request) => {
    await before.shift()?.();
    return method(request);
  };
  return { ...script, method: interposed };
}

export async function openFakeOrders(): Promise<Subject> {
  const world = openWorld();
  const fake = fakeOrders(world);
  const principalOf = (who: Who) =>
    who === "service"
      ? ({ kind: "service", service: "test" } as const)
      : who === "anybody"
        ? ({ kind: "anonymous" } as const)
        : ({ kind: "user", userId: demoUsers[who].userId, role: demoUsers[who].role } as const);
  return {
    ...world,
    as: (who) => {
      const principal = principalOf(who);
      const calls = Object.entries<(request: never) => Promise<unknown>>(fake as never).map(
        ([name, method]) => [
          name,
          (request: never) => inContext({ ...currentContext(), principal }, () => method(request)),
        ],
      );
      return Object.fromEntries(calls) as OrdersClient;
    },
    setStock: async (productId, available) => fake.setStock(productId, available),
    toldOf: async (orderId) => fake.events().filter(({ key }) => key === orderId),
    eventsOf: async (orderId) => fake.events().flatMap(({ key, name }) => (key === orderId ? [name] : [])),
    deliverNews: () =>
      world.payments.deliver((news) =>
        inContext({ ...currentContext(), principal: principalOf("service") }, () =>
          fake.updateOrderPaymentStatus(news),
        ),
      ),
    stop: fake.stop,
  };
}

export type RealOrders = Subject & {
  readonly databaseUrl: string;
  readonly partners: { readonly inventoryUrl: string; readonly crmUrl: string };
  readonly stock: ReturnType<typeof testPartner<typeof inventory.operations>>;
  readonly crm: ReturnType<typeof testPartner<typeof crm.operations>>;
  /** Another process of orders on the same database; the first one that was started is the one that `as` asks. */
  startAnother(): Promise<{ as(who: Who): OrdersClient; stop(): Promise<void> }>;
  /** Stops the first process, without waiting for what it has in hand. */
  kill(): Promise<void>;
  sql<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
};

export async function openRealOrders(): Promise<RealOrders> {
  const world = openWorld();
  const database = await freshDatabase();
  const folder = mkdtempSync(join(tmpdir(), "webstore-orders-"));
  const simulators = [
    await startInventory({ INVENTORY_PORT: "0", DATA_DIR: folder }),
    await startCrm({ CRM_PORT: "0", DATA_DIR: folder }),
  ] as const;
  const [inventoryUrl = "", crmUrl = ""] = simulators.map(({ urls }) => urls.http);
  const served = [
    await serveFake(cartDefinition, world.cart),
    await serveFake(catalogDefinition, world.catalog),
    await serveFake(paymentsDefinition, world.payments),
  ];
  const addresses = served.map(({ name, urls }) => [`${name.toUpperCase()}_ADDRESS`, urls.rpc]);
  const env = {
    ...Object.fromEntries(addresses),
    INVENTORY_URL: inventoryUrl,
    CRM_URL: crmUrl,
    DATABASE_URL: database.url,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
    DEMO_TOKENS: "true",
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "silent",
    DRAIN_GRACE_MS: "0",
    SAGA_LEASE_MS: "2000",
  };
  const startAnother = async () => {
    const running = await program.start(env);
    const { as, close } = clientsOf(running);
    const stop = async () => {
      close();
      await running.stop();
    };
    return { as, stop };
  };
  const first = await startAnother();
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const stock = testPartner(inventory, inventoryUrl);
  const activities = testPartner(crm, crmUrl);
  const sql: RealOrders["sql"] = async (text, values) => (await pool.query(text, values?.slice())).rows;
  return {
    ...world,
    as: first.as,
    startAnother,
    kill: first.stop,
    databaseUrl: database.url,
    partners: { inventoryUrl, crmUrl },
    stock,
    crm: activities,
    sql,
    setStock: (product_id, available) => stock.setStock({ product_id, available }),
    toldOf: (orderId) => toldOf(orderId, sql),
    eventsOf: async (orderId) => (await toldOf(orderId, sql)).map(({ name }) => name),
    deliverNews: () => world.payments.deliver(first.as("service").updateOrderPaymentStatus),
    stop: async () => {
      await first.stop();
      await pool.end();
      for (const each of [stock, activities]) await each.close();
      for (const each of [...served, ...simulators]) await each.stop();
      rmSync(folder, { recursive: true, force: true });
      await database.drop();
    },
  };
}

function clientsOf(running: Running) {
  const opened = new Map<Who, OrdersClient & { close(): void }>();
  const as = (who: Who): OrdersClient => {
    const known = opened.get(who);
    if (known !== undefined) return known;
    const means =
      who === "service" ? { internal: true } : who === "anybody" ? {} : { token: demoUsers[who].token };
    const client = testClient(orders, running.urls.rpc ?? "", means);
    opened.set(who, client);
    return client;
  };
  const close = () => {
    for (const client of opened.values()) client.close();
  };
  return { as, close };
}

/** Waits until the relay has moved what there is, so that nothing is seen twice or not at all. */
async function toldOf(orderId: string, sql: RealOrders["sql"]): Promise<Told[]> {
  await vi.waitFor(
    async () => {
      const waiting = await sql("select 1 from orders.outbox where key = $1", [orderId]);
      if (waiting.length > 0) throw new Error("the outbox still has events of this order");
    },
    { timeout: 5_000, interval: 20 },
  );
  const rows = await sql<{ value: string }>(
    `select convert_from(value, 'utf8') as value from bus.messages
     where topic = 'order-events' and key = $1 order by "offset"`,
    [orderId],
  );
  return rows.map(({ value }) => JSON.parse(value) as Told);
}

/** Makes a partner's simulator do this to the next requests that match. */
export async function scenario(url: string, is: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(is);
  const { status } = await fetch(`${url}/admin/scenarios`, { method: "POST", headers, body });
  if (status !== 201) throw new Error(`the simulator answers ${status} to the scenario`);
}
