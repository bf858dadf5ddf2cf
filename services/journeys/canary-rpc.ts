// Every RPC of a server with a canary in every field that can hold one, over gRPC and over Connect: read from the
// contracts, so that a method which is added is a path that is tried.

import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  fromJson,
  getOption,
  type JsonValue,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { Access, access } from "@webstore/proto/es/options/v1";
import type { Sampler } from "./canary-samples.ts";
import { bearer, card, everything, keys, sent } from "./canary-secrets.ts";

export type RpcRequest = {
  readonly what: string;
  readonly method: DescMethod;
  readonly json: JsonValue;
  /** Instead of `json`, for what no message is. */
  readonly raw?: string;
  readonly metadata: Readonly<Record<string, string>>;
};

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb"))),
  ),
);

const depthMax = 3;
const deadlineMs = 20_000;

/** `service` is a full name, such as `webstore.orders.v1.OrderService`. */
export function methodsOf(service: string): readonly DescMethod[] {
  return registry.getService(service)?.methods ?? [];
}

/** `staff` is a token of theirs, for what asks for a user. */
export function rpcRequests(
  method: DescMethod,
  sample: Sampler,
  is: { staff: string; internalKey?: string },
): RpcRequest[] {
  const good = () => goodMessage(method.input, (name) => sample(name, method.name), 0);
  const isForServices = getOption(method, access).includes(Access.SERVICE);
  const metadata: Record<string, string> =
    isForServices && is.internalKey !== undefined
      ? { "x-webstore-key": is.internalKey, "x-webstore-service": "journey" }
      : { authorization: `Bearer ${is.staff}` };
  const request = (
    what: string,
    json: JsonValue,
    more: Readonly<Record<string, string>> = metadata,
  ): RpcRequest => ({
    what: `${method.name}: ${what}`,
    method,
    json,
    metadata: more,
  });
  const inFields = placesIn(method.input).flatMap(({ place, kind, instead, isList }) => {
    const put = (what: string, value: JsonValue) =>
      request(`${what} as ${place.join(".")}`, withValue(good(), place, isList ? [value] : value, instead));
    if (kind === "number") return [put("a card number", card.plain)];
    const encoded = (text: string) => (kind === "bytes" ? Buffer.from(text).toString("base64") : text);
    return Object.entries(sent).map(([what, text]) => put(what, encoded(text)));
  });
  const line = JSON.stringify(everything);
  const inMetadata: readonly Readonly<Record<string, string>>[] = [
    { authorization: `Bearer ${bearer}` },
    { authorization: `Basic ${Buffer.from(line).toString("base64")}` },
    { "x-webstore-key": keys.paymentUpdates, "x-webstore-service": "journey" },
    { ...metadata, "x-webstore-service": line },
    { ...metadata, "idempotency-key": line },
    { ...metadata, "idempotency-key": card.plain },
    { ...metadata, traceparent: line },
    { ...metadata, "x-canary": line, cookie: line },
    {},
  ];
  return [
    request("good", good()),
    ...inFields,
    ...inMetadata.map((each, index) => request(`metadata ${index}`, good(), each)),
  ];
}

/** Only for Connect, where a request is text. */
export function brokenRequests(method: DescMethod, metadata: Readonly<Record<string, string>>): RpcRequest[] {
  const text = JSON.stringify(everything);
  const ofWrongTypes = method.input.fields.map((field) => JSON.stringify({ [field.jsonName]: everything }));
  const texts = [text, text.slice(0, -1), JSON.stringify(text), `[${text}]`, ...ofWrongTypes];
  const names = Object.values(sent).map((value) => JSON.stringify({ [value]: value }));
  const values = method.input.fields.map((field) => JSON.stringify({ [field.jsonName]: card.dashed }));
  return [...texts, ...names, ...values].map((raw, index) => ({
    what: `${method.name}: broken ${index}`,
    method,
    json: {},
    raw,
    metadata,
  }));
}

type Place = readonly string[];
type Kind = "text" | "bytes" | "number";
type Room = {
  readonly place: Place;
  readonly kind: Kind;
  readonly instead: readonly string[];
  readonly isList: boolean;
};

