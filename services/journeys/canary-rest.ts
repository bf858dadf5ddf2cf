// Every route of the REST edge with a canary in every place where a request has room for one: read from /openapi.json, so
// that a route which is added is a path that is tried.

import { randomUUID } from "node:crypto";
import type { Sampler } from "./canary-samples.ts";
import { bearer, card, everything, keys, passwords, sent } from "./canary-secrets.ts";
import type { Asked } from "./shop.ts";

type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
};
type Parameter = { readonly name: string; readonly in: string };
type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};
export type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

export type RestRequest = { readonly what: string; readonly path: string; readonly asked: Asked };

type Method = NonNullable<Asked["method"]>;
type Json = Readonly<Record<string, unknown>>;
type Place = readonly (string | number)[];

/** One operation, as something that requests can be made of. */
type Subject = {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** A good body; undefined where the operation takes none. */
  readonly body: () => unknown;
  readonly sample: Sampler;
};

/** Requests by staff, who may do everything. */
export function restRequests(document: Document, sample: Sampler, token: string): RestRequest[] {
  const subjects = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Subject => {
      const of: Sampler = (name) => sample(name, operation.operationId);
      const schema = operation.requestBody?.content["application/json"]?.schema;
      return {
        name: operation.operationId,
        method: method.toUpperCase() as Method,
        path,
        parameters: operation.parameters ?? [],
        body: () => (schema === undefined ? undefined : goodValue(document, schema, "", of)),
        sample: of,
      };
    }),
  );
  const requests = subjects.flatMap((subject) => [
    requestOf(subject, "good", {}),
    ...inParameters(subject),
    ...inBody(subject),
    ...inHeaders(subject),
    ...inWrongBodies(subject),
  ]);
  return requests.map((each) => ({ ...each, asked: { token, key: randomUUID(), ...each.asked } }));
}

function goodValue(document: Document, schema: Schema, name: string, sample: Sampler): unknown {
  if (schema.$ref !== undefined) {
    const target = document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {};
    return goodValue(document, target, name, sample);
  }
  const [inner] = schema.anyOf ?? schema.allOf ?? [];
  if (inner !== undefined) return goodValue(document, inner, name, sample);
  // `amount` is the name of a Money and of what is in it.
  const known = sample(name);
  if (known !== undefined && (schema.properties === undefined || typeof known === "object")) return known;
  if (schema.properties !== undefined) {
    // A coupon would have to exist.
    const fields = Object.entries(schema.properties).filter(([field]) => field !== "coupon");
    return Object.fromEntries(fields.map(([field, of]) => [field, goodValue(document, of, field, sample)]));
  }
  if (schema.items !== undefined) return [goodValue(document, schema.items, "", sample)];
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.format === "date-time") return sample("time");
  if (schema.format === "uuid") return randomUUID();
  return schema.type === "integer" || schema.type === "number"
    ? 1
    : schema.type === "boolean"
      ? false
      : "good";
}

function requestOf(
  { name, method, path, sample, body }: Subject,
  what: string,
  is: { path?: Json; query?: Json; body?: unknown; asked?: Asked },
): RestRequest {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) =>
    encodeURIComponent(String(is.path?.[parameter] ?? sample(parameter) ?? randomUUID())),
  );
  const query = new URLSearchParams(is.query as Record<string, string> | undefined).toString();
  const json = "body" in is ? is.body : body();
  return {
    what: `${name}: ${what}`,
    path: query === "" ? filled : `${filled}?${query}`,
    asked: { method, ...(json === undefined ? {} : { json }), ...is.asked },
  };
}

function inParameters(subject: Subject): RestRequest[] {
  const inPath = subject.parameters.filter((each) => each.in === "path");
  const inQuery = subject.parameters.filter((each) => each.in === "query");
  return Object.entries(sent).flatMap(([what, value]) => [
    ...inPath.map(({ name }) => requestOf(subject, `${what} as ${name}`, { path: { [name]: value } })),
    ...inQuery.map(({ name }) => requestOf(subject, `${what} as ${name}`, { query: { [name]: value } })),
    requestOf(subject, `${what} in an unknown parameter`, { query: { [value]: value, token: value } }),
  ]);
}

