// A whole store around the gateway, for its tests: the real gateway process with its real gRPC clients; behind it
// the services' fakes, served by the kit over real gRPC, and an inventory that can be switched off.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cart } from "@webstore/cart/definition";
import { fakeCart } from "@webstore/cart/fake";
import { catalog } from "@webstore/catalog/definition";
import { fakeCatalog } from "@webstore/catalog/fake";
import { identity } from "@webstore/identity/definition";
import { fakeIdentity } from "@webstore/identity/fake";
import {
  type AdminRoute,
  defineRefusals,
  dependencyVariable,
  type Env,
  type HandlersOf,
  Outage,
  type Running,
  type ServiceDefinition,
  service,
} from "@webstore/kit";
import { testJwksUrl } from "@webstore/kit/testing";
import { ledger } from "@webstore/ledger/definition";
import { notifications } from "@webstore/notifications/definition";
import { orderProcessor } from "@webstore/order-processor/definition";
import { orders } from "@webstore/orders/definition";
import { type FakeOrders, fakeOrders } from "@webstore/orders/fake";
import { payments } from "@webstore/payments/definition";
import { fakePayments } from "@webstore/payments/fake";
import { program } from "./main.ts";
import { type TestingDesk, testingDesk } from "./testing-desk.ts";

export const internalKey = "test-internal-key";
/** What outside systems send. */
export const partnerKey = "test-partner-key-0123456789";

/** Two products at 19.99 and 2.50 USD, one that is not sold any more, one in yen. */
export const mug = "11111111-1111-4111-8111-111111111111";
export const pen = "22222222-2222-4222-8222-222222222222";
export const retired = "33333333-3333-4333-8333-333333333333";
export const fan = "44444444-4444-4444-8444-444444444444";
export const nothing = "99999999-9999-4999-8999-999999999999";

export const asAda = { authorization: "Bearer user-token-123" };
export const asGrace = { authorization: "Bearer admin-token-456" };

export type TestStore = {
  readonly env: Env;
  /** Whether the inventory answers. */
  readonly inventory: { up: boolean };
  /** The identity's clock, in ms before now. */
  readonly clock: { behindMs: number };
  readonly calls: { jwks: number };
  readonly catalog: HandlersOf<(typeof catalog)["serves"]>;
  readonly payments: ReturnType<typeof fakePayments>;
  readonly desk: TestingDesk;
  readonly orders: FakeOrders;
  /** What came to payments as events of the provider. */
  readonly providerEvents: ProviderEvents;
  startGateway(env?: Env): Promise<Running & { readonly url: string }>;
  stop(): Promise<void>;
};

const anyPort = {
  RPC_PORT: "0",
  ADMIN_PORT: "0",
  INTERNAL_API_KEY: internalKey,
  DEMO_TOKENS: "true",
  LOG_LEVEL: "silent",
};

