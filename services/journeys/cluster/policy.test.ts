// Who is let in and who is not, and by whom: the network's policy, mutual TLS, the mesh's rules for each RPC, and tokens at
// the ingress. That a refusal is the mesh's is read in the callee's proxy: it names no process that was asked.

import { randomUUID } from "node:crypto";
import { gateway } from "@webstore/gateway/definition";
import type { ServiceDefinition } from "@webstore/kit";
import { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { system } from "../../system.ts";
import {
  apply,
  ingressAddress,
  kubectl,
  main,
  must,
  ran,
  say,
  shopThroughIngress,
  until,
} from "./cluster.ts";
import { forgeriesOf, signedByStore } from "./forged-tokens.ts";
import {
  type Asked,
  calls,
  get,
  knock,
  type Logged,
  loggedBy,
  podOf,
  sendAway,
  standBeside,
  type Where,
} from "./inside.ts";

const elsewhere = "webstore-strangers";
const hostOf = (member: string) => `${main.release}-${member}.${main.namespace}.svc.cluster.local`;
const services = system.flatMap(({ is }) => (is.kind === "service" ? [is] : []));
const shop = shopThroughIngress();
const shopper = { username: `shopper-${randomUUID().slice(0, 8)}`, password: `pw-${randomUUID()}` };
const staff = { username: "grace", password: "webstore-demo" };
const beside: Where[] = [];
const markerOf = (what: string) => `journey-${what}-${randomUUID().slice(0, 8)}`;

beforeAll(() =>
  apply(JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: elsewhere } })),
);

afterAll(async () => {
  shop.close();
  for (const each of beside) await sendAway(each);
  await kubectl("delete", "namespace", elsewhere, "--ignore-not-found");
});

async function stand(is: Parameters<typeof standBeside>[0]): Promise<Where> {
  beside.push({ namespace: is.namespace, pod: is.name, container: "" });
  return standBeside(is);
}

const labelled = (member: string) => ({
  "app.kubernetes.io/name": member,
  "app.kubernetes.io/instance": main.release,
});

/** The lines of a marker, all that there must be: proxies write them late. */
const logOf = (where: Where, marker: string, lines: number): Promise<Logged[]> =>
  until(
    `${lines} lines of ${where.pod}'s proxy`,
    () => loggedBy(where, marker),
    (found) => found.length >= lines,
    120_000,
  );

test("plain text from outside the mesh: no way through the network, and none past mutual TLS", async () => {
  const stranger = await stand({ namespace: elsewhere, name: "stranger" });
  const marker = markerOf("plain");
  const doors = [
    { host: hostOf("orders"), port: 5104 },
    { host: hostOf("gateway"), port: 8000 },
    { host: hostOf("gateway"), port: 9080 },
    { host: hostOf("postgres"), port: 5432 },
  ];
  for (const { host, port } of doors) {
    // A pod's rules are there a moment after the pod.
    const answer = await until(`${host}:${port} is shut`, () => knock(stranger, host, port), isRefused);
    say(`a pod of another namespace → ${host}:${port}: ${answer}, by the NetworkPolicy`);
  }
  const path = "/webstore.orders.v1.OrderService/ListOrders";
  const [rpc] = await calls(stranger, [{ host: hostOf("orders"), port: 5104, path }], marker);
  expect(rpc).toMatchObject({ code: 14, details: expect.stringContaining("ECONNREFUSED") });
  // The same pod is no stranger where the world comes in, so what it lacks is not the network.
  const world = await get(stranger, "http://istio-ingressgateway.istio-system/health", { host: main.host });
  expect(world).toMatchObject({ status: 200 });
  say("the same pod through the ingress: 200");

  // With the labels of those who may, and without a sidecar: the network lets them, mutual TLS does not.
  const caller = await stand({
    namespace: main.namespace,
    name: "journey-caller",
    labels: labelled("notifications"),
  });
  const tester = await stand({
    namespace: main.namespace,
    name: "journey-tester",
    labels: labelled("test"),
  });
  await until("the network lets a caller", () => knock(caller, hostOf("orders"), 5104), isOpen);
  const [plain] = await calls(caller, [{ host: hostOf("orders"), port: 5104, path }], marker);
  expect(plain).toMatchObject({ code: 14, details: expect.stringMatching(/ECONNRESET|dropped/) });
  say(`a caller's labels without a sidecar → orders:5104: connected, then UNAVAILABLE (${plain?.details})`);
  await until("the network lets a tester", () => knock(tester, hostOf("gateway"), 8000), isOpen);
  const http = await get(tester, `http://${hostOf("gateway")}:8000/health`, { "user-agent": marker });
  expect(http).toEqual({ failed: "ECONNRESET" });
  say("a tester's labels without a sidecar → gateway:8000: connected, then ECONNRESET: mutual TLS only");
  await Promise.all([caller, tester].map(sendAway));
});

