// OpenTelemetry's own environment variables, as its specification defines them: a value that cannot be
// read is reported and its default holds. Certificates, compression and temporality are left to
// the exporters, which read them from the process.
//
// OTEL_SERVICE_NAME is not read: several services may share a process, and each keeps its own name.

import type { Env } from "./config.ts";

export type Signal = "traces" | "metrics" | "logs";
export type Protocol = "http/protobuf" | "grpc";

export type ExporterConfig = {
  readonly protocol: Protocol;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

export type BatchConfig = {
  readonly queueLengthMax: number;
  readonly batchLengthMax: number;
  readonly delayMs: number;
  readonly timeoutMs: number;
};

export type SamplerConfig = {
  readonly root: "always_on" | "always_off" | "traceidratio";
  readonly parentBased: boolean;
  readonly ratio: number;
};

export type OtelConfig = {
  /** A signal without an endpoint is not recorded. */
  readonly exporters: Readonly<Partial<Record<Signal, ExporterConfig>>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: SamplerConfig;
  readonly spans: BatchConfig;
  readonly logs: BatchConfig;
  readonly metrics: { readonly intervalMs: number; readonly timeoutMs: number };
  /** What could not be read, by variable; values are not repeated. */
  readonly problems: readonly string[];
};

export function readOtelConfig(env: Env): OtelConfig {
  const problems: string[] = [];
  const positive = (name: string, fallback: number): number => {
    const text = env[name]?.trim();
    if (!text) return fallback;
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    problems.push(`${name} is not a number above 0`);
    return fallback;
  };
  const batch = (prefix: string, delayMs: number): BatchConfig => ({
    queueLengthMax: positive(`OTEL_${prefix}_MAX_QUEUE_SIZE`, 2_048),
    batchLengthMax: positive(`OTEL_${prefix}_MAX_EXPORT_BATCH_SIZE`, 512),
    delayMs: positive(`OTEL_${prefix}_SCHEDULE_DELAY`, delayMs),
    timeoutMs: positive(`OTEL_${prefix}_EXPORT_TIMEOUT`, 30_000),
  });
  const intervalMs = positive("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
  const exporters: Partial<Record<Signal, ExporterConfig>> = {};
  for (const signal of ["traces", "metrics", "logs"] as const) {
    const exporter = exporterOf(signal, env, positive, problems);
    if (exporter !== undefined) exporters[signal] = exporter;
  }
  return {
    exporters,
    resource: pairs("OTEL_RESOURCE_ATTRIBUTES", env, problems),
    sampler: samplerOf(env, problems),
    spans: batch("BSP", 5_000),
    logs: batch("BLRP", 1_000),
    metrics: {
      intervalMs,
      timeoutMs: Math.min(intervalMs, positive("OTEL_METRIC_EXPORT_TIMEOUT", 30_000)),
    },
    problems,
  };
}

function exporterOf(
  signal: Signal,
  env: Env,
  positive: (name: string, fallback: number) => number,
  problems: string[],
): ExporterConfig | undefined {
  const upper = signal.toUpperCase();
  const own = (what: string) => `OTEL_EXPORTER_OTLP_${upper}_${what}`;
  const either = (what: string) => env[own(what)]?.trim() || env[`OTEL_EXPORTER_OTLP_${what}`]?.trim();
  if (env[`OTEL_${upper}_EXPORTER`]?.trim() === "none") return undefined;
  if (!either("ENDPOINT")) return undefined;

  const named = either("PROTOCOL") ?? "http/protobuf";
  const protocol = named === "grpc" ? "grpc" : "http/protobuf";
  if (named !== protocol) problems.push(`${own("PROTOCOL")}: only http/protobuf and grpc are supported`);
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim() ?? "";
  const url =
    env[own("ENDPOINT")]?.trim() || (protocol === "grpc" ? base : `${base.replace(/\/+$/, "")}/v1/${signal}`);
  if (!URL.canParse(url.includes("://") ? url : `http://${url}`)) {
    problems.push(`${own("ENDPOINT")} is not a URL, so ${signal} are not recorded`);
    return undefined;
  }
  const timeoutMs = positive(own("TIMEOUT"), positive("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000));
  const headers = {
    ...pairs("OTEL_EXPORTER_OTLP_HEADERS", env, problems),
    ...pairs(own("HEADERS"), env, problems),
  };
  return { protocol, url, headers, timeoutMs };
}

/** `name=value,name=value`, percent-encoded. */
function pairs(name: string, env: Env, problems: string[]): Record<string, string> {
  const text = env[name]?.trim();
  if (!text) return {};
  try {
    return Object.fromEntries(
      text.split(",").map((pair) => {
        const at = pair.indexOf("=");
        if (at < 1) throw new Error("no name");
        return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
      }),
    );
  } catch {
    problems.push(`${name} is not a list of name=value`);
    return {};
  }
}

const samplerPattern = /^(parentbased_)?(always_on|always_off|traceidratio)$/;

function samplerOf(env: Env, problems: string[]): SamplerConfig {
  const fallback: SamplerConfig = { root: "always_on", parentBased: true, ratio: 1 };
  const name = env.OTEL_TRACES_SAMPLER?.trim();
  if (!name) return fallback;
  const match = samplerPattern.exec(name);
  if (match === null) {
    problems.push("OTEL_TRACES_SAMPLER is not a sampler");
    return fallback;
  }
  const root = match[2] as SamplerConfig["root"];
  const argument = env.OTEL_TRACES_SAMPLER_ARG?.trim() || "1";
  const ratio = Number(argument);
  const valid = ratio >= 0 && ratio <= 1;
  if (root === "traceidratio" && !valid) problems.push("OTEL_TRACES_SAMPLER_ARG is not between 0 and 1");
  return { root, parentBased: match[1] !== undefined, ratio: valid ? ratio : 1 };
}
