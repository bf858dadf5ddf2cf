import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  commonSettings,
  portSetting,
  type Running,
  readSettings,
  route,
  type Simulator,
  startSimulator,
} from "./simulator.ts";
import { type Client, clientOf, temporaryFolder } from "./testing.ts";

// A counter stands for a company: `seen` is how often it carried something out.
let seen: number;
let folder: ReturnType<typeof temporaryFolder>;
let running: Running;
let client: Client;

function counter(is: Partial<Simulator> = {}): Simulator {
  return {
    name: "counter",
    host: "127.0.0.1",
    port: 0,
    dataDir: folder.path,
    seed: 1,
    failureRate: { rate: 0, codes: [] },
    migrations: ["CREATE TABLE counts (id TEXT) STRICT"],
    serve: () => ({
      routes: [
        route({
          method: "PUT",
          path: "/v1/things/{id}",
          parameters: z.strictObject({ id: z.string().regex(/^[a-z.]+$/) }),
          body: z.strictObject({ value: z.string().max(100_000) }),
          handle({ parameters }) {
            seen += 1;
            return { status: 200, body: { id: parameters.id } };
          },
        }),
        route({
          method: "GET",
          path: "/v1/things",
          query: z.strictObject({ a: z.string().optional() }),
          handle({ query }) {
            seen += 1;
            return { status: 200, body: query };
          },
        }),
        route({
          method: "GET",
          path: "/v1/bug",
          handle() {
            throw new Error("secret-detail");
          },
        }),
      ],
      clearData: () => {
        seen = 0;
      },
    }),
    ...is,
  };
}

beforeEach(async () => {
  seen = 0;
  folder = temporaryFolder();
  running = await startSimulator(counter());
  client = clientOf(running.urls.http ?? "");
});

afterEach(async () => {
  await running.stop();
  folder.remove();
});

const put = (raw: string | Buffer, contentType = "application/json") =>
  client("PUT", "/v1/things/a", undefined, { raw, contentType });

test.each([
  ["broken JSON", 400, "invalid_request", '{"value": '],
  ["an empty body", 400, "invalid_request", ""],
  ["a body that is not UTF-8", 400, "invalid_request", Buffer.from([0x22, 0xff, 0x22])],
  ["an unknown field", 400, "invalid_request", '{"value": "x", "more": 1}'],
  ["a prototype", 400, "invalid_request", '{"value": "x", "__proto__": {"y": 1}}'],
  ["a list for an object", 400, "invalid_request", "[]"],
  ["very deep nesting", 400, "invalid_request", "[".repeat(60_000)],
  ["a body just over the limit", 413, "body_too_large", `{"value": "${"x".repeat(64 * 1024)}"}`],
  ["a 10 MiB body", 413, "body_too_large", `{"value": "${"x".repeat(10 * 1024 * 1024)}"}`],
])("%s is refused and changes nothing", async (_what, status, reason, raw) => {
  const reply = await put(raw);
  expect(reply).toMatchObject({ status, body: { reason, message: expect.any(String) } });
  expect(seen).toBe(0);
});

test("a body that is not declared as JSON is refused", async () => {
  expect(await put('{"value": "x"}', "text/plain")).toMatchObject({ status: 415 });
  expect(seen).toBe(0);
  expect(await put('{"value": "x"}', "Application/JSON; charset=utf-8")).toMatchObject({ status: 200 });
});

test("a body where none belongs is refused", async () => {
  const reply = await client("GET", "/v1/things", { value: "x" });
  expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
});

test.each([
  "/",
  "/v1/things/",
  "/v1//things/a",
  "/v1/things/a/",
  "/v1/things/../things/a",
  "/v2/things/a",
  "/V1/things/a",
  "*",
  "/v1/things/a%2fb/c",
])("there is nothing at %s", async (path) => {
  const reply = await client("PUT", path, { value: "x" });
  expect(reply).toMatchObject({ status: 404, body: { reason: "not_found" } });
  expect(seen).toBe(0);
});

test.each(["/v1/things/%2e%2e%2f", "/v1/things/%00", "/v1/things/%zz", "/v1/things/a%2Fb"])(
  "the parameter in %s is refused",
  async (path) => {
    const reply = await client("PUT", path, { value: "x" });
    expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
    expect(seen).toBe(0);
  },
);

test.each(["?a=1&a=2", "?b=1", "?__proto__=1", "?constructor=1"])(
  "the query %s is refused",
  async (query) => {
    const reply = await client("GET", `/v1/things${query}`);
    expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  },
);

test("another method says which ones there are", async () => {
  const reply = await client("DELETE", "/v1/things/a");
  expect(reply).toMatchObject({ status: 405, body: { reason: "method_not_allowed" } });
  expect(reply.headers.allow).toBe("PUT");
});

test("a bug is answered without its details", async () => {
  const reply = await client("GET", "/v1/bug");
  expect(reply.status).toBe(500);
  expect(JSON.stringify(reply.body)).not.toContain("secret-detail");
});

