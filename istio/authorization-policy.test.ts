import { describe, expect, test } from "vitest";
import { authorizationPolicy, denyByDefault, type Rule, storePolicy } from "./authorization-policy.ts";
import { callersOf, methodsOf, pathOf } from "./callers.ts";
import { ingressPrincipal, principalOf } from "./place.ts";
import { place, release, serviceNamed, services, uncalled } from "./testing.ts";

const rulesFor = (name: string): readonly Rule[] =>
  authorizationPolicy(serviceNamed(name), services, place)?.spec.rules ?? [];

/** Who may call `path` on the service's RPC port. */
function admitted(name: string, path: string): string[] {
  const port = String(serviceNamed(name).ports.rpc);
  return rulesFor(name)
    .filter((rule) =>
      rule.to?.some(({ operation }) => operation.ports?.includes(port) && operation.paths?.includes(path)),
    )
    .flatMap((rule) => rule.from?.flatMap(({ source }) => source.principals ?? []) ?? ["anybody"])
    .sort();
}

test("the catalog lets in its three callers, each on its own RPCs, by their accounts", () => {
  const path = (method: string) => `/webstore.catalog.v1.CatalogService/${method}`;
  const rule = (caller: string, methods: readonly string[]) => ({
    from: [{ source: { principals: [`cluster.local/ns/{{ .Release.Namespace }}/sa/${release}-${caller}`] } }],
    to: [{ operation: { ports: ["5102"], methods: ["POST"], paths: methods.map(path) } }],
  });
  expect(authorizationPolicy(serviceNamed("catalog"), services, place)).toEqual({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: {
      name: `${release}-catalog`,
      namespace: "{{ .Release.Namespace }}",
      labels: { "app.kubernetes.io/instance": release },
    },
    spec: {
      selector: {
        matchLabels: { "app.kubernetes.io/instance": release, "app.kubernetes.io/name": "catalog" },
      },
      action: "ALLOW",
      rules: [
        rule("cart", ["BatchGetProducts"]),
        rule("gateway", [
          "ListProducts",
          "GetProduct",
          "BatchGetProducts",
          "CreateProduct",
          "UpdateProduct",
          "UploadProductImage",
          "GetProductImage",
        ]),
        rule("orders", ["BatchGetProducts"]),
      ],
    },
  });
});

describe.each(services.map(({ name, serves }) => ({ name, serves })))("$name", ({ name, serves }) => {
  test.each(Object.entries(serves.methods))(
    "lets its declared callers call %s, and nobody else",
    (_, method) => {
      const path = pathOf(serves, method);
      const declared = callersOf(name, services)
        .filter(({ call }) => methodsOf(call).includes(method))
        .map((caller) => principalOf(caller.name, place));
      const world = serviceNamed(name).ports.http === undefined ? [] : [ingressPrincipal(place)];
      expect(admitted(name, path)).toEqual([...declared, ...world].sort());
    },
  );
});

test("a service that nobody calls lets nobody in", () => {
  expect(authorizationPolicy(uncalled, [...services, uncalled], place)).toBeUndefined();
});

test("a call that lists no method opens nothing", () => {
  const idle = {
    ...uncalled,
    calls: {
      cart: {
        service: "cart",
        port: 5103,
        contract: serviceNamed("cart").serves,
        methods: [],
        timeoutMs: 1,
        attemptsMax: 1,
      },
    },
  };
  const rules = authorizationPolicy(serviceNamed("cart"), [idle], place)?.spec.rules;
  expect(rules).toBeUndefined();
});

test("no rule is without a source, but for the public keys", () => {
  const open = services.flatMap(({ name }) => rulesFor(name).filter(({ from }) => from === undefined));
  expect(open).toEqual([
    { to: [{ operation: { ports: ["5201"], methods: ["GET"], paths: ["/.well-known/jwks.json"] } }] },
  ]);
});

test("no rule lets in everybody of a port, but the ingress on REST", () => {
  const wide = services.flatMap(({ name }) =>
    rulesFor(name).flatMap(({ to = [] }) =>
      to.filter(({ operation }) => operation.paths === undefined).map(({ operation }) => operation.ports),
    ),
  );
  expect(wide).toEqual([["8000"]]);
});

test("the ingress reaches reflection and health on the gateway, and on nobody else", () => {
  const paths = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Check",
  ];
  for (const path of paths) {
    expect(services.filter(({ name }) => admitted(name, path).length > 0).map(({ name }) => name)).toEqual([
      "gateway",
    ]);
    expect(admitted("gateway", path)).toEqual([ingressPrincipal(place)]);
  }
});

test("the release's own test may ask the gateway for its health", () => {
  expect(rulesFor("gateway")).toContainEqual({
    from: [{ source: { principals: [principalOf("test", place)] } }],
    to: [{ operation: { ports: ["8000"], methods: ["GET"], paths: ["/health"] } }],
  });
});

test("a simulator that calls back reaches its webhook, and only with the callback stated", () => {
  const callback = { from: "payment-provider", to: "gateway", path: "/webhooks/stripe" };
  const rule = {
    from: [{ source: { principals: [principalOf("payment-provider", place)] } }],
    to: [{ operation: { ports: ["8000"], methods: ["POST"], paths: ["/webhooks/stripe"] } }],
  };
  expect(
    authorizationPolicy(serviceNamed("gateway"), services, place, [callback])?.spec.rules,
  ).toContainEqual(rule);
  expect(rulesFor("gateway")).not.toContainEqual(rule);
  expect(authorizationPolicy(serviceNamed("cart"), services, place, [callback])?.spec.rules).toEqual(
    rulesFor("cart"),
  );
});

test("metrics are for the monitoring's namespace, where there is one", () => {
  const monitored = { ...place, monitoring: { namespace: "observability" } };
  for (const service of services) {
    expect(authorizationPolicy(service, services, monitored)?.spec.rules).toContainEqual({
      from: [{ source: { namespaces: ["observability"] } }],
      to: [{ operation: { ports: [String(service.ports.admin)], methods: ["GET"], paths: ["/metrics"] } }],
    });
  }
  expect(JSON.stringify(services.map(({ name }) => rulesFor(name)))).not.toContain("/metrics");
});

test("the whole release is refused by default, by a policy that allows nothing", () => {
  const { metadata, spec } = denyByDefault(place);
  expect(metadata.name).toBe(`${release}-deny-by-default`);
  expect(spec).toEqual({ selector: { matchLabels: place.labels } });
});

test("a store lets in its users on its port, and one without users nobody", () => {
  const redis = { name: "redis", port: 6379, users: ["orders", "cart"] };
  expect(storePolicy(redis, place)?.spec.rules).toEqual([
    {
      from: [{ source: { principals: [principalOf("cart", place), principalOf("orders", place)] } }],
      to: [{ operation: { ports: ["6379"] } }],
    },
  ]);
  expect(storePolicy({ ...redis, users: [] }, place)).toBeUndefined();
});
