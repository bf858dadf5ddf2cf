// Traces and metrics as the rest of the kit sees them. Without an OTLP endpoint nothing is
// recorded and only the trace id is kept, so that log lines of one request can be found
// together; with one, telemetry-otel.ts records by the OpenTelemetry SDK.

import type { Env } from "./config.ts";
import type { Log } from "./log.ts";
import { unrecordedSpan } from "./traceparent.ts";

export type SpanKind = "server" | "client" | "internal" | "producer" | "consumer";
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One piece of work in a trace. */
export type Span = {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** The W3C header that makes the callee's spans children of this one. */
  readonly traceparent: string;
  /** Only attributes of the allow-list are recorded; the rest is dropped. */
  set(attributes: Attributes): void;
  /** `error`: what was thrown, if the work failed. A refusal is no error. */
  end(error?: unknown): void;
};

export type Counter = { add(value: number, attributes?: Attributes): void };
/** What a gauge shows now: a value, or one for each set of labels. */
type Readings = readonly { readonly labels?: Attributes; readonly value: number }[];
export type Histogram = { record(value: number, attributes?: Attributes): void };

/** One service's telemetry: its name is on everything that is recorded, even when services share a process. */
export type Telemetry = {
  readonly service: string;
  readonly recording: boolean;
  /** `parent`: a traceparent header; without one a new trace begins. */
  span(name: string, kind: SpanKind, parent: string | undefined, attributes?: Attributes): Span;
  counter(name: string, is?: { description?: string; unit?: string }): Counter;
  histogram(name: string, is?: { description?: string; unit?: string; boundaries?: number[] }): Histogram;
  /** `read` is asked whenever the metrics are sent. It never rejects. */
  gauge(name: string, is: { description?: string; unit?: string }, read: () => Promise<Readings>): void;
  /** Sends what is held back, for two seconds at most, then ends. Never rejects. */
  stop(): Promise<void>;
};

const nothing = { add() {}, record() {} };

export function unrecordedTelemetry(service: string): Telemetry {
  return {
    service,
    recording: false,
    span: (_name, _kind, parent) => unrecordedSpan(parent),
    counter: () => nothing,
    histogram: () => nothing,
    gauge: () => {},
    stop: async () => {},
  };
}

const endpoints = ["", "TRACES_", "METRICS_", "LOGS_"].map(
  (signal) => `OTEL_EXPORTER_OTLP_${signal}ENDPOINT`,
);

/**
 * Recording is on when OpenTelemetry's own variables name an endpoint and do not disable the SDK. The
 * lines of `log` are then sent too. Nothing of the SDK is loaded otherwise.
 */
export async function startTelemetry(service: string, env: Env, log?: Log): Promise<Telemetry> {
  const named = endpoints.some((name) => (env[name] ?? "").trim() !== "");
  if (!named || env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return unrecordedTelemetry(service);
  const { otelTelemetry } = await import("./telemetry-otel.ts");
  return otelTelemetry(service, env, log);
}
