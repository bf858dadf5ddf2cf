// What a callee that hangs or fails costs a shopper, through the store as it is installed: the ingress, the gateway and
// the cart are real, and behind them a stand-in of the catalog counts what still reaches it. The processes count, too:
// would they repeat what the mesh repeats, the callee saw twice as much.

import { randomBytes, randomUUID } from "node:crypto";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  AddToCartRequest,
  GetProductRequest,
  StorefrontServiceDefinition,
} from "@webstore/proto/storefront/v1";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ingressAddress, kubectl, kubectlJson, main, say, shopThroughIngress, until } from "./cluster.ts";
import { declaredCall } from "./declared-calls.ts";
import { closeForwards } from "./port-forward.ts";
import { imageOf } from "./releases.ts";
import type { Try } from "./stand-in.ts";
import {
  allReady,
  applyAll,
  type Deployment,
  programsMap,
  removeStandIn,
  replicasOf,
  rolledOut,
  standInOf,
  tellReplica,
  triesSeen,
} from "./stand-ins.ts";

const shop = shopThroughIngress();
const storefront = new Client(ingressAddress, credentials.createInsecure(), {
  "grpc.default_authority": main.host,
  "grpc.enable_retries": 0,
});
const shopper = { username: `shopper-${randomUUID().slice(0, 8)}`, password: `pw-${randomUUID()}` };
const productId = randomUUID();
const unavailable = String(status.UNAVAILABLE);
const catalog = `deployment/${main.release}-catalog`;
const real = [catalog, "--namespace", main.namespace];
const withinMs = 180_000;
let token = "";
let replicas: number | undefined;

beforeAll(async () => {
  await shop.register(shopper);
  token = (await shop.login(shopper)).access_token;
  const isKnown = ({ status }: { status: number }) => status === 200;
  await until("the token is believed", () => shop.ask("/cart", { token }), isKnown, withinMs);

  const deployment = await kubectlJson<Deployment>("get", ...real);
  // None were left by a journey that was cut short.
  replicas = Math.max(1, deployment.spec.replicas ?? 1);
  const standIn = standInOf(deployment, "catalog", await imageOf("catalog"));
  await applyAll([await programsMap(main), standIn]);
  await allReady(main);
  await kubectl("scale", ...real, "--replicas=0");
  await rolledOut(main.namespace, catalog);
}, 600_000);

afterAll(async () => {
  if (replicas !== undefined) await putBack(replicas);
  storefront.close();
  await closeForwards();
  await shop.close();
}, 600_000);

async function putBack(count: number): Promise<void> {
  await kubectl("scale", ...real, `--replicas=${count}`);
  await rolledOut(main.namespace, catalog);
  await removeStandIn(main, "catalog");
  const isFull = (products: readonly unknown[]) => products.length > 0;
  await until("the catalog is back", () => shop.products(), isFull, withinMs);
}

beforeEach(async () => {
  await tell("0");
  const seen = async () => triesOf(await getProduct());
  await until("only the stand-in answers", seen, ({ length }) => length === 1, withinMs);
});

async function tell(answer: string): Promise<void> {
  for (const replica of await replicasOf(main, "catalog"))
    await tellReplica(main, "catalog", replica, answer);
}

const newTrace = () => randomBytes(16).toString("hex");
const traceparent = (trace: string) => `00-${trace}-${randomBytes(8).toString("hex")}-01`;

/** What has reached the catalog of a request, by its trace. */
async function triesOf(trace: string): Promise<Try[]> {
  return (await triesSeen(main, "catalog")).filter((each) => each.trace === trace);
}

async function rest(path: string, is: { method?: "POST"; key?: string; json?: unknown } = {}) {
  const trace = newTrace();
  const answer = await shop.ask(path, { token, headers: { traceparent: traceparent(trace) }, ...is });
  return { trace, status: answer.status };
}

const getProduct = async () => (await rest(`/products/${productId}`)).trace;
const addToCart = (is: { key?: string } = {}) =>
  rest("/cart/add", { method: "POST", json: { product_id: productId, quantity: 1 }, ...is });

const { methods, fullName } = StorefrontServiceDefinition;
type Rpc = { readonly method: { readonly name: string }; readonly request: Uint8Array };
const getProductRpc: Rpc = {
  method: methods.getProduct,
  request: GetProductRequest.encode({ productId }).finish(),
};
const addToCartRpc: Rpc = {
  method: methods.addToCart,
  request: AddToCartRequest.encode({ productId, quantity: 1 }).finish(),
};

