import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { type Declared, driftOf, driftReport } from "./drift.ts";
import type { Observed } from "./observed-edges.ts";
import { services } from "./testing.ts";

const release = { nameOf: (member: string) => `a-${member}`, namespace: "shop" };
const declared: Declared = {
  services,
  stores: ["postgres", "kafka"],
  others: [{ caller: "payment-provider", callee: "gateway" }],
  platform: ["observability"],
};
const seen = (caller: string, host: string, path?: string): Observed => ({ caller, host, path, requests: 3 });
const at = (member: string) => `a-${member}.shop.svc.cluster.local`;
const drift = (...observed: Observed[]) => driftOf(observed, declared, release);
const undeclared = (...observed: Observed[]) =>
  drift(...observed).undeclared.map(({ caller, callee, path }) => [caller, callee, path]);

const getOrder = "/webstore.orders.v1.OrderService/GetOrder";

test("what is declared is no drift: calls, partners, stores, keys, the platform, a callback", () => {
  expect(
    undeclared(
      seen("gateway", at("orders")),
      seen("gateway", at("orders"), getOrder),
      seen("orders", at("inventory")),
      seen("orders", at("inventory"), "/v1/stock"),
      seen("orders", at("postgres")),
      seen("ledger", at("identity"), "/.well-known/jwks.json"),
      seen("ledger", at("identity")),
      seen("cart", "otel-collector.observability.svc.cluster.local"),
      seen("payment-provider", at("gateway")),
    ),
  ).toEqual([]);
});

test("a call that no definition lists is drift", () => {
  expect(undeclared(seen("catalog", at("orders")))).toEqual([["catalog", "orders", undefined]]);
  expect(undeclared(seen("catalog", at("inventory")))).toEqual([["catalog", "inventory", undefined]]);
});

test("so is another RPC of a callee that is listed, where the log says which", () => {
  const path = "/webstore.orders.v1.OrderService/TransitionOrder";
  expect(undeclared(seen("gateway", at("orders"), path))).toEqual([["gateway", "orders", path]]);
});

test("the keys excuse nothing else of whoever publishes them", () => {
  const login = "/webstore.identity.v1.IdentityService/Login";
  expect(undeclared(seen("cart", at("identity"), login))).toEqual([["cart", "identity", login]]);
});

test("a store may be used by services, and not by whoever else is in the release", () => {
  expect(undeclared(seen("payment-provider", at("postgres")))).toEqual([
    ["payment-provider", "postgres", undefined],
  ]);
});

test("the same service of another release, or of another namespace, is somebody else", () => {
  const others = ["b-orders.shop.svc.cluster.local", "a-orders.elsewhere.svc.cluster.local"];
  expect(undeclared(...others.map((host) => seen("gateway", host)))).toEqual(
    others.map((host) => ["gateway", host, undefined]),
  );
});

test("what left the mesh for a host that nobody named is drift, and says so", () => {
  const found = drift(seen("orders", "PassthroughCluster"), seen("orders", "BlackHoleCluster"));
  expect(driftReport(found)).toContain(
    "undeclared: orders → PassthroughCluster (3 requests): sent out of the mesh, to a host that nobody named\n",
  );
  expect(driftReport(found)).toContain("a host that nobody named, and it was refused\n");
});

test("pods of one service are one edge", () => {
  const found = drift(seen("catalog", at("orders")), seen("catalog", at("orders")));
  expect(found.undeclared).toEqual([{ caller: "catalog", callee: "orders", path: undefined, requests: 6 }]);
});

test("what is declared and was not seen is listed; counters show a callee, a log shows the RPC", () => {
  const unused = (...observed: Observed[]) =>
    drift(...observed).unused.filter(({ caller, callee }) => caller === "ledger" && callee === "orders");
  expect(unused()).toHaveLength(2);
  expect(unused(seen("ledger", at("orders")))).toEqual([]);
  expect(unused(seen("ledger", at("orders"), getOrder)).map(({ path }) => path)).toEqual([
    "/webstore.orders.v1.OrderService/ListOrders",
  ]);
});

const command = new URL("./drift-main.ts", import.meta.url).pathname;
const run = (input: string, ...args: string[]) =>
  spawnSync(process.execPath, [command, ...args], { input, encoding: "utf8" });
const where = ["--release", "a", "--namespace", "shop"];

test("the command reads counters and ends with 1 when there is drift", () => {
  const counters = (callee: string) => `cluster.outbound|1||${at(callee)};.upstream_rq_total: 5\n`;
  const clean = run(counters("catalog"), ...where, "cart=-");
  expect(clean.stderr).toBe("");
  expect(clean.stdout).toMatch(/1 declared edges seen, \d+ not seen, 0 undeclared\n$/);
  expect(clean.status).toBe(0);
  const dirty = run(counters("ledger"), ...where, "cart=-");
  expect(dirty.stdout).toContain("undeclared: cart → ledger (5 requests)\n");
  expect(dirty.status).toBe(1);
});

test("it explains itself, and says in one line what it does not understand", () => {
  expect(run("", "--help").stdout).toContain("npm run drift");
  expect(run("", "--release", "a")).toMatchObject({
    status: 2,
    stderr: "drift: --release and --namespace are needed\n",
  });
  expect(run("", ...where, "nonsense")).toMatchObject({
    status: 2,
    stderr: "drift: nonsense is not SERVICE=FILE\n",
  });
});
