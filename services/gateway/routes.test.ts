// What the definition says of HTTP, held to what the running gateway has registered.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance, RouteOptions } from "fastify";
import { afterAll, beforeAll, expect, expectTypeOf, test } from "vitest";
import { gateway } from "./definition.ts";
import type { route } from "./route.ts";
import { openTestStore, type TestStore } from "./testing-store.ts";

/** Every route that Fastify was told of, whoever told it. */
const registered: RouteOptions[] = [];
const listen = (opened: unknown) => {
  const { fastify } = opened as { fastify: FastifyInstance };
  fastify.addHook("onRoute", (route) => {
    registered.push(route);
  });
};

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
  subscribe("fastify.initialization", listen);
  const running = await store.startGateway();
  unsubscribe("fastify.initialization", listen);
  await running.stop();
});
afterAll(() => store?.stop());

const stated = Object.values(gateway.routes);
const contracts = [gateway.serves, ...gateway.alsoServes];
const isRpc = ({ url }: RouteOptions) => contracts.some(({ fullName }) => url.startsWith(`/${fullName}/`));

/** Apart from the RPCs: `GET /cart user`. */
const servedBy = (methods: (method: string) => boolean) =>
  registered
    .filter((route) => !isRpc(route))
    .flatMap(({ method, url, config }) =>
      [method]
        .flat()
        .filter(methods)
        .map((each) => `${each} ${url} ${config?.access}`),
    )
    .sort();

test("the gateway serves every route that its definition names, for whom it says, and no other", () => {
  const ofDefinition = stated.map(({ method, path, access }) => `${method} ${path} ${access}`);
  expect(servedBy((method) => method !== "HEAD" && method !== "OPTIONS")).toEqual(ofDefinition.sort());
});

test("it answers HEAD where it answers GET, and whoever asks what other origins may", () => {
  const gets = stated.flatMap(({ method, path, access }) =>
    method === "GET" ? [`HEAD ${path} ${access}`] : [],
  );
  expect(servedBy((method) => method === "HEAD")).toEqual(gets.sort());
  expect(servedBy((method) => method === "OPTIONS")).toEqual(["OPTIONS * undefined"]);
});

test("beside them it serves the RPCs of the storefront and of the operators, all of them", () => {
  const rpcs = contracts.flatMap(({ fullName, methods }) =>
    Object.values(methods).map(({ name }) => `/${fullName}/${name}`),
  );
  expect([...new Set(registered.filter(isRpc).map(({ url }) => url))].sort()).toEqual(rpcs.sort());
});

test("no request fits two routes of different access", () => {
  const pairs = stated.flatMap((one, index) => stated.slice(index + 1).map((other) => [one, other] as const));
  const torn = pairs.filter(
    ([one, other]) =>
      one.method === other.method && one.access !== other.access && overlap(one.path, other.path),
  );
  expect(torn).toEqual([]);
});

test.each([
  ["/orders/:order_id", "/orders/import", true],
  ["/docs/*", "/docs/static/:file", true],
  ["/orders/:order_id", "/orders/:order_id/cancel", false],
  ["/orders", "/products", false],
])("that %s and %s overlap is %s", (one, other, is) => {
  expect(overlap(one, other)).toBe(is);
});

test("a route of another name does not compile", () => {
  // For tsc; there is nothing to run.
  expectTypeOf<string>().not.toExtend<Parameters<typeof route>[0]>();
});

/** Whether some path fits both patterns. */
function overlap(one: string, other: string): boolean {
  const [a, b] = [one.split("/"), other.split("/")];
  const fits = (x: string | undefined, y: string | undefined) =>
    x !== undefined && y !== undefined && (x === y || x.startsWith(":") || y.startsWith(":"));
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    if (a[index] === "*" || b[index] === "*") return true;
    if (!fits(a[index], b[index])) return false;
  }
  return true;
}