const isRefused = (answer: string) => answer === "ECONNREFUSED";
const isOpen = (answer: string) => answer === "open";

type Attempt = Asked & { readonly callee: string; readonly method: string };

/** What a service's definition does not say: other RPCs of those that it calls, and one of each that it does not call. */
function undeclaredOf(caller: ServiceDefinition): { atCallees: Attempt[]; atOthers: Attempt[] } {
  const others = services.filter(({ name }) => name !== caller.name);
  const attempts = others.map(({ name, serves, ports }) => {
    const declared = Object.values(caller.calls).filter(({ service }) => service === name);
    const methods = new Set(declared.flatMap((call) => call.methods));
    const isCallee = declared.length > 0;
    const all = Object.entries(serves.methods)
      .filter(([method]) => !methods.has(method))
      .map(([, method]): Attempt => {
        const path = `/${serves.fullName}/${method.name}`;
        return { callee: name, method: method.name, host: hostOf(name), port: ports.rpc, path };
      });
    return { isCallee, all };
  });
  return {
    atCallees: attempts.filter(({ isCallee }) => isCallee).flatMap(({ all }) => all),
    atOthers: attempts.filter(({ isCallee }) => !isCallee).flatMap(({ all }) => all.slice(0, 1)),
  };
}

test("an RPC that a service did not declare is PERMISSION_DENIED, and never reaches the callee's process", async () => {
  const marker = markerOf("undeclared");
  const refusedAt = new Map<string, number>();
  for (const caller of services) {
    const { atCallees } = undeclaredOf(caller);
    if (atCallees.length === 0) continue;
    const answers = await calls(await podOf(caller.name), atCallees, marker);
    const said = atCallees.map(({ callee, method }, index) => ({ callee, method, ...answers[index] }));
    for (const each of said) {
      expect(each, `${caller.name} → ${each.callee}/${each.method}`).toMatchObject({
        code: 7,
        details: "RBAC: access denied",
      });
      refusedAt.set(each.callee, (refusedAt.get(each.callee) ?? 0) + 1);
    }
    say(`${caller.name}: ${said.length} RPCs of its callees that it did not declare, each PERMISSION_DENIED`);
  }
  for (const [callee, count] of refusedAt) {
    const log = await logOf(await podOf(callee), marker, count);
    expect(log).toHaveLength(count);
    for (const each of log) {
      expect(each).toMatchObject({ upstream_host: null });
      expect(each.response_code_details).toMatch(/^rbac_access_denied/);
    }
  }
  const total = [...refusedAt.values()].reduce((sum, each) => sum + each, 0);
  expect(total).toBeGreaterThan(50);
  say(
    `${total} refusals in the logs of ${refusedAt.size} callees' proxies, and not one that asked a process`,
  );
});

test("an RPC that it declared passes, from the same container", async () => {
  const marker = markerOf("declared");
  const [mug] = await shop.products("mug");
  const { batchGetProducts, createProduct } = CatalogServiceDefinition.methods;
  const at = { host: hostOf("catalog"), port: 5102 };
  const request = batchGetProducts.requestType.encode({ productIds: [mug?.product_id ?? ""] }).finish();
  const cart = await podOf("cart");
  const answers = await calls(
    cart,
    [batchGetProducts, createProduct].map(({ name }) => ({
      ...at,
      path: `/${CatalogServiceDefinition.fullName}/${name}`,
      request,
    })),
    marker,
  );
  expect(answers).toEqual([
    { code: 0, details: "" },
    { code: 7, details: "RBAC: access denied" },
  ]);
  const log = await logOf(await podOf("catalog"), marker, 2);
  expect(log.map(({ response_code_details }) => response_code_details?.split("[")[0]).sort()).toEqual([
    "rbac_access_denied_matched_policy",
    "via_upstream",
  ]);
  say("cart → catalog: BatchGetProducts passes, CreateProduct is PERMISSION_DENIED by the mesh");
});

