// The OpenAPI document: that it is one, that it is whole, and that people can try it out.

import type { Running } from "@webstore/kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, routes } from "./testing-samples.ts";
import { openTestStore, type TestStore } from "./testing-store.ts";

type Operation = {
  operationId: string;
  tags: string[];
  description?: string;
  security?: object[];
  parameters?: { name: string; in: string; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
};
type Document = {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: object };
};

let store: TestStore;
let gateway: Running & { readonly url: string };
let document: Document;

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway({ OPENAPI_URL: "/api/openapi.json" });
  document = (await ask(`${gateway.url}/api/openapi.json`)).body;
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test("it is OpenAPI 3.1, with a name and a version", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(document.info).toMatchObject({
    title: "WebStore",
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
});

test("every route of the API is in it, and nothing else", () => {
  const documented = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  const served = routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect(documented.sort()).toEqual(served.sort());
});

test("operations have names of their own, and describe every answer and every problem", () => {
  const names = operations().map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const { operation } of operations()) {
    for (const answer of Object.values(operation.responses)) expect(answer.description).not.toBe("");
    expect(Object.keys(operation.responses.default?.content ?? {})).toEqual(["application/problem+json"]);
  }
});

test("every parameter of a path is described, and every reference leads somewhere", () => {
  for (const { path, operation } of operations()) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = (operation.parameters ?? [])
      .filter((each) => each.in === "path")
      .map((each) => each.name);
    expect(described, path).toEqual(inPath);
  }
  const referred = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to);
  expect(referred.length).toBeGreaterThan(20);
  for (const to of referred) {
    expect(Object.keys(document.components.schemas)).toContain(to?.replace("#/components/schemas/", ""));
  }
});

test("schemas are of JSON Schema 2020-12 as OpenAPI 3.1 has it, not of 3.0", () => {
  const text = JSON.stringify(document);
  expect(text).not.toMatch(/"nullable":/);
  expect(text).not.toMatch(/"exclusiveMinimum":(true|false)/);
});

test("no default is one that its own schema refuses", () => {
  const wrong: object[] = [];
  JSON.stringify(document, (_, each) => {
    if (each?.minLength > 0 && each.default === "") wrong.push(each);
    return each;
  });
  expect(wrong).toEqual([]);
});

test("what a cancellation costs, and what a refund is asked with, is told", () => {
  expect(document.paths["/orders/{order_id}/cancel"]?.post?.description).toMatch("fee of 5 %");
  const body = document.paths["/payments/{payment_id}/refunds"]?.post?.requestBody;
  expect(body?.content["application/json"]?.schema).toMatchObject({
    properties: {
      amount: { description: expect.stringMatching("all that is left") },
      reason: { description: expect.stringMatching("audit log") },
    },
  });
});

test("routes that need a token say so, and those that need a key", () => {
  const byName = new Map(operations().map(({ operation }) => [operation.operationId, operation]));
  for (const route of routes) {
    const operation = byName.get(route.name);
    expect(operation?.security !== undefined, route.name).toBe(route.access !== "public");
    const header = operation?.parameters?.some((each) => each.name.endsWith("idempotency-key")) ?? false;
    expect(header, route.name).toBe(route.idempotencyKey !== undefined);
  }
});

test("an upload is described as a form with one file", () => {
  const upload = document.paths["/products/{product_id}/images"]?.post;
  expect(Object.keys(upload?.requestBody?.content ?? {})).toEqual(["multipart/form-data"]);
});

test("the page for trying it out loads, with its scripts and the document", async () => {
  const page = await ask(`${gateway.url}/docs`);
  expect(page.status).toBe(200);
  expect(page.body).toMatch("swagger-ui");
  const scripts = [...(page.body as string).matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, path]) => path ?? "",
  );
  expect(scripts.length).toBeGreaterThan(2);
  for (const path of scripts) {
    const script = await ask(new URL(path, `${gateway.url}/docs`).href);
    expect(script.status, path).toBe(200);
  }
  const given = await ask(`${gateway.url}/docs/json`);
  expect(given.body.paths).toEqual(document.paths);
});
