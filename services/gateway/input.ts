// Reads what a route accepts out of a request. All problems of all parts are reported together.

import type { FastifyRequest } from "fastify";
import type { z } from "zod";
import { refusals } from "./refusals.ts";
import { invalidFields } from "./refuse-field.ts";
import type { Input, Route } from "./route.ts";

type Violation = { field: string; description: string };

const violationsMax = 20;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const nothing = new Uint8Array();

export async function inputOf(
  route: Route,
  request: FastifyRequest,
  idempotencyKey: string | undefined,
): Promise<Input<never, never, never, never>> {
  const violations: Violation[] = [];
  const params = parsed(route.params, request.params, violations);
  const query = parsed(route.query, request.query, violations);
  const body = parsed(route.body, request.body, violations);
  const headers = parsed(route.headers, request.headers, violations);
  if (violations.length > 0) throw invalidFields(violations.slice(0, violationsMax));
  return {
    params: params as never,
    query: query as never,
    body: body as never,
    headers: headers as never,
    bytes: route.bytesMax !== undefined && request.body instanceof Uint8Array ? request.body : nothing,
    idempotencyKey,
    file: route.fileField === undefined ? nothing : await fileOf(request, route.fileField),
    ifNoneMatch: request.headers["if-none-match"],
  };
}

/** The header's UUID in lower case, if the route asks for one. */
export function idempotencyKeyOf(route: Route, request: FastifyRequest): string | undefined {
  if (route.idempotencyKey === undefined) return undefined;
  const header = route.idempotencyKeyHeader ?? "idempotency-key";
  const given = request.headers[header];
  if (given === undefined || given === "") {
    if (route.idempotencyKey === "required") throw refusals.refuse("idempotency_key_required", { header });
    return undefined;
  }
  if (typeof given !== "string" || !uuidPattern.test(given)) {
    throw refusals.refuse("idempotency_key_invalid", { header });
  }
  return given.toLowerCase();
}

function parsed(schema: z.ZodType | undefined, value: unknown, violations: Violation[]): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value, { error: describeIssue });
  if (result.success) return result.data;
  for (const issue of result.error.issues) violations.push(...violationsOf(issue));
  return undefined;
}

/** In the words that the services use for the same rules. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return "is required";
  switch (issue.code) {
    case "invalid_type":
      return `must be ${issue.expected === "int" ? "a whole number" : `of type ${issue.expected}`}`;
    case "too_small":
      if (isSized(issue.origin) && Number(issue.minimum) === 1) return "must not be empty";
      return `must ${boundOf(issue.origin, "at least", issue.minimum)}`;
    case "too_big":
      return `must ${boundOf(issue.origin, "at most", issue.maximum)}`;
    case "invalid_value":
      return `must be one of: ${issue.values.join(", ")}`;
    default:
      return undefined;
  }
}

const isSized = (origin: string) => origin === "string" || origin === "array";

function boundOf(origin: string, bound: string, limit: number | bigint): string {
  if (origin === "string") return `have ${bound} ${limit} characters`;
  if (origin === "array") return `have ${bound} ${limit} items`;
  return `be ${bound} ${limit}`;
}

function violationsOf(issue: z.core.$ZodIssue): Violation[] {
  if (issue.code !== "unrecognized_keys")
    return [{ field: fieldName(issue.path), description: issue.message }];
  return issue.keys.map((key) => ({
    field: fieldName([...issue.path, nameLike.test(key) ? key : "(unnamed)"]),
    description: "is not a field of this",
  }));
}

/** What names are made of. Anything else may be a value in the wrong place, and is not repeated. */
const nameLike = /^[A-Za-z_]{1,24}\d?$/;

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

async function fileOf(request: FastifyRequest, field: string): Promise<Uint8Array> {
  if (!request.isMultipart()) throw refusals.refuse("media_type_unsupported");
  const file = await inForm(() => request.file());
  if (file === undefined || file.fieldname !== field) {
    throw invalidFields([{ field, description: "is required, as a file" }]);
  }
  const content = await inForm(() => file.toBuffer());
  // The plugin looks for this between two chunks only, and so may miss the last.
  if (file.file.truncated) throw refusals.refuse("body_too_large");
  return content;
}

/** What the parser of forms throws without a status of its own is a form that it cannot read. */
async function inForm<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (typeof (error as { statusCode?: unknown }).statusCode === "number") throw error;
    throw refusals.refuse("malformed_body");
  }
}
