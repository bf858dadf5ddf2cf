// The switches of the edge, its limits, and how it starts and stops.

import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Asked, ask, newKey, visa } from "./testing-samples.ts";
import { asAda, asGrace, mug, openTestStore, type TestStore } from "./testing-store.ts";

let store: TestStore;
let started: Awaited<ReturnType<TestStore["startGateway"]>>[] = [];

beforeAll(async () => {
  store = await openTestStore();
});
afterEach(async () => {
  for (const each of started) await each.stop();
  started = [];
});
afterAll(() => store?.stop());

async function gateway(env: Record<string, string> = {}) {
  const running = await store.startGateway(env);
  started.push(running);
  return { ...running, at: (path: string, asked: Asked = {}) => ask(running.url + path, asked) };
}

/** fetch() does not let its caller choose the host. */
function rawGet(url: string, path: string, headers: Record<string, string>): Promise<string> {
  const { hostname, port } = new URL(url);
  const lines = Object.entries({ connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return new Promise((resolve, reject) => {
    let seen = "";
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`),
    );
    socket.on("data", (chunk) => {
      seen += chunk;
    });
    socket.on("end", () => resolve(seen));
    socket.on("error", reject);
  });
}

test("allowed origins may read answers and send what the store needs; others may not", async () => {
  const { at } = await gateway({ BACKEND_CORS_ORIGINS: '["https://shop.example"]' });
  const preflight = await at("/checkout", {
    method: "OPTIONS",
    headers: {
      origin: "https://shop.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,idempotency-key",
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(preflight.headers.get("access-control-allow-headers")).toMatch("idempotency-key");
  expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();

  const allowed = await at("/products", { headers: { origin: "https://shop.example" } });
  expect(allowed.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(allowed.headers.get("access-control-expose-headers")).toMatch("x-trace-id");
  const other = await at("/products", { headers: { origin: "https://evil.example" } });
  expect(other.headers.get("access-control-allow-origin")).toBeNull();
});

test("a refusal may be read by allowed origins, too", async () => {
  const { at } = await gateway({ BACKEND_CORS_ORIGINS: "https://shop.example" });
  const answer = await at("/cart", { headers: { origin: "https://shop.example" } });
  expect(answer.status).toBe(401);
  expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
});

test("CORS can be switched off, and every origin cannot be given credentials", async () => {
  const { at } = await gateway({ APP_MIDDLEWARE_CORS: "false" });
  const answer = await at("/products", { headers: { origin: "http://localhost:8000" } });
  expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  const bad = { BACKEND_CORS_ORIGINS: "*", BACKEND_CORS_CREDENTIALS: "true" };
  await expect(store.startGateway(bad)).rejects.toThrow("BACKEND_CORS_CREDENTIALS");
});

test("only the allowed hosts are answered, whatever the port", async () => {
  const { url } = await gateway({ BACKEND_ALLOWED_HOSTS: "shop.example,*.shop.example" });
  for (const host of ["shop.example", "SHOP.example:8000", "www.shop.example"]) {
    expect(await rawGet(url, "/health", { host }), host).toMatch(/^HTTP\/1.1 200/);
  }
  for (const host of ["evil.example", "evilshop.example", "shop.example.evil.example", "127.0.0.1", ""]) {
    expect(await rawGet(url, "/health", { host }), host).toMatch(/^HTTP\/1.1 400[\s\S]*host_not_allowed/);
  }
});

test("the check of the host can be switched off", async () => {
  const { url } = await gateway({ APP_MIDDLEWARE_TRUSTEDHOST: "false" });
  expect(await rawGet(url, "/health", { host: "any.example" })).toMatch(/^HTTP\/1.1 200/);
});

test("plain HTTP is sent to HTTPS when that is switched on, unless a trusted proxy says it was HTTPS", async () => {
  const hops = { APP_MIDDLEWARE_HTTPSREDIRECT: "true", TRUSTED_PROXY_HOPS: "1" };
  const { at } = await gateway(hops);
  const answer = await at("/products?search=mug");
  expect(answer.status).toBe(308);
  expect(answer.headers.get("location")).toBe("https://127.0.0.1/products?search=mug");
  expect((await at("/health", { headers: { "x-forwarded-proto": "https" } })).status).toBe(200);

  const believesNobody = await gateway({ APP_MIDDLEWARE_HTTPSREDIRECT: "true" });
  const lied = await believesNobody.at("/health", { headers: { "x-forwarded-proto": "https" } });
  expect(lied.status).toBe(308);
});

test("answers are compressed when that is switched on", async () => {
  const plain = await gateway();
  const compressed = await gateway({ APP_MIDDLEWARE_GZIP: "true" });
  const headers = { "accept-encoding": "gzip" };
  expect((await plain.at("/openapi.json", { headers })).headers.get("content-encoding")).toBeNull();
  const answer = await compressed.at("/openapi.json", { headers });
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  expect(answer.body.openapi).toBe("3.1.0");
});

test("every answer has security headers and a trace id, which continues the caller's trace", async () => {
  const { at } = await gateway();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  for (const path of ["/health", "/nope", "/cart"]) {
    const answer = await at(path, { headers });
    expect(answer.headers.get("x-trace-id")).toBe(traceId);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toMatch("default-src 'self'");
    expect(answer.headers.get("strict-transport-security")).toMatch("max-age");
    expect(answer.headers.get("x-powered-by")).toBeNull();
  }
});

test("who asks too often is told when to come back; others are not affected", async () => {
  const { at } = await gateway({ RATE_LIMIT_PER_SECOND: "5" });
  const statuses = async (headers: Record<string, string>, path = "/health") =>
    (await Promise.all(Array.from({ length: 12 }, () => at(path, { headers })))).map((each) => each.status);
  const count = (all: number[], status: number) => all.filter((each) => each === status).length;

  expect(count(await statuses(asAda), 429)).toBeGreaterThanOrEqual(2);
  const limited = await Promise.all(Array.from({ length: 12 }, () => at("/health", { headers: asAda })));
  const refused = limited.find((each) => each.status === 429);
  expect(refused?.body).toMatchObject({ reason: "rate_limited", instance: "/health" });
  expect(refused?.headers.get("retry-after")).toBe("1");
  expect((await at("/cart", { headers: asGrace })).status).toBe(200);
  expect((await at("/health")).status).toBe(200);
});

test("guessing tokens is counted for the address, however many tokens are guessed", async () => {
  const { at } = await gateway({ RATE_LIMIT_PER_SECOND: "5" });
  const guesses = Array.from({ length: 20 }, (_, index) =>
    at("/cart", { headers: { authorization: `Bearer guess-${index}` } }),
  );
  const statuses = (await Promise.all(guesses)).map((each) => each.status);
  expect(new Set(statuses)).toEqual(new Set([401, 429]));
});

test("behind a trusted proxy, addresses are told apart; without trust they cannot be made up", async () => {
  const ask20 = async (at: (path: string, asked: Asked) => Promise<{ status: number }>) => {
    const all = Array.from({ length: 20 }, (_, index) =>
      at("/health", { headers: { "x-forwarded-for": `10.0.0.${index}` } }),
    );
    return new Set((await Promise.all(all)).map((each) => each.status));
  };
  const trusting = await gateway({ RATE_LIMIT_PER_SECOND: "5", TRUSTED_PROXY_HOPS: "1" });
  expect(await ask20(trusting.at)).toEqual(new Set([200]));
  const alone = await gateway({ RATE_LIMIT_PER_SECOND: "5" });
  expect(await ask20(alone.at)).toEqual(new Set([200, 429]));
});

test("in production there is no page to try the API out, and no demo token", async () => {
  const { at } = await gateway({ PRODUCTION_ENV: "true", DEMO_TOKENS: "false" });
  expect((await at("/docs")).status).toBe(404);
  expect((await at("/")).status).toBe(404);
  expect((await at("/openapi.json")).status).toBe(200);
  expect((await at("/cart", { headers: asAda })).status).toBe(401);
});

test("a service that is down is 503 with a time to come back, and nothing of what happened inside", async () => {
  const { at } = await gateway({ CART_ADDRESS: "127.0.0.1:1", ORDERS_ADDRESS: "127.0.0.1:1" });
  for (const answer of [
    await at("/cart", { headers: asAda }),
    await at("/checkout", { method: "POST", headers: { ...asAda, ...newKey() }, json: visa }),
  ]) {
    expect(answer.body).toMatchObject({ status: 503, reason: "unavailable" });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(JSON.stringify(answer.body)).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|cart:|orders:/);
  }
});

test("while identity's keys cannot be had, nobody is logged out by it", async () => {
  const { at } = await gateway({ JWKS_URL: "http://127.0.0.1:1/jwks.json" });
  const login = await at("/auth/login", {
    method: "POST",
    json: { username: "ada", password: "webstore-demo" },
  });
  const headers = { authorization: `Bearer ${login.body.access_token}` };
  expect((await at("/cart", { headers })).body).toMatchObject({ status: 503, reason: "unavailable" });
  expect((await at("/products", { headers })).status).toBe(200);
  const path = "/webstore.storefront.v1.StorefrontService/GetCart";
  expect((await at(path, { method: "POST", headers, json: {} })).body.code).toBe("unavailable");
});

test("stopping finishes the requests in hand and refuses new connections", async () => {
  const { at, stop, url } = await gateway();
  const inHand = Array.from({ length: 10 }, () =>
    at("/cart/add", { method: "POST", headers: asGrace, json: { product_id: mug, quantity: 1 } }),
  );
  await Promise.race(inHand);
  const stopped = stop();
  for (const answer of await Promise.all(inHand)) expect(answer.status).toBe(200);
  await stopped;
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

test("a port that is taken says so in one line, and leaves nothing running", async () => {
  const { url } = await gateway();
  const { port } = new URL(url);
  await expect(store.startGateway({ APP_PORT: port })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
});

test("a wrong configuration lists all its problems at once", async () => {
  const env = {
    APP_PORT: "eighty",
    OPENAPI_URL: "nowhere",
    RATE_LIMIT_PER_SECOND: "0",
    BACKEND_ALLOWED_HOSTS: "[1]",
  };
  const error = await store.startGateway(env).catch((thrown: Error) => thrown.message);
  for (const name of Object.keys(env)) expect(error).toMatch(name);
});