test("an injected error comes before the request is carried out", async () => {
  await client("PUT", "/admin/failures", { rate: 1, codes: [503] });
  const reply = await client("PUT", "/v1/things/a", { value: "x" });
  expect(reply).toMatchObject({ status: 503, body: { reason: "injected_failure" } });
  expect(seen).toBe(0);
  expect(await client("GET", "/admin/failures")).toMatchObject({
    status: 200,
    body: { rate: 1, codes: [503] },
  });
});

test("a dropped request gets no answer and is not carried out", async () => {
  await client("POST", "/admin/scenarios", { do: "drop" });
  await expect(client("GET", "/v1/things")).rejects.toThrow();
  expect(seen).toBe(0);
  expect(await client("GET", "/v1/things")).toMatchObject({ status: 200 });
});

test("a request that is processed and then times out was carried out once", async () => {
  await client("POST", "/admin/scenarios", { do: "processed_then_timeout", match: { method: "GET" } });
  const impatient = client("GET", "/v1/things", undefined, { signal: AbortSignal.timeout(200) });
  await expect(impatient).rejects.toThrow();
  expect(seen).toBe(1);
});

test("a slow request is late and otherwise as usual", async () => {
  await client("POST", "/admin/scenarios", { do: "slow", delay_ms: 60 });
  const startedAt = performance.now();
  expect(await client("GET", "/v1/things")).toMatchObject({ status: 200 });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
});

test("a reset takes failures and scenarios away, and the data when asked to", async () => {
  await client("GET", "/v1/things");
  await client("PUT", "/admin/failures", { rate: 1, codes: [500] });
  await client("POST", "/admin/scenarios", { do: "drop", times: 5 });
  await client("POST", "/admin/reset", {});
  expect((await client("GET", "/admin/scenarios")).body).toEqual({ scenarios: [] });
  expect(await client("GET", "/v1/things")).toMatchObject({ status: 200 });
  expect(seen).toBe(2);
  await client("POST", "/admin/reset", { data: true });
  expect(seen).toBe(0);
});

test("failures and scenarios that were set outlive a restart", async () => {
  const unset = { failureRate: undefined };
  const other = temporaryFolder();
  const before = await startSimulator(counter({ ...unset, dataDir: other.path }));
  const by = clientOf(before.urls.http ?? "");
  await by("PUT", "/admin/failures", { rate: 1, codes: [503] });
  await by("POST", "/admin/scenarios", { do: "error", status: 418 });
  await before.stop();
  const after = await startSimulator(counter({ ...unset, dataDir: other.path }));
  const again = clientOf(after.urls.http ?? "");
  expect(await again("GET", "/v1/things")).toMatchObject({ status: 418 });
  expect(await again("GET", "/v1/things")).toMatchObject({ status: 503 });
  await after.stop();
  other.remove();
});

test.each([
  { do: "explode" },
  { do: "error" },
  { do: "error", status: 200 },
  { do: "slow", delay_ms: -1 },
  { do: "slow", delay_ms: 1e9 },
  { do: "drop", times: 0 },
  { do: "drop", match: { header: "x" } },
])("the scenario %j is refused", async (scenario) => {
  expect(await client("POST", "/admin/scenarios", scenario)).toMatchObject({ status: 400 });
});

test("stopping ends requests that are held back, and twice is as good as once", async () => {
  await client("POST", "/admin/scenarios", { do: "processed_then_timeout" });
  const held = client("GET", "/v1/things").catch(() => "ended");
  await expect.poll(() => seen).toBe(1);
  await running.stop();
  await running.stop();
  expect(await held).toBe("ended");
});

test("a second start on the same data says so", async () => {
  await expect(startSimulator(counter())).rejects.toThrow("another process is using it");
});

test("a taken port says so, and lets go of the data", async () => {
  const other = temporaryFolder();
  const port = Number(new URL(running.urls.http ?? "").port);
  const taken = startSimulator(counter({ port, dataDir: other.path }));
  await expect(taken).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
  const started = await startSimulator(counter({ dataDir: other.path }));
  await started.stop();
  other.remove();
});

test("a file that is no database says so in one line", async () => {
  const other = temporaryFolder();
  writeFileSync(
    join(other.path, "counter.sqlite"),
    "this is not a database file at all, just text".repeat(100),
  );
  await expect(startSimulator(counter({ dataDir: other.path }))).rejects.toThrow(/^cannot use [^\n]+$/);
  other.remove();
});

test("a file of a newer version is left alone", async () => {
  const other = temporaryFolder();
  const newer = await startSimulator(
    counter({ dataDir: other.path, migrations: ["SELECT 1", "SELECT 2", "SELECT 3"] }),
  );
  await newer.stop();
  await expect(startSimulator(counter({ dataDir: other.path }))).rejects.toThrow("newer version");
  other.remove();
});

test("all problems with the settings are told at once", () => {
  const settings = { ...commonSettings, COUNTER_PORT: portSetting(1) };
  const read = () => readSettings("counter", settings, { COUNTER_PORT: "70000", FAILURES: "some" });
  expect(read).toThrow("COUNTER_PORT");
  expect(read).toThrow("FAILURES");
  expect(readSettings("counter", settings, { COUNTER_PORT: "" }).COUNTER_PORT).toBe(1);
});
