import { crm } from "@webstore/crm/definition";
import { type Call, partner, type ServiceDefinition } from "@webstore/kit";
import { expect, test } from "vitest";
import { checkCalls } from "./call-checks.ts";
import { type Knowledge, knowledge } from "./call-knowledge.ts";
import { serviceNamed, services } from "./testing.ts";

const nothingKnown: Knowledge = { unawaited: [], leaves: [], madeFor: [], accepted: [] };
const breaker = { failures: 5, coolDownMs: 30_000 };

const use = (callee: string, methods: readonly string[], limits: Partial<Call> = {}): Call => ({
  service: callee,
  port: serviceNamed(callee).ports.rpc,
  contract: serviceNamed(callee).serves,
  methods,
  timeoutMs: 100,
  attemptsMax: 1,
  breaker,
  ...limits,
});
const withCalls = (name: string, calls: Readonly<Record<string, Call>>): ServiceDefinition => ({
  ...serviceNamed(name),
  calls,
  partners: {},
});
const found = (all: readonly ServiceDefinition[], known = nothingKnown) =>
  checkCalls(all, known, []).violations.map(({ rule, subject }) => [rule, subject]);

const catalog = withCalls("catalog", {});

test("the store's own calls keep every rule, and every exception is about something", () => {
  const checked = checkCalls(services, knowledge, []);
  expect(checked.violations).toEqual([]);
  expect(checked.worst?.attempts).toBe(6);
  expect(checked.accepted.length).toBeGreaterThan(0);
});

test("without the exceptions the same calls break the rules that the exceptions name", () => {
  const bare = { ...knowledge, accepted: [] };
  const { violations } = checkCalls(services, bare, []);
  expect(violations.map(({ rule, subject }) => `${rule} ${subject}`).sort()).toEqual(
    knowledge.accepted
      .flatMap(({ rule, subjects }) => subjects.map((subject) => `${rule} ${subject}`))
      .sort(),
  );
});

test("a callee that nobody is", () => {
  const cart = withCalls("cart", { catalog: use("catalog", ["getProduct"]) });
  expect(found([cart])).toEqual([["unknown-callee", "cart → catalog (catalog)"]]);
});

test("a callee that serves another contract than the caller thinks", () => {
  const wrong = { ...use("catalog", []), contract: serviceNamed("orders").serves };
  expect(found([withCalls("cart", { catalog: wrong }), catalog])).toEqual([
    ["unknown-callee", "cart → catalog (catalog)"],
  ]);
});

test("an RPC that the contract does not have", () => {
  const cart = withCalls("cart", { catalog: use("catalog", ["dropEverything"]) });
  expect(found([cart, catalog])).toEqual([["unknown-method", "cart → catalog.dropEverything (catalog)"]]);
});

test("an RPC that is listed twice, in one call or in two", () => {
  const once = withCalls("cart", { catalog: use("catalog", ["getProduct", "getProduct"]) });
  const apart = withCalls("cart", {
    one: use("catalog", ["getProduct"]),
    other: use("catalog", ["getProduct"]),
  });
  for (const cart of [once, apart]) {
    expect(found([cart, catalog])).toEqual([["listed-twice", "cart → catalog.getProduct"]]);
  }
});

test("one attempt that is longer than the caller has", () => {
  // The cart's longest RPC has 2 s; an image takes 10 s.
  const cart = withCalls("cart", { catalog: use("catalog", ["uploadProductImage"], { timeoutMs: 10_000 }) });
  expect(found([cart, catalog])).toEqual([["attempt-too-long", "cart → catalog.UploadProductImage"]]);
});

test("a limit above the callee's own deadline is no longer than that", () => {
  const cart = withCalls("cart", { catalog: use("catalog", ["getProduct"], { timeoutMs: 10_000 }) });
  expect(found([cart, catalog])).toEqual([]);
});

test("attempts that fit one by one and not together", () => {
  const limits = { timeoutMs: 1_000, attemptsMax: 2 };
  const cart = withCalls("cart", { catalog: use("catalog", ["getProduct"], limits) });
  expect(found([cart, catalog])).toEqual([["attempts-too-long", "cart → catalog.GetProduct"]]);
  const shorter = withCalls("cart", {
    catalog: use("catalog", ["getProduct"], { ...limits, timeoutMs: 975 }),
  });
  expect(found([shorter, catalog])).toEqual([]);
});

test("what is not safe to repeat has one attempt to fit", () => {
  const limits = { timeoutMs: 3_000, attemptsMax: 9 };
  const orders = withCalls("orders", { identity: use("identity", ["login"], limits) });
  expect(found([orders, withCalls("identity", {})])).toEqual([]);
});