/** By gRPC with a deadline; gives the status, and how long it took. */
async function callWithDeadline({ method, request }: Rpc, deadlineMs: number) {
  const trace = newTrace();
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  metadata.set("traceparent", traceparent(trace));
  const startedAt = performance.now();
  const code = await new Promise<number>((resolve) => {
    storefront.makeUnaryRequest(
      `/${fullName}/${method.name}`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.from(request),
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null) => resolve(error?.code ?? status.OK),
    );
  });
  return { trace, code, tookMs: performance.now() - startedAt };
}

/** On a busy machine a deadline may pass before the catalog is reached; then it is asked once more. */
async function cutAtTheCatalog(rpc: Rpc, deadlineMs: number) {
  const asked = async () => {
    const called = await callWithDeadline(rpc, deadlineMs);
    const tries = async () => triesOf(called.trace);
    const isOver = (all: readonly Try[]) => all.every(({ ended }) => ended !== "not yet");
    return { ...called, tries: await until("the catalog is told", tries, isOver, 30_000) };
  };
  return until(
    `${rpc.method.name} reaches the catalog in time`,
    asked,
    ({ tries }) => tries.length > 0,
    withinMs,
  );
}

const msOf = (timeout = "") => {
  const [, value, unit] = /^(\d+)([Smu])$/.exec(timeout) ?? [];
  return Number(value) * (unit === "S" ? 1_000 : unit === "m" ? 1 : 0.001);
};

test.each([
  { rpc: getProductRpc, through: "the gateway", deadlineMs: 1_500 },
  { rpc: addToCartRpc, through: "the gateway and the cart", deadlineMs: 700 },
])("a shopper's deadline cuts $rpc.method.name through $through, and the catalog is told", async (is) => {
  await tell("hang");
  const { code, tookMs, tries } = await cutAtTheCatalog(is.rpc, is.deadlineMs);
  expect([status.DEADLINE_EXCEEDED, status.UNAVAILABLE]).toContain(code);
  expect(tookMs).toBeLessThan(is.deadlineMs + 5_000);
  expect(tries.map(({ ended }) => ended)).toEqual(["cancelled"]);
  const left = msOf(tries[0]?.timeout);
  expect(left).toBeLessThan(is.deadlineMs);
  const workedMs = Math.round(tries[0]?.endedAfterMs ?? Number.NaN);
  say(
    `${is.rpc.method.name} with ${is.deadlineMs} ms through ${is.through}: ${status[code]} after ${Math.round(tookMs)} ms; ${left} ms were left at the catalog, which was told to stop after ${workedMs} ms`,
  );
});

test("without a deadline of the shopper's own, each hop's limit holds, and nobody works on", async () => {
  await tell("hang");
  const limitMs = declaredCall("gateway", "CartService/AddItem").timeoutMs;
  const startedAt = performance.now();
  const { trace, status: answered } = await addToCart({ key: randomUUID() });
  const tookMs = performance.now() - startedAt;
  expect(answered).toBeGreaterThanOrEqual(500);
  const isOver = (all: readonly Try[]) => all.every(({ ended }) => ended === "cancelled");
  const tries = await until("the catalog is told", () => triesOf(trace), isOver, 30_000);
  expect(tries.length).toBeLessThanOrEqual(attemptsThroughCart);
  say(
    `the cart waits for a catalog that hangs: ${answered} after ${Math.round(tookMs)} ms (limit of gateway → cart: ${limitMs} ms), ${tries.length} tries reached the catalog, all cancelled`,
  );
});

const attemptsOfGateway = declaredCall("gateway", "CatalogService/GetProduct").attemptsMax;
const attemptsOfCart = declaredCall("cart", "CatalogService/BatchGetProducts").attemptsMax;
const attemptsThroughCart = attemptsOfCart * declaredCall("gateway", "CartService/AddItem").attemptsMax;

test.each([
  { what: "a product's page", ask: () => rest(`/products/${productId}`), tries: attemptsOfGateway },
  { what: "a cart without a key", ask: () => addToCart(), tries: attemptsOfCart },
  { what: "a cart with a key", ask: () => addToCart({ key: randomUUID() }), tries: attemptsThroughCart },
])(
  "$what asks a catalog that is UNAVAILABLE as often as is declared, in all",
  async ({ what, ask, tries }) => {
    await tell(unavailable);
    const asked = async () => {
      const { trace, status: answered } = await ask();
      return { answered, reached: (await triesOf(trace)).length };
    };
    // On a busy machine the time may be over before the last try; never are there more.
    const { answered } = await until(
      `${tries} tries`,
      async () => {
        const one = await asked();
        expect.soft(one.reached).toBeLessThanOrEqual(tries);
        return one;
      },
      ({ reached }) => reached >= tries,
      withinMs,
    );
    expect(answered).toBe(503);
    say(`${what}: 503, and the catalog was asked ${tries} times (the processes repeat nothing)`);
  },
);