export async function openTestStore(): Promise<TestStore> {
  const clock = { behindMs: 0 };
  const calls = { jwks: 0 };
  const products = fakeCatalog({
    products: [
      { productId: mug, name: "Mug", price: { amountMinor: 19_99n, currency: "USD" }, tags: ["kitchen"] },
      { productId: pen, name: "Pen", price: { amountMinor: 2_50n, currency: "USD" } },
      { productId: retired, name: "Lamp", price: { amountMinor: 5_00n, currency: "USD" }, active: false },
      { productId: fan, name: "Fan", price: { amountMinor: 1999n, currency: "JPY" } },
    ],
  });
  const accounts = await fakeIdentity({ nowMs: () => Date.now() - clock.behindMs });
  const carts = fakeCart({ catalog: products });
  const money = fakePayments();
  const desk = testingDesk();
  const placed = fakeOrders({ cart: carts, catalog: products, payments: money });
  const providerEvents = receivedEvents();
  const getJwks = (request: object) => {
    calls.jwks += 1;
    return accounts.getJwks(request);
  };
  const inventory = await startInventory();

  const jwks: AdminRoute = async () => ({
    contentType: "application/json",
    body: (await accounts.getJwks({})).jwksJson,
  });
  const identityRuns = await serve(
    identity,
    { ...accounts, getJwks },
    { JWKS_URL: testJwksUrl },
    { "/.well-known/jwks.json": jwks },
  );
  const JWKS_URL = `${identityRuns.urls.admin}/.well-known/jwks.json`;
  const running = [
    identityRuns,
    await serve(catalog, products, { JWKS_URL }),
    await serve(cart, carts, { JWKS_URL }),
    await serve(orders, { ...placed, ...desk.sagas }, { JWKS_URL }),
    await serve(payments, { ...money, ...providerEvents.rpcs }, { JWKS_URL }),
    await serve(ledger, desk.ledger, { JWKS_URL }),
    await serve(notifications, desk.notifications, { JWKS_URL }),
    await serve(orderProcessor, desk.orderProcessor, { JWKS_URL }),
  ];
  const addresses = running.map(({ name, urls }) => [dependencyVariable(name, "ADDRESS"), urls.rpc]);
  const env: Env = {
    ...anyPort,
    ...Object.fromEntries(addresses),
    JWKS_URL,
    INVENTORY_URL: inventory.url,
    APP_PORT: "0",
    RATE_LIMIT_PER_SECOND: "100000",
    PAYMENT_UPDATES_API_KEY: partnerKey,
    DRAIN_GRACE_MS: "2000",
  };
  return {
    env,
    inventory: inventory.state,
    clock,
    calls,
    catalog: products,
    payments: money,
    desk,
    orders: placed,
    providerEvents,
    startGateway: async (more = {}) => {
      const gateway = await program.start({ ...env, ...more });
      return { ...gateway, url: gateway.urls.http ?? "" };
    },
    stop: async () => {
      for (const each of running) await each.stop();
      await placed.stop();
      await inventory.stop();
    },
  };
}

/** The fake of a service, behind the checks that the kit makes for the real one. */
async function serve<D extends ServiceDefinition>(
  definition: D,
  handlers: HandlersOf<D["serves"]>,
  env: Env = {},
  adminRoutes: Readonly<Record<string, AdminRoute>> = {},
): Promise<Running> {
  const alone = { ...definition, calls: {}, partners: {}, stores: {}, publishes: [], consumes: [] };
  return service(alone, { start: async () => ({ handlers, adminRoutes }) }).start({ ...anyPort, ...env });
}

type ProviderEvents = ReturnType<typeof receivedEvents>;

/** Keeps what came, and judges signatures as simply as can be. */
function receivedEvents() {
  const state = { received: [] as { payload: Buffer; signature: string }[], up: true };
  const receiveProviderEvent: HandlersOf<(typeof payments)["serves"]>["receiveProviderEvent"] = async (
    is,
  ) => {
    if (!state.up) throw new Outage("postgres", "postgres: connection refused");
    if (is.signature !== goodSignature) throw signature.refuse("webhook_signature_invalid");
    state.received.push({ payload: Buffer.from(is.payload), signature: is.signature });
    return { duplicate: false };
  };
  return { state, rpcs: { receiveProviderEvent } };
}

export const goodSignature =
  "t=1767323045,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd";
const signature = defineRefusals("payments", {
  webhook_signature_invalid: { code: "INVALID_ARGUMENT", caller: "The signature is wrong.", operator: "" },
});

async function startInventory() {
  const state = { up: true };
  const server = createServer((request, response) => {
    const ids = new URL(request.url ?? "", "http://inventory").searchParams.get("product_ids") ?? "";
    const stock = ids.split(",").map((product_id) => ({ product_id, available: 7, reserved: 0 }));
    response.writeHead(state.up ? 200 : 503, { "content-type": "application/json" });
    response.end(JSON.stringify(state.up ? { stock } : { reason: "unavailable" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
