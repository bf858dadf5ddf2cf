// The W3C header by which a trace goes from process to process.

import { randomBytes } from "node:crypto";
import type { Span } from "./telemetry.ts";

const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

export type TraceParent = { readonly traceId: string; readonly spanId: string; readonly sampled: boolean };

/** Reads the W3C header; what is malformed is as if it were not there. */
export function readTraceparent(header: string | undefined): TraceParent | undefined {
  const match = header === undefined ? null : traceparentPattern.exec(header);
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function traceparentOf({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** Hands on the trace that it is in, or the id of a new one that nobody records. */
export function unrecordedSpan(parent: string | undefined): Span {
  const given = readTraceparent(parent);
  const fresh = given === undefined ? randomBytes(24).toString("hex") : "";
  const traceId = given?.traceId ?? fresh.slice(0, 32);
  const spanId = given?.spanId ?? fresh.slice(32);
  const traceparent = traceparentOf({ traceId, spanId, sampled: given?.sampled ?? false });
  return { traceId, spanId, traceparent, set() {}, end() {} };
}
