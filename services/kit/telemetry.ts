// Traces and metrics as the rest of the kit sees them. Without an OTLP endpoint nothing is
// recorded and only the trace id is kept, so that log lines of one request can be found
// together; with one, telemetry-otel.ts records by the OpenTelemetry SDK.

import { randomBytes } from "node:crypto";

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
export type Histogram = { record(value: number, attributes?: Attributes): void };

/** One service's telemetry: its name is on everything that is recorded, even when services share a process. */
export type Telemetry = {
  readonly service: string;
  readonly recording: boolean;
  /** `parent`: a traceparent header; without one a new trace begins. */
  span(name: string, kind: SpanKind, parent: string | undefined, attributes?: Attributes): Span;
  counter(name: string, is?: { description?: string; unit?: string }): Counter;
  histogram(name: string, is?: { description?: string; unit?: string; boundaries?: number[] }): Histogram;
  /** Sends what is held back, then ends. */
  stop(): Promise<void>;
};

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

function unrecordedSpan(parent: string | undefined): Span {
  const match = parent === undefined ? null : traceparentPattern.exec(parent);
  const fresh = match === null ? randomBytes(24).toString("hex") : "";
  const traceId = match?.[1] ?? fresh.slice(0, 32);
  const spanId = match?.[2] ?? fresh.slice(32);
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-00`, set() {}, end() {} };
}

const nothing = { add() {}, record() {} };

export function unrecordedTelemetry(service: string): Telemetry {
  return {
    service,
    recording: false,
    span: (_name, _kind, parent) => unrecordedSpan(parent),
    counter: () => nothing,
    histogram: () => nothing,
    stop: async () => {},
  };
}

/** Recording is on when OpenTelemetry's own variables name an endpoint and do not disable the SDK. */
export async function startTelemetry(
  service: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Telemetry> {
  const off = !env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_SDK_DISABLED === "true";
  if (off) return unrecordedTelemetry(service);
  const { otelTelemetry } = await import("./telemetry-otel.ts");
  return otelTelemetry(service, env);
}
