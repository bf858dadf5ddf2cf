// What holds for every contract, read from the descriptors that the kit reads too. buf lint holds the names and the
// comments; this holds what our options must say.

import { readdirSync, readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  getOption,
  hasOption,
  isFieldSet,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import {
  Access,
  access,
  deadline_ms,
  type FieldRules,
  refusals,
  rules,
  sensitive,
} from "@webstore/proto/es/options/v1";
import { CheckoutRequestSchema } from "@webstore/proto/es/storefront/v1";
import { CheckoutRequest } from "@webstore/proto/storefront/v1";
import { describe, expect, test } from "vitest";

const bytes = readFileSync(new URL("gen/descriptors.binpb", import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));

/** The others have words that the contracts share. */
const domains = readdirSync(new URL("webstore", import.meta.url))
  .filter((name) => name !== "common" && name !== "options")
  .sort();

/** The reasons that any RPC may give, so that none lists them. */
const reasonsOfKit = [
  "invalid_request",
  "unauthenticated",
  "permission_denied",
  "deadline_exceeded",
  "unavailable",
  "internal",
];

const files = [...registry.files].filter((file) => file.proto.package.startsWith("webstore."));
const methods = files.flatMap((file) => file.services.flatMap((service) => service.methods));
const messages = files.flatMap((file) => file.messages.flatMap(withNested));
const requestMessages = [...reachable(methods.map((method) => method.input))];
const requestFields = requestMessages.flatMap((message) => message.fields);

const nameOfMethod = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
const nameOfField = (field: DescField) => `${field.parent.typeName}.${field.name}`;

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

function messageOf(field: DescField): DescMessage | undefined {
  const message = field.message;
  return message?.typeName.startsWith("webstore.") ? message : undefined;
}

/** Our messages that a caller can put into a request, at any depth. */
function reachable(from: readonly DescMessage[]): ReadonlySet<DescMessage> {
  const seen = new Set<DescMessage>();
  const open = [...from];
  for (let message = open.pop(); message !== undefined; message = open.pop()) {
    if (seen.has(message)) continue;
    seen.add(message);
    for (const field of message.fields) {
      const inner = messageOf(field);
      if (inner !== undefined) open.push(inner);
    }
  }
  return seen;
}

/** What the rules leave open; nothing, if hostile input has no room. */
function unbounded(field: DescField, rule: FieldRules): string[] {
  const open: string[] = [];
  if (field.fieldKind === "map") open.push("a map has no rules: use a list");
  if (field.fieldKind === "list" && rule.maxItems === 0) open.push("max_items");
  const scalar = field.fieldKind === "list" || field.fieldKind === "scalar" ? field.scalar : undefined;
  if (scalar === undefined || scalar === ScalarType.BOOL) return open;
  if (scalar === ScalarType.FLOAT || scalar === ScalarType.DOUBLE)
    return [...open, "a float: use minor units"];
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) {
    return rule.maxLen > 0 || rule.uuid ? open : [...open, "max_len"];
  }
  if (rule.max === undefined) open.push("max");
  const unsigned = scalar === ScalarType.UINT32 || scalar === ScalarType.UINT64;
  if (rule.min === undefined && !unsigned) open.push("min");
  return open;
}

test("every domain has one contract, and its service is named after it", () => {
  const served = files.filter((file) => file.services.length > 0).map((file) => file.proto.package);
  expect(served.sort()).toEqual(domains.map((domain) => `webstore.${domain}.v1`));
  expect(files.flatMap((file) => file.services).length).toBe(domains.length);
});

