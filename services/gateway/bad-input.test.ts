// What the gateway must not let through: each is answered with a problem that says why, and changes nothing.

import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import type { Running } from "@webstore/kit";
import { generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { problemShape } from "./rest-shapes.ts";
import { type Answered, type Asked, address, ask, imageForm, newKey, png, visa } from "./testing-samples.ts";
import {
  asAda,
  asGrace,
  mug,
  nothing,
  openTestStore,
  pen,
  retired,
  type TestStore,
} from "./testing-store.ts";

let store: TestStore;
let gateway: Running & { readonly url: string };

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});

const at = (path: string, asked: Asked = {}) => ask(gateway.url + path, asked);
const post = (path: string, json: unknown, headers: Record<string, string> = asAda) =>
  at(path, { method: "POST", headers, json });
const cartOf = async (headers: Record<string, string>) => (await at("/cart", { headers })).body;

function expectProblem(answer: Answered, status: number, reason: string, path?: string) {
  expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  const problem = problemShape.parse(answer.body);
  expect(problem).toMatchObject({ status, reason, type: `urn:webstore:problem:${reason}` });
  expect(answer.status).toBe(status);
  expect(problem.trace_id).toBe(answer.headers.get("x-trace-id"));
  if (path !== undefined) expect(problem.instance).toBe(path);
}

const wrongBodies: [path: string, field: string, json: unknown][] = [
  ...[0, -1, 100, 1.5, "2", null, 1e30, true, [1]].map((quantity): [string, string, unknown] => [
    "/cart/add",
    "quantity",
    { product_id: mug, quantity },
  ]),
  ["/cart/add", "quantity", { product_id: mug }],
  ["/cart/add", "product_id", { quantity: 1 }],
  ["/cart/add", "product_id", { product_id: "mug", quantity: 1 }],
  ["/cart/add", "product_id", { product_id: 7, quantity: 1 }],
  ["/cart/add", "product_id", { product_id: mug.toUpperCase().replaceAll("1", "A"), quantity: 1 }],
  ["/cart/add", "price", { product_id: mug, quantity: 1, price: "0.01" }],
  ["/cart/add", "body", []],
  ["/cart/add", "body", "text"],
  ["/cart/add", "body", null],
  ["/checkout", "payment_method", { shipping_address: address }],
  ["/checkout", "payment_method.token", { ...visa, payment_method: { token: "4242 4242 4242 4242" } }],
  ["/checkout", "payment_method.token", { ...visa, payment_method: { token: "a".repeat(256) } }],
  ["/checkout", "payment_method.number", { ...visa, payment_method: { token: "a", number: "4242" } }],
  ["/checkout", "shipping_address", { payment_method: visa.payment_method }],
  [
    "/checkout",
    "shipping_address.country",
    { ...visa, shipping_address: { ...address, country: "Germany" } },
  ],
  ["/checkout", "shipping_address.name", { ...visa, shipping_address: { ...address, name: "" } }],
  [
    "/checkout",
    "shipping_address.city",
    { ...visa, shipping_address: { ...address, city: "x".repeat(101) } },
  ],
  ["/checkout", "shipping_address.line1", { ...visa, shipping_address: { ...address, line1: "a\u0000b" } }],
  ["/checkout", "coupon", { ...visa, coupon: "C".repeat(33) }],
  ["/checkout", "coupon", { ...visa, coupon: 5 }],
  ["/checkout", "total", { ...visa, total: "0.01" }],
  ["/auth/register", "username", { username: "A", email: "a@b.c", password: "12345678", country: "US" }],
  ["/auth/register", "email", { username: "abc", email: "nobody", password: "12345678", country: "US" }],
  ["/auth/register", "password", { username: "abc", email: "a@b.c", password: "1234567", country: "US" }],
  [
    "/auth/register",
    "role",
    { username: "abc", email: "a@b.c", password: "12345678", country: "US", role: "admin" },
  ],
  ["/auth/login", "password", { username: "ada", password: "x".repeat(129) }],
  ["/auth/login", "username", { username: { $ne: "" }, password: "x" }],
  ["/auth/refresh", "refresh_token", {}],
];