test("a service that it did not declare at all is not reached, by its proxy or past it", async () => {
  const marker = markerOf("unknown");
  let count = 0;
  for (const caller of services) {
    const { atOthers } = undeclaredOf(caller);
    const answers = await calls(await podOf(caller.name), atOthers, marker);
    for (const [index, { callee }] of atOthers.entries())
      expect(answers[index], `${caller.name} → ${callee}`).toMatchObject({ code: 14 });
    count += atOthers.length;
  }
  // A log is written late, so first something that comes in after it has to be there.
  const fence = markerOf("fence");
  const callees = services.filter(({ name }) => name !== gateway.name);
  const path = "/webstore.journey.v1.JourneyService/Fence";
  const fences = callees.map(({ name, ports }) => ({ host: hostOf(name), port: ports.rpc, path }));
  await calls(await podOf(gateway.name), fences, fence);
  await shop.ask("/health", { headers: { "user-agent": fence } });
  for (const { name } of services) {
    const pod = await podOf(name);
    await logOf(pod, fence, 1);
    expect(await loggedBy(pod, marker), name).toEqual([]);
  }
  say(
    `${count} pairs of services of which one does not call the other: UNAVAILABLE, and not one came in anywhere`,
  );
  // What the proxy sends itself goes past its own rules; then the network's are left.
  const cart = await podOf("cart");
  const past = (host: string, port: number) =>
    ran("kubectl", [
      ...["exec", cart.pod, "--namespace", cart.namespace, "--container", "istio-proxy", "--"],
      ...["bash", "-c", `exec 3<>/dev/tcp/${host}/${port}`],
    ]);
  expect(await past(hostOf("catalog"), 5102)).toMatchObject({ code: 0 });
  const refused = await past(hostOf("orders"), 5104);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("Connection refused");
  say("past cart's proxy: catalog:5102 is open, orders:5104 is refused by the NetworkPolicy");
});

async function believedToken(who: { username: string; password: string }): Promise<string> {
  const { access_token: token } = await shop.login(who);
  await until(
    "a token is believed",
    () => shop.ask("/cart", { token }),
    ({ status }) => status === 200,
    120_000,
  );
  return token;
}

test("a token that is forged or expired is 401 at the mesh, and the gateway is not asked", async () => {
  await shop.register(shopper);
  const token = await believedToken(shopper);
  const marker = markerOf("forged");
  const identity = await podOf("identity");
  const minutes = (from: number, to: number) => ({ fromSeconds: from * 60, toSeconds: to * 60 });
  const fresh = await signedByStore(identity, token, minutes(-1, 5));
  expect(await shop.ask("/cart", { token: fresh })).toMatchObject({ status: 200 });
  const expired = await signedByStore(identity, token, minutes(-20, -5));
  const forgeries = { ...forgeriesOf(token), "the store's own, but expired": expired };
  for (const [what, forged] of Object.entries(forgeries)) {
    const headers = { "user-agent": marker };
    const { status, body } = await shop.ask<string>("/cart", { token: forged, headers });
    expect({ status, body }, what).toEqual({ status: 401, body: expect.stringMatching(/^(Jwt|Jwks) /) });
    say(`token (${what}): 401, "${body}"`);
  }
  const log = await logOf(await podOf("gateway"), marker, Object.keys(forgeries).length);
  expect(log).toHaveLength(Object.keys(forgeries).length);
  for (const each of log) {
    expect(each).toMatchObject({ response_code: 401, upstream_host: null });
    expect(each.response_code_details).toMatch(/^jwt_authn_access_denied/);
  }
  say(`${log.length} refusals in the log of the gateway's proxy, and not one that asked the gateway`);

  const method = "webstore.storefront.v1.StorefrontService/ListOrders";
  const rpc = (bearer: string) => [
    ...["-plaintext", "-authority", main.host, "-H", `authorization: Bearer ${bearer}`, "-d", "{}"],
    ...[ingressAddress, method],
  ];
  await must("grpcurl", rpc(token));
  const refused = await ran("grpcurl", rpc(expired));
  expect(refused.stderr).toContain("Unauthenticated");
  say("the same over gRPC: Unauthenticated");
});

