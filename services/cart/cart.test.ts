// The cart over real gRPC, on Postgres and on Redis, and its fake, held to one contract; and what only the service has.

import { randomUUID } from "node:crypto";
import { catalog } from "@webstore/catalog/definition";
import { type FakeCatalog, fakeCatalog } from "@webstore/catalog/fake";
import { currentContext, defineService, demoUsers, inContext, type Running, service } from "@webstore/kit";
import { freshDatabase, testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { describeWithDocker, startRedis } from "@webstore/kit/testing-container";
import { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Caller,
  type CartClient,
  cartContract,
  inactive,
  inEuros,
  productId,
  type Subject,
} from "./cart.contract.ts";
import { cart } from "./definition.ts";
import { fakeCart } from "./fake.ts";
import { program } from "./main.ts";

const usd = { amountMinor: 14_50n, currency: "USD" };
const euros = { amountMinor: 14_50n, currency: "EUR" };

const testCatalog = (): FakeCatalog =>
  fakeCatalog({
    products: [
      ...Array.from({ length: 110 }, (_, index) => ({ productId: productId(index + 1), price: usd })),
      { productId: inEuros, price: euros },
      { productId: inactive, price: usd, active: false },
    ],
  });

/** The catalog's contract over real gRPC, answered by its fake. */
function serveCatalog(handlers: FakeCatalog, env: Record<string, string>): Promise<Running> {
  const { ports, promises, runs } = catalog;
  const storeless = defineService({
    name: "catalog",
    serves: CatalogServiceDefinition,
    ports,
    promises,
    runs,
  });
  return service(storeless, { start: async () => ({ handlers }) }).start(env);
}

type Real = Subject & { catalog: FakeCatalog; stopCatalog(): Promise<void>; rpcUrl: string };

/** Where the carts are kept, and how that goes again. */
type Kept = { readonly env: Readonly<Record<string, string>>; stop(): Promise<void> };

async function inPostgres(): Promise<Kept> {
  const database = await freshDatabase();
  return { env: { DATABASE_URL: database.url }, stop: () => database.drop() };
}

/** No database is there: what the service would want of one fails. */
async function inRedis(): Promise<Kept> {
  const server = await startRedis();
  return { env: { REDIS_URL: server.url }, stop: () => server.stop() };
}

async function startCart(keep: () => Promise<Kept> = inPostgres): Promise<Real> {
  const kept = await keep();
  const env = {
    ...kept.env,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
    DEMO_TOKENS: "true",
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "silent",
  };
  const products = testCatalog();
  const served = await serveCatalog(products, env);
  const running = await program.start({ ...env, CATALOG_ADDRESS: served.urls.rpc ?? "" });
  const rpcUrl = running.urls.rpc ?? "";
  const clients = new Map<string, CartClient & { close(): void }>();
  const as = ({ who, key }: Caller): CartClient => {
    const name = `${who} ${key}`;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const means = who === "service" ? { internal: true } : { token: demoUsers[who].token };
    const client = testClient(cart, rpcUrl, key === undefined ? means : { ...means, idempotencyKey: key });
    clients.set(name, client);
    return client;
  };
  const stop = async () => {
    for (const client of clients.values()) client.close();
    await running.stop();
    await served.stop();
    await kept.stop();
  };
  return { as, stop, catalog: products, stopCatalog: () => served.stop(), rpcUrl };
}

async function startFake(): Promise<Subject> {
  const fake = fakeCart({ catalog: testCatalog() });
  const as = ({ who, key: idempotencyKey }: Caller): CartClient => {
    const principal =
      who === "service"
        ? ({ kind: "service", service: "test" } as const)
        : ({ kind: "user", userId: demoUsers[who].userId, role: demoUsers[who].role } as const);
    const calls = Object.entries<(request: never) => Promise<unknown>>(fake as never).map(
      ([name, method]) =>
        [
          name,
          (request: never) =>
            inContext({ ...currentContext(), principal, idempotencyKey }, () => method(request)),
        ] as const,
    );
    return Object.fromEntries(calls) as unknown as CartClient;
  };
  return { as, stop: async () => {} };
}

cartContract("the fake of the cart", startFake);
cartContract("the cart over gRPC and Postgres", startCart);
describeWithDocker("with a Redis", () => {
  cartContract("the cart over gRPC and Redis", () => startCart(inRedis));
});

describe("the cart service", () => {
  let subject: Real;
  let client: CartClient;
  let customerId: string;
  beforeAll(async () => {
    subject = await startCart();
    client = subject.as({ who: "service" });
  });
  afterAll(() => subject?.stop());
  beforeEach(() => {
    customerId = randomUUID();
  });

  test("an add that stands is repeated in peace when its product has gone from the catalog", async () => {
    const product = productId(7);
    const retried = subject.as({ who: "service", key: "add seven" });
    await retried.addItem({ customerId, productId: product, quantity: 2 });
    const change = { productId: product, name: undefined, description: undefined };
    await subject.catalog.updateProduct({ ...change, price: undefined, tags: undefined, active: false });
    const { cart: repeated } = await retried.addItem({ customerId, productId: product, quantity: 2 });
    expect(repeated?.lines).toEqual([{ productId: product, quantity: 2 }]);
    const anew = client.addItem({ customerId, productId: product, quantity: 2 });
    await expect(anew).rejects.toMatchObject({ reason: "product_not_found" });
  });

  test.each([
    ["a quantity of 0", { quantity: 0 }],
    ["a quantity of 100", { quantity: 100 }],
    ["a product that is no id", { productId: "'; drop table carts; --" }],
    ["a customer who is no id", { customerId: "everybody" }],
  ])("%s is refused before anything is looked at", async (_, wrong) => {
    const request = { customerId, productId: productId(1), quantity: 1, ...wrong };
    await expect(client.addItem(request)).rejects.toMatchObject({ reason: "invalid_request" });
    expect((await client.getCart({ customerId })).cart?.lines).toEqual([]);
  });

  test("an order of too many lines, or of none, is refused", async () => {
    const line = { productId: productId(1), quantity: 1 };
    for (const lines of [[], Array.from({ length: 101 }, () => line), [{ ...line, quantity: 0 }]]) {
      const refused = client.clearOrderedLines({ customerId, orderId: randomUUID(), lines });
      await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
    }
  });

  test("a shopper cannot say that something was ordered, and a stranger can do nothing", async () => {
    const lines = [{ productId: productId(1), quantity: 1 }];
    const request = { customerId: demoUsers.ada.userId, orderId: randomUUID(), lines };
    const ada = subject.as({ who: "ada" });
    await expect(ada.clearOrderedLines(request)).rejects.toMatchObject({ reason: "permission_denied" });
    const stranger = testClient(cart, subject.rpcUrl);
    const asked = stranger.getCart({ customerId: demoUsers.ada.userId }).finally(() => stranger.close());
    await expect(asked).rejects.toMatchObject({ reason: "unauthenticated" });
  });

  test("without the catalog nothing can be added, and everything else works", async () => {
    await client.addItem({ customerId, productId: productId(1), quantity: 2 });
    await subject.stopCatalog();
    const added = client.addItem({ customerId, productId: productId(1), quantity: 1 });
    await expect(added).rejects.toMatchObject({ name: "Outage" });
    const { cart: updated } = await client.updateItem({ customerId, productId: productId(1), quantity: 1 });
    expect(updated?.lines).toEqual([{ productId: productId(1), quantity: 1 }]);
    expect((await client.getCart({ customerId })).cart).toEqual(updated);
  });
});