test.each(wrongBodies)(
  "POST %s with a wrong %s is refused and names the field",
  async (path, field, json) => {
    const answer = await post(path, json, { ...asAda, ...newKey() });
    expectProblem(answer, 400, "invalid_request", path);
    expect(answer.body.errors.map((each: { field: string }) => each.field)).toContain(field);
    expect(await cartOf(asAda)).toEqual({ lines: [], subtotal: null });
  },
);

test.each([
  ["name", { name: "", price: { amount: "1.00", currency: "USD" } }],
  ["name", { name: "x".repeat(201), price: { amount: "1.00", currency: "USD" } }],
  ["price", { name: "Bowl" }],
  ["price.amount", { name: "Bowl", price: { amount: 1, currency: "USD" } }],
  ["price.amount", { name: "Bowl", price: { amount: "-1.00", currency: "USD" } }],
  ["price.amount", { name: "Bowl", price: { amount: "1e3", currency: "USD" } }],
  ["price.amount", { name: "Bowl", price: { amount: "1.999", currency: "USD" } }],
  ["price.amount", { name: "Bowl", price: { amount: "1.5", currency: "JPY" } }],
  ["price.currency", { name: "Bowl", price: { amount: "1.00", currency: "usd" } }],
  ["tags", { name: "Bowl", price: { amount: "1.00", currency: "USD" }, tags: Array(21).fill("a") }],
  ["tags[0]", { name: "Bowl", price: { amount: "1.00", currency: "USD" }, tags: ["Not This"] }],
])("a product with a wrong %s is not created", async (field, json) => {
  const answer = await post("/products", json, asGrace);
  expectProblem(answer, 400, "invalid_request");
  expect(answer.body.errors.map((each: { field: string }) => each.field)).toContain(field);
});

test("an empty change of a product, and one of another field, are refused", async () => {
  for (const json of [{}, { stock: 5 }]) {
    const answer = await at(`/products/${pen}`, { method: "PATCH", headers: asGrace, json });
    expectProblem(answer, 400, "invalid_request");
  }
});

test.each([
  "/products?page_size=0",
  "/products?page_size=101",
  "/products?page_size=ten",
  "/products?page_size=1&page_size=2",
  "/products?min_price=-1",
  "/products?min_price=1.234",
  "/products?max_price=cheap",
  "/products?page_token=made-up",
  `/products?search=${"x".repeat(101)}`,
  "/products?search=%00",
  "/products/not-a-uuid",
  "/images/not-a-uuid",
  `/images/${nothing}?size=huge`,
])("GET %s is refused as not valid", async (path) => {
  expectProblem(await at(path), 400, "invalid_request", path.split("?")[0]);
});

test.each([
  ["GET", `/products/${nothing}`, undefined, "product_not_found"],
  ["GET", `/images/${nothing}`, undefined, "image_not_found"],
  ["POST", "/cart/add", { product_id: nothing, quantity: 1 }, "product_not_found"],
  ["POST", "/cart/add", { product_id: retired, quantity: 1 }, "product_not_found"],
  ["PATCH", `/cart/items/${nothing}`, { quantity: 1 }, "line_not_found"],
  ["GET", `/orders/${nothing}`, undefined, "order_not_found"],
  ["GET", `/payments/${nothing}`, undefined, "payment_not_found"],
])("%s %s is about something that is not there", async (method, path, json, reason) => {
  const headers = path.startsWith("/payments") ? asGrace : asAda;
  expectProblem(await at(path, { method, headers, json }), 404, reason, path);
});

test("a line of more than 99 and a second currency are conflicts, and leave the cart as it was", async () => {
  const asTest = { authorization: "Bearer test-token-789" };
  await post("/cart/add", { product_id: mug, quantity: 60 }, asTest);
  const before = await cartOf(asTest);
  expectProblem(
    await post("/cart/add", { product_id: mug, quantity: 60 }, asTest),
    409,
    "quantity_too_large",
  );
  const yen = "44444444-4444-4444-8444-444444444444";
  expectProblem(await post("/cart/add", { product_id: yen, quantity: 1 }, asTest), 409, "currency_mismatch");
  expect(await cartOf(asTest)).toEqual(before);
});

