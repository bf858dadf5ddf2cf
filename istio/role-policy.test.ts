import type { HttpRoute } from "@webstore/kit";
import { OpsServiceDefinition } from "@webstore/proto/ops/v1";
import { expect, test } from "vitest";
import type { Operation, Rule } from "./authorization-policy.ts";
import { rolePolicy, templateOf } from "./role-policy.ts";
import { place, release, serviceNamed } from "./testing.ts";

const routes: Readonly<Record<string, HttpRoute>> = {
  health: { method: "GET", path: "/health", access: "public" },
  listProducts: { method: "GET", path: "/products", access: "public" },
  createProduct: { method: "POST", path: "/products", access: "admin" },
  getOrder: { method: "GET", path: "/orders/:order_id", access: "user" },
  cancelOrder: { method: "POST", path: "/orders/:order_id/cancel", access: "user" },
  importOrder: { method: "POST", path: "/orders/import", access: "admin" },
  listSagas: { method: "GET", path: "/sagas", access: "admin" },
  webhook: { method: "POST", path: "/webhooks/payment-updates", access: "partner" },
};
const store = { ...serviceNamed("gateway"), routes };
const contracts = [store.serves, OpsServiceDefinition];
const ports = ["9080", "8000"];
const operationsOf = (rule: Rule | undefined): Operation[] =>
  (rule?.to ?? []).map(({ operation }) => operation);

test("it refuses at the gateway's pods", () => {
  const made = rolePolicy(store, contracts, place);
  expect(made?.metadata.name).toBe(`${release}-roles`);
  expect(made?.spec).toMatchObject({
    selector: { matchLabels: place.labelsOf("gateway") },
    action: "DENY",
  });
});

const [admin, user, ...more] = rolePolicy(store, contracts, place)?.spec.rules ?? [];

test("what is for staff is refused to everybody whose token does not say so, and to whoever has none", () => {
  expect(admin?.from).toBeUndefined();
  expect(admin?.when).toEqual([{ key: "request.auth.claims[role]", notValues: ["admin"] }]);
  expect(operationsOf(admin).slice(0, -1)).toEqual([
    { ports, methods: ["GET", "HEAD"], paths: ["/sagas"] },
    { ports, methods: ["POST"], paths: ["/orders/import", "/products"] },
  ]);
  expect(operationsOf(admin).at(-1)?.paths).toContain("/webstore.ops.v1.OpsService/Reconcile");
});

test("what is for users is refused to whoever has no token of the store", () => {
  expect(user?.from).toEqual([{ source: { notRequestPrincipals: ["webstore/*"] } }]);
  expect(operationsOf(user).slice(0, -1)).toEqual([
    { ports, methods: ["GET", "HEAD"], paths: ["/orders/{*}"] },
    { ports, methods: ["POST"], paths: ["/orders/{*}/cancel"] },
  ]);
  expect(operationsOf(user).at(-1)?.paths).toEqual(
    [
      "AddToCart",
      "GetCart",
      "UpdateCartItem",
      "RemoveCartItem",
      "Checkout",
      "ListOrders",
      "GetOrder",
      "CancelOrder",
    ].map((method) => `/webstore.storefront.v1.StorefrontService/${method}`),
  );
  expect(more).toEqual([]);
});

test("what is public or for partners is in no rule", () => {
  const paths = [admin, user].flatMap((rule) => operationsOf(rule).flatMap(({ paths = [] }) => paths));
  for (const open of ["/health", "/webhooks/payment-updates"]) expect(paths).not.toContain(open);
  expect(paths).not.toContain("/webstore.storefront.v1.StorefrontService/Login");
  const reads = operationsOf(admin).filter(({ methods }) => methods?.includes("GET"));
  expect(reads.flatMap(({ paths = [] }) => paths)).not.toContain("/products");
});

test("the anonymous may be left to the service, which tells them to log in; roles are still asked for", () => {
  const rules = rolePolicy(store, contracts, place, "left to the service")?.spec.rules;
  expect(rules).toEqual([{ ...admin, from: [{ source: { requestPrincipals: ["*"] } }] }]);
});

test("every operation names its paths: one without would refuse everything", () => {
  for (const rule of [admin, user]) {
    for (const { paths } of operationsOf(rule)) expect(paths?.length).toBeGreaterThan(0);
  }
});

test("a service that offers nothing to the world needs no policy", () => {
  const nothing = { ...serviceNamed("cart"), routes: {} };
  expect(rolePolicy(nothing, [], place)).toBeUndefined();
});

test("the store's own routes: each stricter one is in the rule of its access", () => {
  const own = serviceNamed("gateway");
  const [staff, known] = rolePolicy(own, [], place)?.spec.rules ?? [];
  const named = (rule: Rule | undefined) =>
    operationsOf(rule).flatMap(({ methods = [], paths = [] }) =>
      paths.map((path) => `${methods[0]} ${path}`),
    );
  const expected = (access: string) =>
    Object.values(own.routes)
      .filter((route) => route.access === access)
      .map(({ method, path }) => `${method} ${templateOf(path)}`);
  expect(named(staff).sort()).toEqual(expected("admin").sort());
  expect(named(known).sort()).toEqual(expected("user").sort());
});

test.each([
  ["/orders", "/orders"],
  ["/orders/:order_id/cancel", "/orders/{*}/cancel"],
  ["/a/:b/c/:d", "/a/{*}/c/{*}"],
  ["/docs/*", "/docs/{**}"],
])("%s is the template %s", (path, template) => {
  expect(templateOf(path)).toBe(template);
});
