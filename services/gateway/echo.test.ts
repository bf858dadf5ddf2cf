// A value that stands in the wrong place, such as a card number, is not repeated to who sent it, nor to what logs answers.

import { gunzipSync } from "node:zlib";
import type { Running } from "@webstore/kit";
import { request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { instanceOf } from "./problem.ts";
import { ask } from "./testing-samples.ts";
import { asAda, mug, openTestStore, type TestStore } from "./testing-store.ts";

const card = "4000056655665556";
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

test.each([
  ["in a path", `/orders/${card}`],
  ["in a path that there is not", `/${card}/nope`],
  ["in a path of the documentation", `/docs/${card}`],
  ["in a path that cannot be read", `/products/%${card}`],
  ["in a query", `/products?page_size=${card}&${card}=1`],
])("%s", async (_, path) => {
  const { status, body } = await ask(gateway.url + path, { headers: asAda });
  expect([400, 404]).toContain(status);
  expect(JSON.stringify(body)).not.toContain(card);
});

test("as the name of a field; a name that is like ours is told", async () => {
  const json = { product_id: mug, quantity: 1, [card]: 1, productName: 1 };
  const { status, body } = await ask(`${gateway.url}/cart/add`, { method: "POST", headers: asAda, json });
  expect(status).toBe(400);
  expect(JSON.stringify(body)).not.toContain(card);
  const description = "is not a field of this";
  expect(body.errors).toEqual([
    { field: "(unnamed)", description },
    { field: "productName", description },
  ]);
});

test.each([
  ["as it is", card, "identity"],
  ["in an answer that is compressed", card.repeat(100), "gzip"],
])("over Connect, where the contract has another type: %s", async (_, value, encoding) => {
  const answer = await request(`${gateway.url}/webstore.storefront.v1.StorefrontService/AddToCart`, {
    method: "POST",
    headers: { ...asAda, "content-type": "application/json", "accept-encoding": encoding },
    body: JSON.stringify({ productId: mug, quantity: value }),
  });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  const text = String(answer.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes);
  expect([answer.statusCode, JSON.parse(text).code]).toEqual([400, "invalid_argument"]);
  expect(text).not.toContain(card);
});

test("over gRPC-Web in JSON, which is not spoken", async () => {
  const message = Buffer.from(JSON.stringify({ productId: mug, quantity: card }));
  const length = Buffer.alloc(5);
  length.writeUInt32BE(message.length, 1);
  const answer = await request(`${gateway.url}/webstore.storefront.v1.StorefrontService/AddToCart`, {
    method: "POST",
    headers: { ...asAda, "content-type": "application/grpc-web+json" },
    body: Buffer.concat([length, message]),
  });
  expect(answer.statusCode).toBe(415);
  expect(await answer.body.text()).not.toContain(card);
});

test("a refusal over Connect is told as it is", async () => {
  const { status, body } = await ask(`${gateway.url}/webstore.storefront.v1.StorefrontService/AddToCart`, {
    method: "POST",
    headers: asAda,
    json: { productId: mug, quantity: 100 },
  });
  expect([status, body.code]).toEqual([400, "invalid_argument"]);
  expect(body.message).toContain("quantity");
  expect(body.details).toHaveLength(2);
});

test("the path of a problem keeps its words and its ids", () => {
  expect(instanceOf(`/orders/${mug}/cancel?all=true`)).toBe(`/orders/${mug}/cancel`);
  expect(instanceOf("/.well-known/jwks.json")).toBe("/.well-known/jwks.json");
  expect(instanceOf(`/orders/${card}/cancel`)).toBe("/orders/(value)/cancel");
});