test.each([
  [undefined, "idempotency_key_required"],
  ["", "idempotency_key_required"],
  ["12345", "idempotency_key_invalid"],
  [`${randomUUID()}, ${randomUUID()}`, "idempotency_key_invalid"],
])("a checkout with the key %j is refused", async (key, reason) => {
  const headers = key === undefined ? asAda : { ...asAda, "idempotency-key": key };
  expectProblem(await post("/checkout", visa, headers), 400, reason, "/checkout");
});

test("a refund needs a key too, and an amount above nothing", async () => {
  const path = `/payments/${nothing}/refunds`;
  expectProblem(await at(path, { method: "POST", headers: asGrace }), 400, "idempotency_key_required");
  const json = { amount: { amount: "0.00", currency: "USD" } };
  expectProblem(await post(path, json, { ...asGrace, ...newKey() }), 400, "invalid_request");
});

test.each([
  [402, "card_declined", { decline_code: "generic_decline" }],
  [402, "payment_action_required", undefined],
  [409, "out_of_stock", { product_id: pen }],
  [422, "amount_too_large", undefined],
  [503, "partner_unavailable", undefined],
] as const)("a checkout is %i when it is refused with %s", async (status, reason, details) => {
  store.orders.refuseNext(reason, { decline_code: "generic_decline", product_ids: pen });
  await post("/cart/add", { product_id: pen, quantity: 1 }, asGrace);
  const answer = await post("/checkout", visa, { ...asGrace, ...newKey() });
  expectProblem(answer, status, reason, "/checkout");
  expect(answer.body.details).toEqual(details);
  if (status === 503) expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("a checkout of nothing, and a key that comes with another request, are conflicts", async () => {
  const headers = { ...asAda, ...newKey() };
  expectProblem(await post("/checkout", visa, headers), 409, "cart_empty");
  await post("/cart/add", { product_id: pen, quantity: 1 });
  expect((await post("/checkout", visa, headers)).status).toBe(201);
  const other = { ...visa, coupon: "TEN" };
  expectProblem(await post("/checkout", other, headers), 409, "idempotency_key_reused");
});

test("a bug below is 500 and says nothing of what it was", async () => {
  await post("/cart/add", { product_id: pen, quantity: 1 }, asGrace);
  store.orders.breakNext(new Error("duplicate key value violates unique constraint orders_pkey"));
  const answer = await post("/checkout", visa, { ...asGrace, ...newKey() });
  expect([500, 503]).toContain(answer.status);
  expect(JSON.stringify(answer.body)).not.toMatch(/duplicate|constraint|orders_pkey|\.ts|grpc/i);
});

test.each([
  "{",
  '{"product_id":',
  "{'a':1}",
  "\u0000",
  '{"__proto__": {"role": "admin"}}',
  '{"constructor": {"prototype": {}}}',
])("the body %j is refused as malformed", async (body) => {
  const headers = { ...asAda, "content-type": "application/json" };
  expectProblem(await at("/cart/add", { method: "POST", headers, body }), 400, "malformed_body", "/cart/add");
});

test("JSON that is announced and does not come is a missing body", async () => {
  const headers = { ...asAda, "content-type": "application/json" };
  const answer = await at("/cart/add", { method: "POST", headers, body: "" });
  expectProblem(answer, 400, "invalid_request");
});

test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"])(
  "a body of type %s is refused",
  async (type) => {
    const headers = { ...asAda, "content-type": type };
    const answer = await at("/cart/add", { method: "POST", headers, body: "a=1" });
    expectProblem(answer, 415, "media_type_unsupported", "/cart/add");
  },
);

test("a body of 10 MiB is refused without being read", async () => {
  const headers = { ...asAda, "content-type": "application/json" };
  const body = `{"product_id":"${"x".repeat(10 * 1024 * 1024)}"}`;
  expectProblem(await at("/cart/add", { method: "POST", headers, body }), 413, "body_too_large", "/cart/add");
});

test("a stranger's large body is refused for the stranger, not for the body", async () => {
  const headers = { "content-type": "application/json" };
  const answer = await at("/cart/add", { method: "POST", headers, body: "x".repeat(100) });
  expectProblem(answer, 401, "unauthenticated");
});

test("an image that is too large, is none, or comes in another way is refused", async () => {
  const upload = (body: Asked["body"], headers: Record<string, string> = {}) =>
    at(`/products/${pen}/images`, {
      method: "POST",
      headers: { ...asGrace, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  const large = new Uint8Array(6 * 1024 * 1024);
  expectProblem(await upload(imageForm(large)), 413, "body_too_large");
  expectProblem(await upload(imageForm(new TextEncoder().encode("GIF89a..."))), 400, "image_invalid");
  expectProblem(await upload(imageForm(Uint8Array.from(png), "picture")), 400, "invalid_request");
  expectProblem(await upload("{}", { "content-type": "application/json" }), 415, "media_type_unsupported");
  expectProblem(
    await upload(Uint8Array.from(png), { "content-type": "image/png" }),
    415,
    "media_type_unsupported",
  );
  expectProblem(await upload(undefined), 415, "media_type_unsupported");
  const broken = { "content-type": "multipart/form-data; boundary=x" };
  expectProblem(await upload("--x\r\nnonsense", broken), 400, "malformed_body");
  const unknown = await at(`/products/${nothing}/images`, {
    method: "POST",
    headers: asGrace,
    body: imageForm(),
  });
  expectProblem(unknown, 404, "product_not_found");
});

test.each([
  ["GET", "/nope", 404, "route_not_found"],
  ["POST", "/docs/../etc/passwd/x", 404, "route_not_found"],
  ["PUT", "/cart", 405, "method_not_allowed"],
  ["POST", `/products/${mug}`, 405, "method_not_allowed"],
  ["DELETE", "/checkout", 405, "method_not_allowed"],
])("%s %s is %i", async (method, path, status, reason) => {
  const answer = await at(path, { method });
  expectProblem(answer, status, reason);
  if (status === 405) expect(answer.headers.get("allow")).toMatch(/GET|POST/);
});

test("a URL that cannot be decoded is a problem too", async () => {
  const answer = await at("/products/%E0%A4%A");
  expect(answer.body).toMatchObject({ status: 400, reason: "malformed_url" });
  expect(answer.headers.get("content-type")).toMatch("application/problem+json");
});

test("what is not HTTP is answered with a problem, and the connection is closed", async () => {
  const { hostname, port } = new URL(gateway.url);
  const text = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write("NONSENSE\r\n\r\n"));
    let seen = "";
    socket.on("data", (chunk) => {
      seen += chunk;
    });
    socket.on("close", () => resolve(seen));
  });
  expect(text).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json[\s\S]*malformed_url/);
});

