// What the contracts say about each RPC beyond its types: who may call it, how long it may take,
// how it may refuse, and what its request's fields must look like. Read once, from the
// checked-in descriptors, so that proto/ stays the only place that says it.

import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  Access,
  access,
  deadline_ms,
  oneof_required,
  refusals,
  rules,
  sensitive,
} from "@webstore/proto/es/options/v1";
import { holdsCardNumber } from "./card-number.ts";
import type { Violation } from "./refusal.ts";

export type RpcAccess = "public" | "user" | "admin" | "service";

export type RpcOptions = {
  /** Never empty; an RPC that names nobody is for admins. */
  readonly access: readonly RpcAccess[];
  readonly deadlineMs: number;
  readonly refusals: readonly string[];
  readonly validate: (request: unknown) => Violation[];
};

export const descriptorBytes: Buffer = readFileSync(
  new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")),
);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorBytes));

const accessNames: Readonly<Record<number, RpcAccess>> = {
  [Access.PUBLIC]: "public",
  [Access.USER]: "user",
  [Access.ADMIN]: "admin",
  [Access.SERVICE]: "service",
};
const deadlineMsDefault = 10_000;

/** `service` is a full name, such as `webstore.orders.v1.OrderService`; `method` as in the proto, such as `PlaceOrder`. */
export function rpcOptions(service: string, method: string): RpcOptions {
  const found = registry.getService(service)?.methods.find((each) => each.name === method);
  if (found === undefined) {
    throw new Error(`${service}/${method} is not in proto/gen/descriptors.binpb: run npm run generate`);
  }
  const named = getOption(found, access).flatMap((each) => accessNames[each] ?? []);
  return {
    access: named.length === 0 ? ["admin"] : named,
    deadlineMs: getOption(found, deadline_ms) || deadlineMsDefault,
    refusals: getOption(found, refusals),
    validate: validator(found.input),
  };
}

/** The names of fields that must never be logged, traced or labelled, over all contracts. */
export function sensitiveFields(): ReadonlySet<string> {
  const names = new Set<string>();
  for (const type of registry) {
    if (type.kind !== "message") continue;
    for (const field of type.fields) if (getOption(field, sensitive)) names.add(field.localName);
  }
  return names;
}

type Check = (value: unknown, path: string, violations: Violation[]) => void;
const validators = new Map<string, Check>();

function validator(message: DescMessage): (request: unknown) => Violation[] {
  const check = messageCheck(message);
  return (request) => {
    const violations: Violation[] = [];
    check(request, "", violations);
    return violations;
  };
}

function messageCheck(message: DescMessage): Check {
  const known = validators.get(message.typeName);
  if (known !== undefined) return known;
  const fields: [string, string, Check][] = [];
  const check: Check = (value, path, violations) => {
    const record = value as Readonly<Record<string, unknown>>;
    for (const [localName, name, fieldCheck] of fields) {
      fieldCheck(record[localName], path === "" ? name : `${path}.${name}`, violations);
    }
  };
  // Known before its fields are read: a message may contain itself.
  validators.set(message.typeName, check);
  for (const member of message.members) {
    if (member.kind === "oneof") {
      const byCase = new Map(member.fields.map((field) => [field.localName, fieldCheck(field)]));
      fields.push([member.localName, member.name, oneofCheck(byCase, getOption(member, oneof_required))]);
    } else {
      const checked = fieldCheck(member);
      if (checked !== nothingToCheck) fields.push([member.localName, member.name, checked]);
    }
  }
  return check;
}

const nothingToCheck: Check = () => {};

/** ts-proto gives a oneof as `{ $case, value }` or undefined. */
function oneofCheck(byCase: ReadonlyMap<string, Check>, required: boolean): Check {
  return (value, path, violations) => {
    const chosen = value as { $case: string; value: unknown } | undefined;
    if (chosen !== undefined) byCase.get(chosen.$case)?.(chosen.value, `${path}.${chosen.$case}`, violations);
    else if (required) violations.push({ field: path, description: "is required" });
  };
}

function fieldCheck(field: DescField): Check {
  const one = elementCheck(field);
  if (field.fieldKind !== "list") return one;
  const { required, maxItems } = rulesOf(field);
  return (value, path, violations) => {
    const items = (value ?? []) as readonly unknown[];
    if (required && items.length === 0) violations.push({ field: path, description: "must not be empty" });
    if (maxItems > 0 && items.length > maxItems) {
      violations.push({ field: path, description: `must have at most ${maxItems} items` });
      return;
    }
    items.forEach((item, index) => {
      one(item, `${path}[${index}]`, violations);
    });
  };
}

