// One operation of a simulated company's API: a method, a path, the shapes of what may
// come in, and what to answer. The shapes are checked before `handle` runs, so a handler
// sees valid input only and has no failure of its own: what it refuses is an answer too.
//
// Invariants:
//   R1. A path matches segment by segment as it was sent; nothing is collapsed or resolved,
//       so `..`, `//` and a trailing slash are simply other paths.
//   R2. A query field that comes twice is refused, never merged.

import { z } from "zod";

export type Answer = { readonly status: number; readonly body: unknown };

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export type Route = {
  readonly method: Method;
  readonly segments: readonly string[];
  readonly takesBody: boolean;
  /** The answer to a request, or `invalid_request` when a part of it does not have its shape. */
  readonly answer: (parameters: unknown, query: unknown, body: unknown) => Answer;
};

const nothing = z.strictObject({});
const noBody = z.undefined();

/** How much of a complaint about input is told; it may quote names that the caller chose. */
const complaintLengthMax = 200;

/** A refusal of this API: `reason` is from its documented list, `message` is for people. */
export function refusal(status: number, reason: string, message: string, details: object = {}): Answer {
  return { status, body: { reason, message, ...details } };
}

export function invalidRequest(message: string): Answer {
  return refusal(400, "invalid_request", message.slice(0, complaintLengthMax));
}

/**
 * Declares a route. `{name}` in the path is a parameter. Parts that are left out must be
 * empty in the request; a route without `body` takes none.
 */
export function route<
  Parameters extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = typeof noBody,
>(is: {
  readonly method: Method;
  readonly path: `/${string}`;
  readonly parameters?: Parameters;
  readonly query?: Query;
  readonly body?: Body;
  readonly handle: (request: {
    readonly parameters: z.output<Parameters>;
    readonly query: z.output<Query>;
    readonly body: z.output<Body>;
  }) => Answer;
}): Route {
  const parametersShape = (is.parameters ?? nothing) as Parameters;
  const queryShape = (is.query ?? nothing) as Query;
  const bodyShape = (is.body ?? noBody) as Body;
  return {
    method: is.method,
    segments: is.path.split("/").slice(1),
    takesBody: is.body !== undefined,
    answer(parametersGiven, queryGiven, bodyGiven) {
      const parameters = parametersShape.safeParse(parametersGiven);
      if (!parameters.success) return invalidRequest(complaint("path", parameters.error));
      const query = queryShape.safeParse(queryGiven);
      if (!query.success) return invalidRequest(complaint("query", query.error));
      const body = bodyShape.safeParse(bodyGiven);
      if (!body.success) return invalidRequest(complaint("body", body.error));
      return is.handle({ parameters: parameters.data, query: query.data, body: body.data });
    },
  };
}

function complaint(part: string, error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return `The ${part} is not valid.`;
  const at = [part, ...issue.path.map(String)].join(".");
  return `${at}: ${issue.message}`;
}

export type Match =
  | { readonly found: "route"; readonly route: Route; readonly parameters: Record<string, string> }
  | { readonly found: "path"; readonly allow: readonly Method[] }
  | { readonly found: "nothing" };

/** Which route a request is for. `path` is as sent, without the query. */
export function matchRoute(routes: readonly Route[], method: string, path: string): Match {
  const segments = path.split("/").slice(1);
  const allow: Method[] = [];
  for (const candidate of routes) {
    const parameters = parametersOf(candidate.segments, segments);
    if (parameters === undefined) continue;
    if (candidate.method === method) return { found: "route", route: candidate, parameters };
    allow.push(candidate.method);
  }
  return allow.length > 0 ? { found: "path", allow } : { found: "nothing" };
}

function parametersOf(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (expected.startsWith("{") && segment !== "") parameters[expected.slice(1, -1)] = decoded(segment);
    else if (expected !== segment) return undefined;
  }
  return parameters;
}

/** A broken escape stays as it is: the parameter's shape has no `%` and refuses it. */
function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The query as an object, or undefined when a field comes twice. */
export function parseQuery(text: string): Record<string, string> | undefined {
  if (text === "") return {};
  // A field may be named like a property that every object has.
  const fields: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in fields) return undefined;
    fields[name] = value;
  }
  return { ...fields };
}
