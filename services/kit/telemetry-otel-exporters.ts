// The OTLP exporters, by signal and protocol; only what is used is loaded.
//
// A failed export is reported to us, and to the SDK as done: the SDK's own way of saying so is global to
// the process, and there is nothing that it could do about it.

import { Metadata } from "@grpc/grpc-js";
import type { LogRecordExporter } from "@opentelemetry/sdk-logs";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { ExporterConfig, Signal } from "./telemetry-otel-config.ts";

export type Failed = (signal: Signal, url: string, error: Error | undefined) => void;

/** Exports under way at once; the batches behind them wait in their queue. */
const concurrencyLimit = 4;

export async function spanExporter(to: ExporterConfig, failed: Failed): Promise<SpanExporter> {
  if (to.protocol === "grpc") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc");
    return reporting(new OTLPTraceExporter(overGrpc(to)), "traces", to, failed);
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return reporting(new OTLPTraceExporter(overHttp(to)), "traces", to, failed);
}

export async function metricExporter(to: ExporterConfig, failed: Failed): Promise<PushMetricExporter> {
  if (to.protocol === "grpc") {
    const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-grpc");
    return reporting(new OTLPMetricExporter(overGrpc(to)), "metrics", to, failed);
  }
  const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-proto");
  return reporting(new OTLPMetricExporter(overHttp(to)), "metrics", to, failed);
}

export async function logExporter(to: ExporterConfig, failed: Failed): Promise<LogRecordExporter> {
  if (to.protocol === "grpc") {
    const { OTLPLogExporter } = await import("@opentelemetry/exporter-logs-otlp-grpc");
    return reporting(new OTLPLogExporter(overGrpc(to)), "logs", to, failed);
  }
  const { OTLPLogExporter } = await import("@opentelemetry/exporter-logs-otlp-proto");
  return reporting(new OTLPLogExporter(overHttp(to)), "logs", to, failed);
}

const overHttp = ({ url, headers, timeoutMs }: ExporterConfig) => ({
  url,
  headers: { ...headers },
  timeoutMillis: timeoutMs,
  concurrencyLimit,
});

function overGrpc({ url, headers, timeoutMs }: ExporterConfig) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return { url, metadata, timeoutMillis: timeoutMs, concurrencyLimit };
}

type Exporter = {
  export(items: never, done: (result: { code: number; error?: Error }) => void): void;
};

function reporting<T extends Exporter>(exporter: T, signal: Signal, to: ExporterConfig, failed: Failed): T {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, ({ code, error }) => {
      if (code !== 0) failed(signal, to.url, error);
      done({ code: 0 });
    });
  return exporter;
}
