import { createServer } from "node:net";
import { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { background, currentContext, inContext } from "./context.ts";
import { call } from "./definition.ts";
import { openLog } from "./log.ts";
import { Outage } from "./refusal.ts";
import { openRpcClient } from "./rpc-client.ts";
import { startTelemetry } from "./telemetry.ts";
import { type Receiver, receiveOverGrpc, receiveOverHttp } from "./telemetry-otel-receiver.ts";
import { serveContract, testInternalKey } from "./testing-rpc.ts";

const canaries = ["4242424242424242", "hunter2-canary", "eyJcanary", "sk_test_canary", "5555 5555 5555 4444"];

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function receiver(open: () => Promise<Receiver> = receiveOverHttp): Promise<Receiver> {
  const opened = await open();
  closers.push(() => opened.stop());
  return opened;
}

/** Two services in one process, `gateway` calling `cart`, whose handler fails when it is given a canary. */
async function twoServices(env: Record<string, string>) {
  const log = openLog("cart", { level: "info", file: "/dev/null" });
  const callee = await startTelemetry("cart", env, log);
  const caller = await startTelemetry("gateway", env);
  const served = await serveContract(
    CartServiceDefinition,
    {
      getCart: async () => {
        currentContext().span?.set({
          "search.terms": `shoes ${canaries[0]}`,
          "card.number": canaries[0] as string,
        });
        log.info(
          { order_id: "order-7", password: canaries[1], note: { deep: `password=${canaries[1]}` } },
          "cart read",
        );
        return { cart: undefined };
      },
      removeItem: async () => {
        throw new Outage("payments", `refused password=${canaries.slice(1).join(" ")} ${canaries[0]}`);
      },
    },
    { name: "cart", telemetry: callee, log },
  );
  const use = call(served.definition, {
    methods: ["getCart", "removeItem"],
    timeoutMs: 5_000,
    attemptsMax: 1,
  });
  const { client, close } = openRpcClient(use, served.address, {
    caller: "gateway",
    internalKey: testInternalKey,
    mesh: "none",
    telemetry: caller,
    nowMs: Date.now,
    random: Math.random,
  });
  const stop = async () => {
    close();
    await served.drain(1_000);
    await Promise.all([callee.stop(), caller.stop()]);
  };
  return { client, caller, stop };
}

const productId = "3f2b8c1e-1234-4abc-8def-1234567890ab";

async function oneTrace(env: Record<string, string>) {
  const { client, caller, stop } = await twoServices(env);
  const root = caller.span("GET /cart", "server", undefined, {
    "http.route": "/cart",
    "card.number": canaries[0] as string,
  });
  await inContext({ ...background, span: root, bearerToken: undefined }, async () => {
    await client.getCart({ customerId: "" });
    await expect(client.removeItem({ customerId: "", productId })).rejects.toThrow();
  });
  caller.counter("webstore.cart.additions").add(2, { country: "DE", "card.number": canaries[0] as string });
  root.end();
  await stop();
  return root;
}

describe.each([
  ["http/protobuf", receiveOverHttp],
  ["grpc", receiveOverGrpc],
])("over %s", (protocol, open) => {
  let received: Receiver;
  let root: Awaited<ReturnType<typeof oneTrace>>;
  beforeAll(async () => {
    received = await open();
    root = await oneTrace({
      OTEL_EXPORTER_OTLP_ENDPOINT: received.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=store%201",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.name=ignored",
    });
  });
  afterAll(() => received.stop());

  const spanNamed = (service: string, name: RegExp) =>
    received.spans.find((span) => span.service === service && name.test(span.name));

  test("spans of two services in one process keep their names and make one tree", () => {
    const top = spanNamed("gateway", /^GET/);
    const out = spanNamed("gateway", /GetCart$/);
    const inside = spanNamed("cart", /GetCart$/);
    expect(top).toMatchObject({ traceId: root.traceId, spanId: root.spanId, parentSpanId: "", kind: 2 });
    expect(out).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, kind: 3 });
    expect(inside).toMatchObject({ traceId: root.traceId, parentSpanId: out?.spanId, kind: 2 });
  });

  test("a span has the attributes that are allowed and no others", () => {
    expect(spanNamed("cart", /GetCart$/)?.attributes).toEqual({
      "rpc.system": "grpc",
      "rpc.service": "webstore.cart.v1.CartService",
      "rpc.method": "GetCart",
      "search.terms": "shoes [redacted]",
    });
    expect(spanNamed("gateway", /^GET/)?.attributes).toEqual({ "http.route": "/cart" });
  });

  test("a failure is a status and an exception's type, with its message redacted", () => {
    const failed = spanNamed("cart", /RemoveItem$/);
    expect(failed).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "Outage" } });
    expect(failed?.events).toMatchObject([{ name: "exception", attributes: { "exception.type": "Outage" } }]);
    expect(failed?.status.message).toMatch(/^refused password=\[redacted\]/);
    expect(spanNamed("cart", /GetCart$/)?.status.code).toBe(0);
  });

  test("a log line arrives with its trace, its fields and its service", () => {
    const span = spanNamed("cart", /GetCart$/);
    expect(received.logs.find(({ body }) => body === "cart read")).toEqual({
      service: "cart",
      severity: "info",
      body: "cart read",
      traceId: span?.traceId,
      spanId: span?.spanId,
      attributes: { order_id: "order-7", note: { deep: "password=[redacted]" } },
    });
    const failed = received.logs.find(({ body }) => body === "RPC failed");
    expect(failed?.attributes).toMatchObject({ "exception.type": "Outage" });
  });

  test("durations arrive as histograms in seconds, counters with their labels", () => {
    const duration = received.points.find(
      ({ name, attributes }) => name === "rpc.server.duration" && attributes["rpc.method"] === "GetCart",
    );
    expect(duration).toMatchObject({ service: "cart", unit: "s", count: 1 });
    expect(duration?.attributes).toMatchObject({ "rpc.grpc.status_code": "OK" });
    expect(duration?.value).toBeLessThan(5);
    expect(duration?.boundaries).toEqual([
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10,
    ]);
    expect(received.points.find(({ name }) => name === "webstore.cart.additions")).toMatchObject({
      service: "gateway",
      value: 2,
      attributes: { country: "DE" },
    });
  });

  test("the resource says what service it is, and what the environment adds", () => {
    expect(received.resources.get("cart")).toMatchObject({
      "service.namespace": "webstore",
      "deployment.environment.name": "test",
    });
    expect([...received.resources.keys()].sort()).toEqual(["cart", "gateway"]);
    expect(received.headers[0]).toMatchObject({ "x-tenant": "store 1" });
  });

  test("no canary is in any payload", () => {
    expect(received.payloads.length).toBeGreaterThanOrEqual(4);
    const bytes = Buffer.concat(received.payloads).toString("latin1");
    for (const canary of canaries) expect(bytes).not.toContain(canary);
  });
});

