// What goes wrong, as RFC 9457 says it over HTTP. The one place that turns refusals, outages, errors of
// the HTTP framework and bugs into statuses.
//
// Invariant G1: only a refusal's own text reaches the caller. Whatever else was thrown is named by
// its status and the trace id; its message and stack stay in the log.
// Invariant G2: no value of the request is repeated, for it may be a card number in the wrong place. Of its path only
// words and UUIDs are.

import { Cancelled, DeadlineExceeded, Outage, Refusal } from "@webstore/kit";
import { refusals } from "./refusals.ts";

export const problemType = "application/problem+json; charset=utf-8";

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly trace_id: string;
  readonly reason: string;
  readonly errors?: Refusal["violations"];
  readonly details?: Readonly<Record<string, string>>;
};

const statusByCode: Readonly<Record<Refusal["code"], number>> = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  ABORTED: 409,
  OUT_OF_RANGE: 422,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
};

/** Reasons for which HTTP has a better status than the one of their code. */
const statusByReason: Readonly<Record<string, number>> = {
  card_declined: 402,
  payment_action_required: 402,
  method_not_allowed: 405,
  body_too_large: 413,
  image_too_large: 413,
  media_type_unsupported: 415,
};

/** Reasons of Fastify and its plugins, by their `code`. */
const refusalByFastifyCode: Readonly<Record<string, keyof typeof refusals.entries>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: "malformed_body",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_body",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_body",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "media_type_unsupported",
  FST_ERR_CTP_INVALID_TYPE: "media_type_unsupported",
  FST_ERR_BAD_URL: "malformed_url",
  FST_REQ_FILE_TOO_LARGE: "body_too_large",
  FST_FILES_LIMIT: "malformed_body",
  FST_FIELDS_LIMIT: "malformed_body",
  FST_PARTS_LIMIT: "malformed_body",
  FST_INVALID_MULTIPART_CONTENT_TYPE: "media_type_unsupported",
  FST_PROTO_VIOLATION: "malformed_body",
};

const retryAfterSeconds = 5;
const repeatable =
  /^(?:[A-Za-z][A-Za-z._-]{0,31}|\.well-known|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/;

export type ProblemAnswer = {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether somebody should look at it: it is no refusal. */
  readonly unexpected: boolean;
};

export function problemOf(error: unknown, at: { instance: string; traceId: string }): ProblemAnswer {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return refused(refusal, at);
  // Whoever asked has hung up: nobody reads this, and it is nobody's failure. Proxies log such a request by the same number.
  if (error instanceof Cancelled) {
    return {
      problem: problem(499, "cancelled", "The caller has hung up.", at),
      headers: {},
      unexpected: false,
    };
  }
  // Who answers too late does not answer, whether its caller's time ran out or that of the whole request.
  if (error instanceof Outage || error instanceof DeadlineExceeded) {
    const text = "A part of the store does not answer right now; please try again.";
    return {
      problem: problem(503, "unavailable", text, at),
      headers: { "retry-after": String(retryAfterSeconds) },
      unexpected: true,
    };
  }
  return {
    problem: problem(500, "internal", "Something went wrong here; it is not your request's fault.", at),
    headers: {},
    unexpected: true,
  };
}

/** The path of a request as a problem may show it (G2). */
export function instanceOf(url: string): string {
  const [path = ""] = url.split("?", 1);
  return path
    .split("/")
    .map((segment) => (repeatable.test(segment) ? segment : "(value)"))
    .join("/");
}

/** The refusal that this is, or stands for; undefined for outages and bugs. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const reason = typeof code === "string" ? refusalByFastifyCode[code] : undefined;
  if (reason !== undefined) return refusals.refuse(reason);
  // What Fastify's parsers and plugins throw without a code of their own, such as a poisoned prototype.
  if (statusCode === 413) return refusals.refuse("body_too_large");
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return refusals.refuse("malformed_body");
  }
  return undefined;
}

function refused(refusal: Refusal, at: { instance: string; traceId: string }): ProblemAnswer {
  const status = statusByReason[refusal.reason] ?? statusByCode[refusal.code];
  const { violations, details } = refusal;
  return {
    problem: {
      ...problem(status, refusal.reason, refusal.message, at),
      ...(violations.length > 0 ? { errors: violations } : {}),
      ...(Object.keys(details).length > 0 ? { details } : {}),
    },
    headers: headersOf(status, details),
    unexpected: false,
  };
}

function headersOf(status: number, details: Readonly<Record<string, string>>): Record<string, string> {
  if (status === 401) return { "www-authenticate": 'Bearer realm="webstore"' };
  if (status === 429) return { "retry-after": details.retry_after_seconds ?? "1" };
  if (status === 503) return { "retry-after": String(retryAfterSeconds) };
  return {};
}

function problem(
  status: number,
  reason: string,
  detail: string,
  { instance, traceId }: { instance: string; traceId: string },
): Problem {
  const words = reason.replaceAll("_", " ");
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  return {
    type: `urn:webstore:problem:${reason}`,
    title,
    status,
    detail,
    instance,
    trace_id: traceId,
    reason,
  };
}