test("a call that no RPC waits for has no deadline to fit, and needs its reason to be there", () => {
  const cart = withCalls("cart", { catalog: use("catalog", ["uploadProductImage"], { timeoutMs: 10_000 }) });
  const unawaited = [{ caller: "cart", as: "catalog", because: "in a test" }];
  expect(found([cart, catalog], { ...nothingKnown, unawaited })).toEqual([]);
  expect(found([catalog], { ...nothingKnown, unawaited })).toEqual([
    ["stale-knowledge", "unawaited: cart.catalog"],
  ]);
});

test("attempts multiply along a path, up to a bound", () => {
  const chain = (attemptsMax: number) => [
    withCalls("ledger", { orders: use("orders", ["getOrder"], { attemptsMax: 3 }) }),
    withCalls("orders", { cart: use("cart", ["getCart"], { attemptsMax }) }),
    withCalls("cart", {}),
  ];
  expect(found(chain(2))).toEqual([]);
  expect(found(chain(3))).toEqual([["too-many-attempts", "ledger → orders.GetOrder → cart.GetCart"]]);
  const leaves = [{ service: "orders", methods: ["GetOrder"], because: "in a test" }];
  expect(found(chain(3), { ...nothingKnown, leaves })).toEqual([]);
});

test("a partner at the end of a path is counted", () => {
  const orders = {
    ...withCalls("orders", {}),
    partners: { crm: partner(crm, { timeoutMs: 100, attemptsMax: 4, breaker }) },
  };
  const ledger = withCalls("ledger", { orders: use("orders", ["getOrder"], { attemptsMax: 3 }) });
  expect(found([ledger, orders])).toEqual([["too-many-attempts", "ledger → orders.GetOrder → crm"]]);
});

test("a call without a breaker", () => {
  const { breaker: _, ...bare } = use("catalog", ["getProduct"]);
  expect(found([withCalls("cart", { catalog: bare }), catalog])).toEqual([
    ["no-breaker", "cart → catalog (catalog)"],
  ]);
});

test("callers that do not agree on the callee's breaker", () => {
  const cart = withCalls("cart", { catalog: use("catalog", ["getProduct"]) });
  const slower = { breaker: { failures: 5, coolDownMs: 60_000 } };
  const orders = withCalls("orders", { catalog: use("catalog", ["getProduct"], slower) });
  expect(found([cart, orders, catalog])).toEqual([["breakers-differ", "catalog"]]);
});

test("services that wait for each other in a ring, found once; one that nobody waits in is none", () => {
  const ring = [
    withCalls("orders", { payments: use("payments", ["getPayment"]) }),
    withCalls("payments", { ledger: use("ledger", ["getBalances"]) }),
    withCalls("ledger", { orders: use("orders", ["getOrder"]) }),
  ];
  expect(found(ring)).toEqual([["cycle", "ledger → orders → payments → ledger"]]);
  const unawaited = [{ caller: "payments", as: "ledger", because: "in a test" }];
  expect(found(ring, { ...nothingKnown, unawaited })).toEqual([]);
});

test("an exception excuses what it names, and nothing beside it", () => {
  const { breaker: _, ...bare } = use("catalog", ["getProduct"]);
  const cart = withCalls("cart", { catalog: bare });
  const orders = withCalls("orders", { catalog: bare });
  const accepted = [
    { rule: "no-breaker" as const, subjects: ["cart → catalog (catalog)"], because: "in a test" },
  ];
  expect(found([cart, orders, catalog], { ...nothingKnown, accepted })).toEqual([
    ["no-breaker", "orders → catalog (catalog)"],
  ]);
  expect(found([catalog], { ...nothingKnown, accepted })).toEqual([
    ["stale-knowledge", "accepted: no-breaker, cart → catalog (catalog)"],
  ]);
});

test("knowledge about an RPC that is not there is stale", () => {
  const leaves = [{ service: "catalog", methods: ["Gone"], because: "in a test" }];
  const madeFor = [{ caller: "cart", callee: "catalog", method: "GetProduct", rpc: "Gone" }];
  const cart = withCalls("cart", { catalog: use("catalog", ["getProduct"]) });
  expect(found([cart, catalog], { ...nothingKnown, leaves, madeFor })).toEqual([
    ["stale-knowledge", "leaves: catalog.Gone"],
    ["stale-knowledge", "madeFor: cart.Gone → catalog.GetProduct"],
  ]);
});
