// Gauges that are read when somebody asks for them: by a scrape of /metrics, and by the OTel exporter.
//
// Invariants:
//   G1. However many ask, a gauge is read at most once a second, and by one reader at a time.
//   G2. A gauge that cannot be read is absent, not stale, and holds up neither the others nor the scrape for longer
//       than two seconds; the log says so once, and again when it can be read.

import type { Metric, Registry } from "prom-client";
import { describeError, type Log } from "./log.ts";
import type { Telemetry } from "./telemetry.ts";

/** `labels` have few values: no ids. To OTel go those that telemetry-otel-attributes.ts names. */
export type Reading = { readonly labels?: Readonly<Record<string, string>>; readonly value: number };
export type ReadGauge = () => readonly Reading[] | Promise<readonly Reading[]>;
export type AddGauge = (name: string, description: string, read: ReadGauge) => void;

const keptMs = 1_000;
const readMaxMs = 2_000;

export function openGauges(is: {
  registry: Registry;
  telemetry: Telemetry;
  log: Log;
  nowMs: () => number;
}): AddGauge {
  return (name, description, read) => {
    const readings = keep(name, read, is);
    is.telemetry.gauge(name, { description }, readings);
    const get = async () => ({
      name,
      help: description,
      type: "gauge",
      aggregator: "sum",
      values: (await readings()).map(({ labels = {}, value }) => ({ labels, value })),
    });
    // The library's own gauge wants to know the labels beforehand, and keeps what it was told.
    is.registry.registerMetric({ name, get, reset() {} } as unknown as Metric);
  };
}

function keep(
  name: string,
  read: ReadGauge,
  { log, nowMs }: { log: Log; nowMs: () => number },
): () => Promise<readonly Reading[]> {
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<readonly Reading[]> = Promise.resolve([]);
  let isFailing = false;
  const readOnce = async () => {
    try {
      const readings = await inTime(read);
      isFailing = false;
      return readings;
    } catch (error) {
      if (!isFailing) log.warn({ gauge: name, error: describeError(error) }, "a gauge cannot be read");
      isFailing = true;
      return [];
    }
  };
  return () => {
    if (nowMs() - readAtMs >= keptMs) {
      readAtMs = nowMs();
      reading = readOnce();
    }
    return reading;
  };
}

async function inTime(read: ReadGauge): Promise<readonly Reading[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${readMaxMs} ms`)), readMaxMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(read), late]);
  } finally {
    clearTimeout(timer);
  }
}