describe("every RPC", () => {
  test("says whether it may be repeated", () => {
    const silent = methods.filter((method) => {
      const options = method.proto.options;
      return options === undefined || !isFieldSet(options, MethodOptionsSchema.field.idempotencyLevel);
    });
    expect(silent.map(nameOfMethod)).toEqual([]);
  });

  test("says who may call it: anybody, or a list without repetition", () => {
    const vague = methods.filter((method) => {
      const list = getOption(method, access);
      const anybody = list.includes(Access.PUBLIC);
      const repeated = new Set(list).size < list.length;
      return (
        list.length === 0 || repeated || list.includes(Access.UNSPECIFIED) || (anybody && list.length > 1)
      );
    });
    expect(vague.map(nameOfMethod)).toEqual([]);
  });

  test("has a deadline between 1 s and 31 s", () => {
    const outside = methods.filter((method) => {
      const deadlineMs = getOption(method, deadline_ms);
      return deadlineMs < 1_000 || deadlineMs > 31_000;
    });
    expect(outside.map(nameOfMethod)).toEqual([]);
  });

  test("is unary", () => {
    expect(methods.filter((method) => method.methodKind !== "unary").map(nameOfMethod)).toEqual([]);
  });

  test("lists its refusals once each, in lower_snake, without those of the kit", () => {
    const wrong = methods.flatMap((method) => {
      const list = getOption(method, refusals);
      const bad = list.filter(
        (reason, index) =>
          !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(reason) ||
          reasonsOfKit.includes(reason) ||
          list.indexOf(reason) !== index,
      );
      return bad.map((reason) => `${nameOfMethod(method)}: ${reason}`);
    });
    expect(wrong).toEqual([]);
  });

  test("pages its list when it is one", () => {
    const unpaged = methods
      .filter((method) => method.name.startsWith("List"))
      .filter((method) => {
        const has = (message: DescMessage, name: string) =>
          message.fields.some((field) => field.name === name);
        const asks = has(method.input, "page_size") && has(method.input, "page_token");
        return !(asks && has(method.output, "next_page_token"));
      });
    expect(unpaged.map(nameOfMethod)).toEqual([]);
  });
});

describe("every field of a request", () => {
  test("has bounds", () => {
    const open = requestFields.flatMap((field) =>
      unbounded(field, getOption(field, rules)).map((rule) => `${nameOfField(field)}: ${rule}`),
    );
    expect(open).toEqual([]);
  });

  test("has only patterns that are anchored, compile and are not given beside uuid", () => {
    const wrong = requestFields.filter((field) => {
      const { pattern, uuid } = getOption(field, rules);
      if (pattern === "") return false;
      expect(() => new RegExp(pattern, "u"), nameOfField(field)).not.toThrow();
      return uuid || !pattern.startsWith("^") || !pattern.endsWith("$");
    });
    expect(wrong.map(nameOfField)).toEqual([]);
  });

  test("has bounds that some value meets", () => {
    const empty = requestFields.filter((field) => {
      const { min, max, minLen, maxLen } = getOption(field, rules);
      return (min !== undefined && max !== undefined && min > max) || (maxLen > 0 && minLen > maxLen);
    });
    expect(empty.map(nameOfField)).toEqual([]);
  });

  test("named …_id is a UUID, except where the id is a name", () => {
    const named = [
      "webstore.promotions.v1.Campaign.campaign_id",
      "webstore.promotions.v1.Coupon.campaign_id",
    ];
    const loose = requestFields
      .filter((field) => /(_id|_ids|idempotency_key)$/.test(field.name) && !getOption(field, rules).uuid)
      .map(nameOfField);
    expect(loose.sort()).toEqual(named);
  });
});

test("no field of an answer has rules, for nobody checks them", () => {
  const asked = new Set(requestMessages);
  const ruled = messages
    .filter((message) => !asked.has(message) && message.file.proto.package !== "webstore.options.v1")
    .flatMap((message) => message.fields.filter((field) => hasOption(field, rules)));
  expect(ruled.map(nameOfField)).toEqual([]);
});

test("every secret and every way to reach a person is marked as sensitive", () => {
  const tellTale = /^(password|email|client_secret|token|line1|city|postal_code|value)$|_token$/;
  // A page token is no secret, and these values are tags and money.
  const harmless = /(page_token|ProductTags\.value|RecordConversionRequest\.value)$/;
  const bare = messages
    .flatMap((message) => message.fields)
    .filter((field) => tellTale.test(field.name) && !harmless.test(nameOfField(field)))
    .filter((field) => !getOption(field, sensitive));
  expect(bare.map(nameOfField)).toEqual([]);
});

test("both generators write the same bytes for the same request", () => {
  const request = CheckoutRequest.create({
    idempotencyKey: "0b8f5a52-6a3c-4a34-9d7b-0f7c5d4f3e21",
    paymentMethod: { token: "pm_card_visa" },
    shippingAddress: { name: "Ada", line1: "1 Lane", city: "Bath", postalCode: "BA1", country: "GB" },
  });
  const written = CheckoutRequest.encode(request).finish();
  const read = fromBinary(CheckoutRequestSchema, written);
  expect(read.shippingAddress?.city).toBe("Bath");
  expect(toBinary(CheckoutRequestSchema, read)).toEqual(written);
});
