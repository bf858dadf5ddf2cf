// Log lines as OpenTelemetry log records. The line has been redacted by log.ts before it comes here.

import { type Logger, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from "@opentelemetry/api";
import { currentContext } from "./context.ts";
import { readTraceparent } from "./traceparent.ts";

type Line = {
  readonly level?: string;
  readonly msg?: string;
  readonly timestamp?: string;
  readonly error?: { readonly name?: string; readonly message?: string; readonly stack?: string };
} & Readonly<Record<string, unknown>>;

const severities: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** Sends each line (JSON, one object) through `logger`. It is called where the line was logged, so the context is the line's. */
export function lineSender(logger: Logger): (text: string) => void {
  return (text) => {
    const { level = "info", msg, timestamp, error, service: _, trace_id, span_id, ...rest } = parse(text);
    const own = readTraceparent(currentContext().span?.traceparent);
    const traceFlags = own?.sampled === true ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const context =
      typeof trace_id === "string" && typeof span_id === "string"
        ? trace.setSpanContext(ROOT_CONTEXT, { traceId: trace_id, spanId: span_id, traceFlags })
        : ROOT_CONTEXT;
    logger.emit({
      severityNumber: severities[level] ?? SeverityNumber.UNSPECIFIED,
      severityText: level,
      ...(timestamp === undefined ? {} : { timestamp: new Date(timestamp) }),
      body: msg ?? "",
      attributes: { ...(rest as Record<string, string>), ...exceptionOf(error) },
      context,
    });
  };
}

function parse(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return {};
  }
}

function exceptionOf(error: Line["error"]): Record<string, string> {
  const { name, message, stack } = error ?? {};
  return {
    ...(name === undefined ? {} : { "exception.type": name }),
    ...(message === undefined ? {} : { "exception.message": message }),
    ...(stack === undefined ? {} : { "exception.stacktrace": stack }),
  };
}