test("tokens that are expired, forged, for refreshing or for nobody are refused", async () => {
  const login = async () =>
    (await post("/auth/login", { username: "ada", password: "webstore-demo" }, {})).body;
  store.clock.behindMs = 3_600_000;
  const expired = (await login()).access_token;
  store.clock.behindMs = 0;
  const good = await login();
  const [head, claims, signature] = good.access_token.split(".");
  const asStaff = JSON.parse(Buffer.from(claims, "base64url").toString());
  const raised = Buffer.from(JSON.stringify({ ...asStaff, role: "admin" })).toString("base64url");
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  const { privateKey } = await generateKeyPair("ES256");
  const header = JSON.parse(Buffer.from(head, "base64url").toString());
  const forged = await new SignJWT(asStaff).setProtectedHeader(header).sign(privateKey);

  const tokens = {
    expired,
    forged,
    raised: `${head}.${raised}.${signature}`,
    unsigned: `${none}.${claims}.`,
    refresh: good.refresh_token,
    long: "x".repeat(5_000),
    opaque: "user-token-124",
  };
  for (const [name, token] of Object.entries(tokens)) {
    const answer = await at("/cart", { headers: { authorization: `Bearer ${token}` } });
    expect(answer.body.reason, name).toBe("unauthenticated");
    expectProblem(answer, 401, "unauthenticated", "/cart");
  }
  expect((await at("/cart", { headers: { authorization: `Bearer ${good.access_token}` } })).status).toBe(200);
});

test("a wrong password is 401 and does not tell whether the name exists", async () => {
  const wrong = await post("/auth/login", { username: "ada", password: "wrong" }, {});
  const unknown = await post("/auth/login", { username: "nobody-at-all", password: "wrong" }, {});
  expectProblem(wrong, 401, "invalid_credentials", "/auth/login");
  expect(unknown.body.detail).toBe(wrong.body.detail);
});