test("what is staff's is 403 for a shopper by the mesh; without a token it is 401 by the gateway", async () => {
  const tokens = { shopper: await believedToken(shopper), staff: await believedToken(staff) };
  const marker = markerOf("routes");
  const headers = { "user-agent": marker };
  const ofAccess = (wanted: string) =>
    Object.values(gateway.routes)
      .filter(({ access }) => access === wanted)
      .map(({ method, path }) => ({ method, path: path.replaceAll(/:\w+/g, () => randomUUID()) }));
  const admin = ofAccess("admin");
  for (const { method, path } of admin) {
    const { status, body } = await shop.ask<string>(path, { method, token: tokens.shopper, headers });
    expect({ status, body }, `${method} ${path}`).toEqual({ status: 403, body: "RBAC: access denied" });
  }
  const log = await logOf(await podOf("gateway"), marker, admin.length);
  for (const each of log) expect(each).toMatchObject({ response_code: 403, upstream_host: null });
  say(`${admin.length} admin routes with a shopper's token: 403 by the mesh, the gateway is not asked`);

  for (const path of ["/payments", "/ledger/entries", "/sagas", "/audit"])
    expect(await shop.ask(path, { token: tokens.staff }), path).toMatchObject({ status: 200 });
  say("the same with staff's token: 200");

  const kept = [...ofAccess("user"), ...admin];
  for (const { method, path } of kept) {
    const { status, body } = await shop.ask(path, { method });
    expect({ status, body }, `${method} ${path}`).toMatchObject({
      status: 401,
      body: { reason: "unauthenticated" },
    });
  }
  say(`${kept.length} routes for users and staff without a token: 401, in the gateway's own words`);
});

test("the keys of tokens are everybody's of the release, and nothing else on their port is", async () => {
  const at = (path: string) => `http://${hostOf("identity")}:5201${path}`;
  const keys = { status: 200, body: expect.stringContaining('"kty"') };
  const cart = await podOf("cart");
  expect(await get(cart, at("/.well-known/jwks.json"))).toMatchObject(keys);
  // As istiod fetches them: in plain text.
  const labels = { ...labelled("journey-stranger"), "app.kubernetes.io/part-of": "webstore" };
  const plain = await stand({ namespace: main.namespace, name: "journey-stranger", labels });
  const fetched = await until(
    "the network lets it",
    () => get(plain, at("/.well-known/jwks.json")),
    (answer) => "status" in answer,
  );
  expect(fetched).toMatchObject(keys);
  for (const [who, from] of Object.entries({ "cart's pod": cart, "a pod without a sidecar": plain })) {
    for (const path of ["/metrics", "/readyz"])
      expect(await get(from, at(path)), `${who} ${path}`).toEqual({
        status: 403,
        body: "RBAC: access denied",
      });
    say(`identity:5201 from ${who}: the JWKS is readable, /metrics is 403`);
  }
  await sendAway(plain);
});

test("after some traffic the proxies saw no call that is not declared", async () => {
  const token = await believedToken(shopper);
  const [mug] = await shop.products("mug");
  await shop.addToCart(token, mug?.product_id ?? "", 1);
  expect(await shop.checkout(token, randomUUID())).toMatchObject({ is: "ordered" });
  const command = ["istio/drift-main.ts", "--release", main.release, "--namespace", main.namespace];
  // A pod that goes while it is asked is nobody's drift.
  const answer = await until(
    "the drift is reported",
    () => ran(process.execPath, command, { timeoutMs: 400_000 }),
    ({ code }) => code !== 2,
    400_000,
  );
  expect(answer.code, answer.stdout + answer.stderr).toBe(0);
  const [, seen] = /^(\d+) declared edges seen/m.exec(answer.stdout) ?? [];
  expect(Number(seen)).toBeGreaterThan(20);
  say(`drift: ${answer.stdout.trim().split("\n").at(-1)}`);
});
