// JSON log lines by pino. Each carries its service and, inside a request, the trace.
//
// Invariant L1: no line carries a secret. Fields with the names below are removed wherever
// they stand, messages of the contracts are never logged whole, an error is logged by its
// name, message and stack only, never with the request that caused it, and every text is redacted.

import pino from "pino";
import { currentContext } from "./context.ts";
import { redact, redactValue } from "./redaction.ts";

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
  const destination = pino.multistream(streams);
  const log = pino(
    {
      level: is.level,
      base: { service },
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: redactFields, bindings: redactFields },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), remove: true },
      serializers: { msg: (message: unknown) => (typeof message === "string" ? redact(message) : message) },
      mixin() {
        const { span } = currentContext();
        return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
      },
    },
    destination,
  );
  destinations.set(log, destination);
  return log;
}

const destinations = new WeakMap<Log, pino.MultiStreamRes>();

/** Each line of `log` also goes to `write`, at once and as it was printed. */
export function copyLines(log: Log, write: (line: string) => void) {
  destinations.get(log)?.add({ level: "trace", stream: { write } });
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const name in fields) {
    const ours = name === "trace_id" || name === "span_id";
    clean[name] = ours ? fields[name] : redactValue(fields[name], describeError);
  }
  return clean;
}

const causesMax = 5;

/** An error as it may be logged: no fields of its own, for drivers and SDKs put requests into theirs. */
export function describeError(error: unknown): object {
  return describe(error, 0);
}

function describe(error: unknown, depth: number): object {
  if (!(error instanceof Error)) return { message: redact(String(error)) };
  const { name, message, stack, cause } = error;
  const more = depth >= causesMax ? {} : { ...causeOf(cause, depth), ...membersOf(error, depth) };
  return {
    name,
    message: redact(message),
    ...(stack === undefined ? {} : { stack: redact(stack) }),
    ...more,
  };
}

function causeOf(cause: unknown, depth: number): object {
  return cause === undefined ? {} : { cause: describe(cause, depth + 1) };
}

/** An AggregateError often says nothing itself: the connections that failed are in its members. */
function membersOf(error: Error, depth: number): object {
  if (!(error instanceof AggregateError)) return {};
  return { errors: error.errors.slice(0, causesMax).map((each) => describe(each, depth + 1)) };
}
