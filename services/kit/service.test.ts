import { type AddressInfo, connect, createServer } from "node:net";
import { CartServiceDefinition } from "@webstore/proto/cart/v1";
import pg from "pg";
import { expect, test } from "vitest";
import { call, defineService, type HandlersOf } from "./definition.ts";
import { inboxMigrations, once } from "./inbox.ts";
import { sagaMigrations } from "./saga-journal.ts";
import { type Process, service } from "./service.ts";
import { kitMigrationsOf } from "./service-store.ts";
import { testJwksUrl } from "./testing-fake.ts";
import { freshDatabase } from "./testing-postgres.ts";
import { atEnd } from "./testing-rpc.ts";

const promise = { availability: 0.999, latencyP95Ms: 100 };
const other = { name: "other", serves: CartServiceDefinition, ports: { rpc: 1 } } as const;
const definition = defineService({
  name: "shop",
  serves: CartServiceDefinition,
  ports: { rpc: 0, admin: 0 },
  calls: {
    other: call(other, {
      methods: ["getCart"],
      timeoutMs: 100,
      attemptsMax: 1,
      breaker: { failures: 1, coolDownMs: 60_000 },
    }),
  },
  stores: { postgres: "shop" },
  publishes: ["order-events"],
  consumes: [{ topic: "order-events", group: "shop" }],
  promises: {
    addItem: promise,
    getCart: promise,
    updateItem: promise,
    removeItem: promise,
    clearOrderedLines: promise,
  },
  runs: { replicas: { min: 1, max: 1 }, cpuMillis: 100, memoryMiB: 100 },
});

/** The service as it runs, on a database of its own; the test gets what its parts get. */
async function shop(is: { ready?: () => boolean } = {}) {
  const database = await freshDatabase();
  atEnd(() => database.drop());
  let parts: Process<typeof definition, object> | undefined;
  const program = service(definition, {
    kitMigrations: [...sagaMigrations, ...inboxMigrations],
    start: async (process) => {
      parts = process;
      return { handlers: {} as HandlersOf<typeof CartServiceDefinition>, ...is };
    },
  });
  const running = await program.start({
    DATABASE_URL: database.url,
    INTERNAL_API_KEY: "test-internal-key",
    JWKS_URL: testJwksUrl,
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "silent",
  });
  atEnd(() => running.stop());
  if (parts === undefined) throw new Error("it did not start");
  const metrics = async () => {
    const text = await (await fetch(`${running.urls.admin}/metrics`)).text();
    return text.split("\n").filter((line) => line.startsWith("webstore_"));
  };
  const readiness = async () => (await fetch(`${running.urls.admin}/readyz`)).status;
  return { parts, metrics, readiness, url: database.url };
}

test("a service is ready when its consumers are, and stays so when they lose the bus", async () => {
  let connected = false;
  const { readiness } = await shop({ ready: () => connected });
  expect(await readiness()).toBe(503);
  connected = true;
  expect(await readiness()).toBe(200);
  connected = false;
  expect(await readiness()).toBe(200);
});

test("who publishes and consumes has an outbox and an inbox, also when it asks for them itself", async () => {
  const { parts } = await shop();
  await parts.postgres.commit(once("shop", "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11"));
  const tables = await parts.postgres.query<{ name: string }>(
    "select table_name::text as name from information_schema.tables where table_schema = 'shop' order by 1",
  );
  expect(tables.map(({ name }) => name)).toEqual(["inbox", "migrations", "outbox", "sagas"]);
});

test.each(["INTERNAL_API_KEY", "JWKS_URL"])(
  "a service does not start without %s, and says so",
  async (variable) => {
    const all = { INTERNAL_API_KEY: "test-internal-key", JWKS_URL: testJwksUrl };
    const program = service(definition, {
      start: async () => ({ handlers: {} as HandlersOf<typeof CartServiceDefinition> }),
    });
    await expect(program.start({ ...all, [variable]: undefined })).rejects.toThrow(
      `${variable}: is required`,
    );
  },
);

