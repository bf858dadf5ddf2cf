import { expect, test } from "vitest";
import { callersOf, methodsOf, pathOf } from "./callers.ts";
import { place, release, serviceNamed, services, uncalled } from "./testing.ts";
import { type HttpRule, virtualService } from "./virtual-service.ts";

const all = services.flatMap((service) => virtualService(service, services, place).spec.http);
const rulesFor = (callee: string, path: string, caller: string): HttpRule[] =>
  virtualService(serviceNamed(callee), services, place).spec.http.filter(({ match }) =>
    match?.some(
      ({ uri, sourceLabels }) =>
        JSON.stringify(uri) === JSON.stringify({ exact: path }) &&
        sourceLabels?.["app.kubernetes.io/name"] === caller,
    ),
  );

test("the catalog's routes for the cart, and the one for everything else", () => {
  const host = `${release}-catalog.{{ .Release.Namespace }}.svc.cluster.local`;
  const { metadata, spec } = virtualService(serviceNamed("catalog"), services, place);
  expect(metadata.name).toBe(`${release}-catalog`);
  expect(spec.hosts).toEqual([host]);
  expect(spec.http[0]).toEqual({
    name: "cart/BatchGetProducts",
    match: [
      {
        uri: { exact: "/webstore.catalog.v1.CatalogService/BatchGetProducts" },
        port: 5102,
        sourceLabels: place.labelsOf("cart"),
      },
    ],
    route: [{ destination: { host, port: { number: 5102 } } }],
    timeout: "0.8s",
    retries: { attempts: 1, retryOn: "connect-failure,refused-stream,unavailable", backoff: "0.05s" },
  });
  expect(spec.http.at(-1)).toEqual({
    name: "everything-else",
    route: [{ destination: { host } }],
    timeout: "10s",
    retries: { attempts: 0 },
  });
});

test("every call of every definition has its route, with the caller's time limit", () => {
  for (const callee of services) {
    for (const { name, call } of callersOf(callee.name, services)) {
      for (const method of methodsOf(call)) {
        const rules = rulesFor(callee.name, pathOf(call.contract, method), name);
        expect(rules.length, `${name} → ${method.name}`).toBeGreaterThan(0);
        expect(new Set(rules.map(({ timeout }) => timeout))).toEqual(new Set([`${call.timeoutMs / 1_000}s`]));
      }
    }
  }
});

test("what may not be repeated is not, for any caller", () => {
  for (const callee of services) {
    for (const { name, call } of callersOf(callee.name, services)) {
      const unsafe = methodsOf(call).filter(({ options }) => options.idempotencyLevel === undefined);
      for (const method of unsafe) {
        const rules = rulesFor(callee.name, pathOf(call.contract, method), name);
        expect(
          rules.map(({ retries }) => retries),
          `${name} → ${method.name}`,
        ).toEqual([{ attempts: 0 }]);
      }
    }
  }
  expect(rulesFor("identity", "/webstore.identity.v1.IdentityService/Login", "gateway")).toHaveLength(1);
});

test("what is idempotent is repeated with a key, and without one it is not", () => {
  const [keyed, bare, ...more] = rulesFor("cart", "/webstore.cart.v1.CartService/AddItem", "gateway");
  expect(keyed?.match?.[0]?.headers).toEqual({ "idempotency-key": { regex: ".+" } });
  expect(keyed?.retries.attempts).toBe(1);
  expect(bare?.match?.[0]?.headers).toBeUndefined();
  expect(bare?.retries).toEqual({ attempts: 0 });
  expect(more).toEqual([]);
});

test("attempts are counted with the first, retries without it", () => {
  const [rule] = rulesFor("orders", "/webstore.orders.v1.OrderService/ListOrders", "ledger");
  expect(rule?.retries.attempts).toBe(2);
});

test("one attempt means no retry, even of what has no side effects", () => {
  const [rule] = rulesFor("orders", "/webstore.orders.v1.OrderService/GetOrder", "notifications");
  expect(rule?.retries).toEqual({ attempts: 0 });
});

test("every route states its retries and its time limit", () => {
  expect(all.filter(({ retries, timeout }) => retries === undefined || timeout === undefined)).toEqual([]);
});

test("retries are only of what failed before anything was done, or said that it is not available", () => {
  const conditions = new Set(all.map(({ retries }) => retries.retryOn).filter((each) => each !== undefined));
  expect([...conditions]).toEqual(["connect-failure,refused-stream,unavailable"]);
});

test("only the last route has no condition", () => {
  for (const service of services) {
    const { http } = virtualService(service, services, place).spec;
    expect(http.findIndex(({ match }) => match === undefined)).toBe(http.length - 1);
  }
});

test("names of routes are unique", () => {
  for (const service of services) {
    const names = virtualService(service, services, place).spec.http.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  }
});

test("a service that nobody calls has the last route only", () => {
  expect(virtualService(uncalled, services, place).spec.http.map(({ name }) => name)).toEqual([
    "everything-else",
  ]);
});