type Rules = {
  required: boolean;
  minLen: number;
  maxLen: number;
  pattern: string;
  min?: bigint | undefined;
  max?: bigint | undefined;
  maxItems: number;
  uuid: boolean;
};
const noRules: Rules = { required: false, minLen: 0, maxLen: 0, pattern: "", maxItems: 0, uuid: false };

function rulesOf(field: DescField): Rules {
  return hasOption(field, rules) ? (getOption(field, rules) as Rules) : noRules;
}

function elementCheck(field: DescField): Check {
  const is = rulesOf(field);
  if (field.message !== undefined)
    return nestedCheck(field.message, is.required && field.fieldKind !== "list");
  if (field.enum !== undefined) return enumCheck(is.required);
  if (is === noRules) return nothingToCheck;
  return scalarCheck(is);
}

function nestedCheck(message: DescMessage, required: boolean): Check {
  const inner = message.typeName === "google.protobuf.Timestamp" ? timestampCheck : messageCheck(message);
  return (value, path, violations) => {
    if (value !== undefined && value !== null) inner(value, path, violations);
    else if (required) violations.push({ field: path, description: "is required" });
  };
}

/** ts-proto gives a Date; what is out of a Date's range becomes an invalid one. */
const timestampCheck: Check = (value, path, violations) => {
  const valid = value instanceof Date && !Number.isNaN(value.getTime());
  if (!valid) violations.push({ field: path, description: "is not a time" });
};

function enumCheck(required: boolean): Check {
  return (value, path, violations) => {
    const unspecified = typeof value === "string" ? value.endsWith("_UNSPECIFIED") : value === 0;
    if (value === "UNRECOGNIZED" || value === -1)
      violations.push({ field: path, description: "is not a known value" });
    else if (required && unspecified) violations.push({ field: path, description: "is required" });
  };
}

/** Line breaks and tabs are text; the others are not, and NUL is not even storable. */
function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 127 || (code < 32 && code !== 9 && code !== 10 && code !== 13)) return true;
  }
  return false;
}

/** Code points, as the contracts count; a string much too long is not walked. */
function lengthOf(text: string): number {
  if (text.length > 100_000) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function scalarCheck(is: Rules): Check {
  const pattern = is.pattern === "" ? undefined : new RegExp(is.pattern, "u");
  const text = (value: string): string | undefined => {
    if (value === "") return is.required ? "is required" : undefined;
    if (hasControlCharacter(value)) return "must not have control characters";
    const length = lengthOf(value);
    if (length < is.minLen) return `must have at least ${is.minLen} characters`;
    if (is.maxLen > 0 && length > is.maxLen) return `must have at most ${is.maxLen} characters`;
    if (is.uuid && !uuidPattern.test(value)) return "must be a UUID in lower case";
    if (pattern !== undefined && !pattern.test(value)) return `must match ${is.pattern}`;
    return is.uuid || !holdsCardNumber(value) ? undefined : "must not hold a card number";
  };
  const number = (value: number | bigint): string | undefined => {
    if (is.min !== undefined && value < is.min) return `must be at least ${is.min}`;
    if (is.max !== undefined && value > is.max) return `must be at most ${is.max}`;
    return undefined;
  };
  const bytes = (value: Uint8Array): string | undefined => {
    if (value.length < is.minLen) return `must have at least ${is.minLen} bytes`;
    if (is.maxLen > 0 && value.length > is.maxLen) return `must have at most ${is.maxLen} bytes`;
    return is.required && value.length === 0 ? "is required" : undefined;
  };
  return (value, path, violations) => {
    const description = describe(value, text, number, bytes);
    if (description !== undefined) violations.push({ field: path, description });
  };
}

function describe(
  value: unknown,
  text: (value: string) => string | undefined,
  number: (value: number | bigint) => string | undefined,
  bytes: (value: Uint8Array) => string | undefined,
): string | undefined {
  if (typeof value === "string") return text(value);
  if (typeof value === "number" || typeof value === "bigint") return number(value);
  if (value instanceof Uint8Array) return bytes(value);
  return undefined;
}