describe("a collector that is down", () => {
  /** A port that refuses, and one that takes everything and never answers. */
  async function port(answers: boolean): Promise<string> {
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address() as { port: number };
    const close = () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    };
    if (answers) closers.push(close);
    else await close();
    return `http://127.0.0.1:${address.port}`;
  }

  test.each([
    ["refuses", false],
    ["never answers", true],
  ])("and %s neither fails a request nor holds up the end", async (_how, answers) => {
    const { client, stop } = await twoServices({
      OTEL_EXPORTER_OTLP_ENDPOINT: await port(answers),
      OTEL_BSP_SCHEDULE_DELAY: "5",
      OTEL_BLRP_SCHEDULE_DELAY: "5",
    });
    for (let index = 0; index < 50; index += 1) await client.getCart({ customerId: "" });
    const startedAt = performance.now();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test("is complained of once a minute, over all services and signals", async () => {
    const clock = vi.spyOn(performance, "now");
    closers.push(() => clock.mockRestore());
    clock.mockReturnValue(10_000_000);
    const log = openLog("cart", { level: "silent" });
    const warn = vi.spyOn(log, "warn");
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: await port(false),
      OTEL_EXPORTER_OTLP_TIMEOUT: "50",
      OTEL_BSP_SCHEDULE_DELAY: "5",
    };
    const both = [await startTelemetry("cart", env, log), await startTelemetry("orders", env, log)];
    closers.push(...both.map((each) => () => each.stop()));
    const failOnce = async () => {
      for (const each of both) each.span("x", "server", undefined).end();
    };
    await failOnce();
    await expect.poll(() => warn.mock.calls.length, { interval: 10, timeout: 5_000 }).toBe(1);
    for (let index = 0; index < 5; index += 1) await failOnce();
    clock.mockReturnValue(10_060_001);
    await expect
      .poll(
        async () => {
          await failOnce();
          return warn.mock.calls.length;
        },
        { interval: 20, timeout: 5_000 },
      )
      .toBe(2);
    expect(JSON.stringify(warn.mock.calls)).toContain("the collector takes no telemetry");
  });

  test("keeps no more than the queue holds", async () => {
    const received = await receiver();
    const telemetry = await startTelemetry("cart", {
      OTEL_EXPORTER_OTLP_ENDPOINT: received.url,
      OTEL_BSP_MAX_QUEUE_SIZE: "10",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "100",
    });
    for (let index = 0; index < 1_000; index += 1) telemetry.span("x", "internal", undefined).end();
    await telemetry.stop();
    expect(received.spans.length).toBeLessThanOrEqual(20);
  });
});
