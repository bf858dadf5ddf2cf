// What telemetry takes from its surroundings: the environment, the trace's header, names of attributes.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { sensitiveFields } from "./rpc-options.ts";
import { startTelemetry, type Telemetry } from "./telemetry.ts";
import { metricAttributes, spanAttributes } from "./telemetry-otel-attributes.ts";
import { readOtelConfig } from "./telemetry-otel-config.ts";
import { type Receiver, receiveOverHttp } from "./telemetry-otel-receiver.ts";

const run = promisify(execFile);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function receiver(open: () => Promise<Receiver> = receiveOverHttp): Promise<Receiver> {
  const opened = await open();
  closers.push(() => opened.stop());
  return opened;
}

describe("the trace context", () => {
  const parent = (flags: string) => `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`;

  async function telemetry(env: Record<string, string> = {}): Promise<Telemetry> {
    const { url } = await receiver();
    const started = await startTelemetry("cart", { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...env });
    closers.push(() => started.stop());
    return started;
  }

  test("goes on in the parent's trace, and says itself whether it is sampled", async () => {
    const { span } = await telemetry();
    const child = span("child", "server", parent("01"));
    expect(child.traceId).toBe("a".repeat(32));
    expect(child.traceparent).toBe(`00-${"a".repeat(32)}-${child.spanId}-01`);
    expect(span("child", "server", parent("00")).traceparent).toMatch(/-00$/);
    expect(span("root", "server", undefined).traceparent).toMatch(/-01$/);
  });

  test.each([
    ["", "empty"],
    ["00-abc-def-01", "too short"],
    [`00-${"0".repeat(32)}-${"b".repeat(16)}-01`, "no trace id"],
    [`00-${"a".repeat(32)}-${"0".repeat(16)}-01`, "no span id"],
    [`00-${"A".repeat(32)}-${"b".repeat(16)}-01`, "upper case"],
    [`${parent("01")}\r\nx: y`, "more than a header"],
  ])("begins anew where the header is not valid: %j (%s)", async (header) => {
    const { span } = await telemetry();
    for (const each of [
      span("x", "server", header),
      (await startTelemetry("cart", {})).span("x", "server", header),
    ]) {
      expect(each.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
      expect(each.traceId).not.toMatch(/^(a+|0+)$/);
    }
  });

  test.each([
    ["always_off", "", /-00$/],
    ["parentbased_always_off", "", /-00$/],
    ["parentbased_traceidratio", "0", /-00$/],
    ["traceidratio", "1", /-01$/],
    ["no_such_sampler", "", /-01$/],
  ])("is sampled as OTEL_TRACES_SAMPLER=%s %s says", async (sampler, argument, flags) => {
    const { span } = await telemetry({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument });
    expect(span("root", "server", undefined).traceparent).toMatch(flags);
  });

  test("a service that records nothing hands on whether the trace is sampled", async () => {
    const { span } = await startTelemetry("cart", {});
    expect(span("x", "server", parent("01")).traceparent).toBe(parent("01"));
    expect(span("x", "server", parent("00")).traceparent).toBe(parent("00"));
  });
});

describe("attributes", () => {
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

  test("none is the name of a field that the contracts call sensitive", () => {
    const sensitive = [...sensitiveFields()].map(plain);
    expect(sensitive.length).toBeGreaterThan(5);
    for (const name of [...spanAttributes, ...metricAttributes]) {
      const last = plain(name.split(".").at(-1) ?? "");
      // `db.system.name` and its like name a thing of ours, never a person.
      const ownName = /^(db|messaging)\./.test(name) && last === "name";
      expect(sensitive.filter((each) => !ownName && (each === last || each === plain(name)))).toEqual([]);
    }
  });

  test("no label of a metric is an id, of which there are ever more", () => {
    const ids = [...metricAttributes].filter((name) => /(^|[._])id$/.test(name));
    expect(ids).toEqual(["product_id"]);
  });
});

describe("the environment", () => {
  test("what cannot be read is named, without its value, and the default holds", () => {
    const config = readOtelConfig({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/base/",
      OTEL_EXPORTER_OTLP_TIMEOUT: "soon",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization",
      OTEL_BSP_MAX_QUEUE_SIZE: "-1",
      OTEL_TRACES_SAMPLER_ARG: "7",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://logs:4318/own",
    });
    expect(config.exporters).toEqual({
      traces: {
        protocol: "http/protobuf",
        url: "http://collector:4318/base/v1/traces",
        headers: {},
        timeoutMs: 10_000,
      },
      logs: { protocol: "http/protobuf", url: "http://logs:4318/own", headers: {}, timeoutMs: 10_000 },
    });
    expect(config.spans.queueLengthMax).toBe(2_048);
    expect(config.sampler.ratio).toBe(1);
    expect(new Set(config.problems.map((problem) => problem.split(" ")[0]))).toEqual(
      new Set([
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_TRACES_SAMPLER_ARG",
      ]),
    );
    expect(config.problems.join()).not.toMatch(/soon|authorization|-1|7/);
  });

  test("an endpoint that is no URL leaves its signal out", async () => {
    const telemetry = await startTelemetry("cart", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "::" });
    expect(telemetry.span("x", "server", undefined).traceparent).toMatch(/-00$/);
    await telemetry.stop();
  });
});

describe("as a process", () => {
  const folder = fileURLToPath(new URL("./", import.meta.url));

  const script = (source: string, env: Record<string, string> = {}) =>
    run(process.execPath, ["--input-type=module-typescript", "--eval", source], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", ...env },
      timeout: 20_000,
    });

  const loaded = (env: Record<string, string>) =>
    script(
      `import { registerHooks } from "node:module";
       const seen: string[] = [];
       registerHooks({ resolve: (name, context, next) => { seen.push(name); return next(name, context); } });
       const { startTelemetry } = await import("./telemetry.ts");
       const telemetry = await startTelemetry("cart", process.env);
       telemetry.span("x", "server", undefined).end();
       await telemetry.stop();
       console.log(JSON.stringify(seen.filter((name) => name.includes("opentelemetry") || name.includes("otel"))));`,
      env,
    );

  test.each([
    ["no endpoint is set", {}],
    ["the SDK is disabled", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" }],
  ])("nothing of the SDK is loaded when %s", async (_when, env) => {
    expect(JSON.parse((await loaded(env)).stdout)).toEqual([]);
  });

  test("lines are still printed when they are sent too", async () => {
    const received = await receiver();
    const { stdout } = await script(
      `import { openLog } from "./log.ts";
       import { startTelemetry } from "./telemetry.ts";
       const log = openLog("cart", { level: "info" });
       const telemetry = await startTelemetry("cart", process.env, log);
       log.child({ part: "child" }).warn({ error: new Error("Bearer abcdefghijkl") }, "printed and sent, pm_card_visa");
       await telemetry.stop();
       log.info("after the end");`,
      { OTEL_EXPORTER_OTLP_ENDPOINT: received.url },
    );
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ msg }) => msg)).toEqual(["printed and sent, [redacted]", "after the end"]);
    expect(received.logs).toMatchObject([
      {
        body: "printed and sent, [redacted]",
        attributes: { part: "child", "exception.message": "Bearer [redacted]" },
      },
    ]);
  });
});