test("a service that starts before its database waits for it", async () => {
  const database = await freshDatabase();
  atEnd(() => database.drop());
  const { hostname, port } = new URL(database.url);
  // As a proxy in front of a server that is not there yet: it takes the connection, and drops it.
  let taken = 0;
  const front = createServer((socket) => {
    socket.on("error", () => {});
    if (++taken === 1) return socket.destroy();
    const server = connect(Number(port), hostname);
    server.on("error", () => socket.destroy());
    socket.pipe(server).pipe(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  atEnd(async () => void front.close());
  const url = new URL(database.url);
  url.hostname = "127.0.0.1";
  url.port = String((front.address() as AddressInfo).port);

  const program = service(definition, {
    start: async () => ({ handlers: {} as HandlersOf<typeof CartServiceDefinition> }),
  });
  await program.migrate({ DATABASE_URL: url.href, LOG_LEVEL: "silent" });
  expect(taken).toBe(2);
});

test("the kit's tables are each asked for once", () => {
  expect(kitMigrationsOf({ publishes: [], consumes: [] }, [])).toEqual([]);
  const { publishes, consumes } = definition;
  const ids = kitMigrationsOf({ publishes, consumes }, inboxMigrations).map(({ id }) => id);
  expect(ids.sort()).toEqual(["0000-inbox", "0000-outbox"]);
});

test("/metrics shows what waits for the bus, the consumers' lag, open breakers and unfinished sagas", async () => {
  const { parts, metrics, url } = await shop();
  const at = { topic: "order-events", key: "o-1" };
  const held = Promise.withResolvers<void>();
  const subscription = await parts.bus.subscribe({
    topic: at.topic,
    group: "shop",
    handle: () => held.promise,
  });
  await parts.bus.publish([{ ...at, value: Buffer.from("x"), headers: {} }]);
  // Who has just started waits for its callees, as long as a call may take.
  await expect(parts.ports.other.getCart({ customerId: "" })).rejects.toThrow("DEADLINE_EXCEEDED");
  const insert = `insert into sagas (id, name, version, status, request_hash, input, position, results, owner,
      lease_until, traceparent, waiting_for, attempts)
    select gen_random_uuid(), 'sale', 1, status, '', '{}', 0, '{}', owner, 'infinity', '', waiting, attempts
    from (values ('running', 'here', null, 0), ('running', '', 'the shopper', 0), ('running', '', null, 10),
      ('undoing', 'here', null, 0), ('stuck', '', null, 1), ('done', 'here', null, 0))
      as s (status, owner, waiting, attempts)`;
  await parts.postgres.query(insert);
  // Held by another relay, so that what is published stays.
  const relay = new pg.Client({ connectionString: url });
  await relay.connect();
  await relay.query("set search_path to shop");
  await relay.query("select pg_advisory_lock(hashtextextended('webstore outbox ' || current_schema(), 0))");
  await parts.postgres.commit(parts.outbox.publish({ ...at, name: "OrderCreated", data: {} }));

  const sagas = (status: string, n: number) =>
    `webstore_sagas_unfinished{saga="sale",status="${status}",service="shop"} ${n}`;
  await expect
    .poll(metrics, { timeout: 5_000, interval: 250 })
    .toEqual(
      expect.arrayContaining([
        'webstore_outbox_backlog{service="shop"} 1',
        expect.stringMatching(/^webstore_outbox_oldest_age_seconds\{service="shop"\} \d/),
        'webstore_consumer_lag{topic="order-events",group="shop",service="shop"} 1',
        'webstore_breaker_open{callee="other",service="shop"} 1',
        sagas("running", 1),
        sagas("waiting", 1),
        sagas("compensating", 1),
        sagas("stuck", 2),
      ]),
    );
  await relay.end();
  held.resolve();
  await expect
    .poll(metrics, { timeout: 5_000, interval: 250 })
    .toContain('webstore_consumer_lag{topic="order-events",group="shop",service="shop"} 0');
  await subscription.stop();
  await expect
    .poll(async () => (await metrics()).some((line) => line.startsWith("webstore_consumer_lag")), {
      timeout: 5_000,
      interval: 250,
    })
    .toBe(false);
});
