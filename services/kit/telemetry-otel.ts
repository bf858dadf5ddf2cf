// Traces, metrics and logs by the OpenTelemetry SDK, sent by OTLP. Loaded only when an endpoint is set.
//
// Invariants:
//   O1. Each service has providers of its own and none is registered globally, so that services which
//       share a process keep their names, and no library is traced behind our back.
//   O2. A span or a metric has only the attributes that telemetry-otel-attributes.ts names, and texts are redacted.
//   O3. A collector that is slow or down costs what waits for it and nothing else: queues are bounded,
//       what does not fit is dropped, and the log says so once a minute at most.
//
// Exemplars: the SDK has none yet for metrics. A log line has its trace id, and a span its logs.

import { randomUUID } from "node:crypto";
import {
  type Context,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind as SdkSpanKind,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Env } from "./config.ts";
import { copyLines, type Log } from "./log.ts";
import { redact } from "./redaction.ts";
import type { Attributes, Counter, Histogram, Span, SpanKind, Telemetry } from "./telemetry.ts";
import { allowed, metricAttributes, spanAttributes } from "./telemetry-otel-attributes.ts";
import {
  type BatchConfig,
  type OtelConfig,
  readOtelConfig,
  type SamplerConfig,
} from "./telemetry-otel-config.ts";
import { type Failed, logExporter, metricExporter, spanExporter } from "./telemetry-otel-exporters.ts";
import { lineSender } from "./telemetry-otel-logs.ts";
import { readTraceparent, traceparentOf, unrecordedSpan } from "./traceparent.ts";

const scope = "@webstore/kit";
const stopMaxMs = 2_000;
const complainEveryMs = 60_000;
const messageLengthMax = 1_024;

/** Where a duration in seconds is cut into buckets: RPCs here take milliseconds, what calls partners takes seconds. */
const secondsBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10];

type Spans = Telemetry["span"];
type Meters = Pick<Telemetry, "counter" | "histogram" | "gauge">;
type Part<T> = { readonly use: T; readonly stop: () => Promise<void> };

export async function otelTelemetry(service: string, env: Env, log?: Log): Promise<Telemetry> {
  const config = readOtelConfig(env);
  for (const problem of config.problems) log?.warn({ problem }, "an OpenTelemetry variable cannot be read");
  const resource = resourceOf(service, config);
  const failed = complainer(log);

  const spans = await openSpans(resource, config, failed);
  const meters = await openMeters(resource, config, failed);
  const stopLines = log === undefined ? undefined : await sendLines(log, resource, config, failed);
  const stops = [spans.stop, meters.stop, ...(stopLines === undefined ? [] : [stopLines])];
  return {
    service,
    recording: true,
    span: spans.use,
    ...meters.use,
    stop: () => stopAll(stops),
  };
}

function resourceOf(service: string, config: OtelConfig): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      "service.namespace": "webstore",
      "service.instance.id": randomUUID(),
      ...config.resource,
      "service.name": service,
    }),
  );
}

/** O3: says that the collector takes nothing, once a minute at most over all services of the process. */
let complainedAtMs = Number.NEGATIVE_INFINITY;

function complainer(log: Log | undefined): Failed {
  return (signal, url, error) => {
    const nowMs = performance.now();
    if (nowMs - complainedAtMs < complainEveryMs) return;
    complainedAtMs = nowMs;
    const { host } = new URL(url.includes("://") ? url : `http://${url}`);
    log?.warn({ signal, collector: host, problem: error?.message }, "the collector takes no telemetry");
  };
}

async function openSpans(resource: Resource, config: OtelConfig, failed: Failed): Promise<Part<Spans>> {
  const to = config.exporters.traces;
  if (to === undefined)
    return { use: (_name, _kind, parent) => unrecordedSpan(parent), stop: async () => {} };
  const exporter = await spanExporter(to, failed);
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(config.sampler),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...batching(config.spans) })],
  });
  const tracer = provider.getTracer(scope);
  const use: Spans = (name, kind, parent, attributes = {}) => {
    const context = contextOf(parent, kind === "server" || kind === "consumer");
    const is = { kind: sdkKinds[kind], attributes: allowed(attributes, spanAttributes) };
    return spanOf(tracer.startSpan(name, is, context));
  };
  return { use, stop: () => provider.shutdown() };
}