function inBody(subject: Subject): RestRequest[] {
  const good = subject.body();
  if (good === undefined) return [];
  const atLeaves = leavesOf(good).flatMap((place) => [
    ...Object.entries(sent).map(([what, value]) =>
      // Made anew each time: what is unique must be so in each.
      requestOf(subject, `${what} as ${place.join(".")}`, { body: withValue(subject.body(), place, value) }),
    ),
    requestOf(subject, `a number as ${place.join(".")}`, {
      body: withValue(subject.body(), place, Number(card.plain)),
    }),
    requestOf(subject, `an object as ${place.join(".")}`, {
      body: withValue(subject.body(), place, everything),
    }),
  ]);
  const inUnknown = objectsOf(good).flatMap((place) => [
    requestOf(subject, `a card in unknown fields of ${place.join(".")}`, {
      body: withValue(subject.body(), place, everything, "merged"),
    }),
    ...Object.entries(sent).map(([what, value]) =>
      requestOf(subject, `${what} as the name of a field of ${place.join(".")}`, {
        body: withValue(subject.body(), place, { [value]: value }, "merged"),
      }),
    ),
  ]);
  return [...atLeaves, ...inUnknown];
}

function leavesOf(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [place];
  return Object.entries(value).flatMap(([name, each]) =>
    leavesOf(each, [...place, Array.isArray(value) ? Number(name) : name]),
  );
}

function objectsOf(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const inner = Object.entries(value).flatMap(([name, each]) => objectsOf(each, [...place, name]));
  return [place, ...inner];
}

function withValue(value: unknown, [first, ...rest]: Place, put: unknown, how?: "merged"): unknown {
  if (first === undefined) return how === "merged" ? { ...(value as Json), ...(put as Json) } : put;
  if (Array.isArray(value))
    return value.map((each, index) => (index === first ? withValue(each, rest, put, how) : each));
  return { ...(value as Json), [first]: withValue((value as Json)[String(first)], rest, put, how) };
}

const all = JSON.stringify(everything);
/** Bytes of a header are ASCII, and a line. */
const line = all.replaceAll(/[^ -~]/g, " ");

function inHeaders(subject: Subject): RestRequest[] {
  const names = [
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "cookie",
    "user-agent",
    "referer",
    "origin",
    "x-forwarded-for",
    "x-forwarded-host",
    "if-none-match",
    "accept",
    "accept-language",
    "x-internal-api-key",
    "x-idempotency-key",
    "stripe-signature",
    "x-webstore-key",
    "x-webstore-service",
  ];
  const each = [...names, "content-type", "host"].map((name) =>
    requestOf(subject, `in the header ${name}`, { asked: { headers: { [name]: line } } }),
  );
  const authorizations = [
    `Bearer ${bearer}`,
    `Bearer ${card.plain}`,
    `Bearer ${line.replaceAll(" ", "")}`,
    `Basic ${Buffer.from(`ada:${passwords.registered}`).toString("base64")}`,
    `Token ${keys.paymentUpdates}`,
    passwords.registered,
  ];
  return [
    ...each,
    ...authorizations.map((authorization, index) =>
      requestOf(subject, `in the header authorization (${index})`, {
        asked: { token: undefined, headers: { authorization } },
      }),
    ),
    ...Object.entries(sent).map(([what, key]) =>
      requestOf(subject, `${what} as the idempotency key`, { asked: { key } }),
    ),
  ];
}

/** What does not even look like a body. */
function inWrongBodies(subject: Subject): RestRequest[] {
  if (subject.method === "GET") return [];
  const wrong: readonly [what: string, type: string, body: string][] = [
    ["broken JSON", "application/json", all.slice(0, -1)],
    ["a JSON text", "application/json", JSON.stringify(all)],
    ["a JSON list", "application/json", JSON.stringify([everything])],
    ["a poisoned prototype", "application/json", `{"__proto__":${all}}`],
    ["plain text", "text/plain", all],
    ["a form", "application/x-www-form-urlencoded", new URLSearchParams({ card: all }).toString()],
    ["a form of parts without any", `multipart/form-data; boundary=${keys.paymentUpdates}`, all],
  ];
  return wrong.map(([what, type, body]) =>
    requestOf(subject, what, { body: undefined, asked: { body, headers: { "content-type": type } } }),
  );
}