function placesIn(message: DescMessage, place: Place = [], depth = 0): Room[] {
  if (depth > depthMax || message.typeName.startsWith("google.")) return [];
  return message.fields.flatMap((field) => {
    const here = [...place, field.jsonName];
    if (field.message !== undefined) return placesIn(field.message, here, depth + 1);
    const kind = kindOf(field);
    const instead = field.oneof?.fields.map(({ jsonName }) => jsonName) ?? [];
    return kind === undefined ? [] : [{ place: here, kind, instead, isList: field.fieldKind === "list" }];
  });
}

function kindOf(field: DescField): Kind | undefined {
  if (field.scalar === ScalarType.STRING) return "text";
  if (field.scalar === ScalarType.BYTES) return "bytes";
  return field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64 ? "number" : undefined;
}

/** Of a oneof only its first field. */
function goodMessage(message: DescMessage, sample: Sampler, depth: number): JsonValue {
  if (depth > depthMax) return {};
  const firsts = message.fields.filter(
    (field) => field.oneof === undefined || field.oneof.fields[0] === field,
  );
  const entries = firsts.map((field) => {
    const one = goodOne(field, sample, depth);
    return [field.jsonName, field.fieldKind === "list" && one !== undefined ? [one] : one];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function goodOne(field: DescField, sample: Sampler, depth: number): JsonValue | undefined {
  if (field.message?.typeName === "google.protobuf.Timestamp")
    return String(sample(field.name) ?? sample("time"));
  if (field.message !== undefined) return goodMessage(field.message, sample, depth + 1);
  if (field.enum !== undefined) return field.enum.values.at(1)?.name;
  if (field.scalar === ScalarType.STRING) {
    const known = sample(field.name);
    return typeof known === "string" ? known : undefined;
  }
  if (field.scalar === ScalarType.BOOL) return sample(field.name) === true;
  if (field.scalar === ScalarType.BYTES) return undefined;
  const number = sample(field.name);
  return typeof number === "number" || typeof number === "string" ? number : undefined;
}

/** `instead`: what goes, because only one of them may be there. */
function withValue(
  value: JsonValue | undefined,
  [first, ...rest]: Place,
  put: JsonValue,
  instead: readonly string[],
): JsonValue {
  if (first === undefined) return put;
  if (Array.isArray(value)) return [withValue(value[0], [first, ...rest], put, instead)];
  const record = (value ?? {}) as Readonly<Record<string, JsonValue>>;
  const kept = Object.entries(record).filter(([name]) => rest.length > 0 || !instead.includes(name));
  return { ...Object.fromEntries(kept), [first]: withValue(record[first], rest, put, instead) };
}

export type RpcAnswer = { readonly status: number; readonly text: string };

/** What an answer says when it is not a success; empty when it is one. */
export function openGrpc(address: string): { call(request: RpcRequest): Promise<RpcAnswer>; close(): void } {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return {
    call: ({ method, json, metadata: given }) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(given)) metadata.set(name, value);
      const bytes = Buffer.from(toBinary(method.input, fromJson(method.input, json)));
      const options = { deadline: Date.now() + deadlineMs };
      const path = `/${method.parent.typeName}/${method.name}`;
      return new Promise((resolve) => {
        client.makeUnaryRequest(path, same, same, bytes, metadata, options, (error) =>
          resolve(error === null ? { status: 0, text: "" } : { status: error.code, text: textOf(error) }),
        );
      });
    },
    close: () => client.close(),
  };
}

function textOf({ message, details, metadata }: ServiceError): string {
  const values = Object.entries(metadata.getMap()).map(
    ([name, value]) => `${name}: ${Buffer.isBuffer(value) ? value.toString("latin1") : value}`,
  );
  return [message, details, ...values].join("\n");
}

/** The same RPC as a browser makes it. */
export function connectPath({ method }: RpcRequest): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export const connectBody = ({ json, raw }: RpcRequest): string => raw ?? JSON.stringify(json);