const sdkKinds: Readonly<Record<SpanKind, SdkSpanKind>> = {
  internal: SdkSpanKind.INTERNAL,
  server: SdkSpanKind.SERVER,
  client: SdkSpanKind.CLIENT,
  producer: SdkSpanKind.PRODUCER,
  consumer: SdkSpanKind.CONSUMER,
};

function samplerOf({ root: name, parentBased, ratio }: SamplerConfig): Sampler {
  const roots: Readonly<Record<SamplerConfig["root"], () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = roots[name]();
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

const batching = (is: BatchConfig) => ({
  maxQueueSize: is.queueLengthMax,
  maxExportBatchSize: Math.min(is.batchLengthMax, is.queueLengthMax),
  scheduledDelayMillis: is.delayMs,
  exportTimeoutMillis: is.timeoutMs,
});

function contextOf(traceparent: string | undefined, isRemote: boolean): Context {
  const parent = readTraceparent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote } satisfies SpanContext);
}

function spanOf(span: SdkSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  return {
    traceId,
    spanId,
    traceparent: traceparentOf({ traceId, spanId, sampled }),
    set: (attributes: Attributes) => {
      if (span.isRecording()) span.setAttributes(allowed(attributes, spanAttributes));
    },
    end: (error) => {
      if (error !== undefined && span.isRecording()) recordFailure(span, error);
      span.end();
    },
  };
}

function recordFailure(span: SdkSpan, error: unknown) {
  const name = error instanceof Error ? error.name : typeof error;
  const text = error instanceof Error ? error.message : String(error);
  const message = redact(text).slice(0, messageLengthMax);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.setAttribute("error.type", name);
  // Its stack is in the log line of this span, where it can be searched.
  span.addEvent("exception", { "exception.type": name, "exception.message": message });
}

async function openMeters(resource: Resource, config: OtelConfig, failed: Failed): Promise<Part<Meters>> {
  const to = config.exporters.metrics;
  const nothing = { add() {}, record() {} };
  if (to === undefined)
    return { use: { counter: () => nothing, histogram: () => nothing, gauge() {} }, stop: async () => {} };
  const reader = new PeriodicExportingMetricReader({
    exporter: await metricExporter(to, failed),
    exportIntervalMillis: config.metrics.intervalMs,
    exportTimeoutMillis: config.metrics.timeoutMs,
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter(scope);
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  const use: Meters = {
    counter: (name, is) =>
      getOrMake(counters, name, () => {
        const counter = meter.createCounter(name, is);
        return { add: (value, attributes = {}) => counter.add(value, allowed(attributes, metricAttributes)) };
      }),
    histogram: (name, is = {}) =>
      getOrMake(histograms, name, () => {
        const { boundaries = is.unit === "s" ? secondsBoundaries : undefined, ...rest } = is;
        const advice = boundaries === undefined ? {} : { advice: { explicitBucketBoundaries: boundaries } };
        const histogram = meter.createHistogram(name, { ...rest, ...advice });
        return {
          record: (value, attributes = {}) => histogram.record(value, allowed(attributes, metricAttributes)),
        };
      }),
    gauge: (name, is, read) => {
      meter.createObservableGauge(name, is).addCallback(async (result) => {
        for (const { labels = {}, value } of await read())
          result.observe(value, allowed(labels, metricAttributes));
      });
    },
  };
  return { use, stop: () => provider.shutdown() };
}

function getOrMake<T>(all: Map<string, T>, name: string, make: () => T): T {
  const known = all.get(name);
  if (known !== undefined) return known;
  const made = make();
  all.set(name, made);
  return made;
}

async function sendLines(
  log: Log,
  resource: Resource,
  config: OtelConfig,
  failed: Failed,
): Promise<(() => Promise<void>) | undefined> {
  const to = config.exporters.logs;
  if (to === undefined) return undefined;
  const exporter = await logExporter(to, failed);
  const processors = [new BatchLogRecordProcessor({ exporter, ...batching(config.logs) })];
  const provider = new LoggerProvider({ resource, processors });
  copyLines(log, lineSender(provider.getLogger(scope)));
  return () => provider.shutdown();
}

async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, stopMaxMs);
  });
  const done = Promise.allSettled(stops.map((stop) => stop()));
  await Promise.race([done, late]);
  clearTimeout(timer);
}
