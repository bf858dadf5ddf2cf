// JSON log lines by pino. Each carries its service and, inside a request, the trace.
//
// Invariant L1: no line carries a secret. Fields with the names below are removed wherever
// they stand, messages of the contracts are never logged whole, and an error is logged by
// its name, message and stack only, never with the request that caused it.

import pino from "pino";
import { currentContext } from "./context.ts";

export type Log = pino.Logger;

const secretNames = [
  "authorization",
  "password",
  "token",
  "accessToken",
  "access_token",
  "refreshToken",
  "refresh_token",
  "bearerToken",
  "paymentMethodToken",
  "payment_method_token",
  "clientSecret",
  "client_secret",
  "apiKey",
  "api_key",
  "secret",
  "cookie",
  "number",
  "cvc",
  "cvv",
];

/** `level` is a pino level; `file`, when given, receives errors too, as `LOG_FILE` promises. */
export function openLog(service: string, is: { level: string; file?: string | undefined }): Log {
  const streams: pino.StreamEntry[] = [{ level: "trace", stream: pino.destination({ fd: 1, sync: false }) }];
  if (is.file) {
    streams.push({ level: "error", stream: pino.destination({ dest: is.file, mkdir: true, sync: false }) });
  }
  return pino(
    {
      level: is.level,
      base: { service },
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), remove: true },
      serializers: { error: describeError },
      mixin() {
        const { span } = currentContext();
        return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
      },
    },
    pino.multistream(streams),
  );
}

/** An error as it may be logged: no fields of its own, for drivers and SDKs put requests into theirs. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { name: error.name, message: error.message, stack: error.stack, ...cause };
}
