// Where a canary may be found, and why.

import { isDeepStrictEqual } from "node:util";
import type { Poison } from "./canary-poison.ts";
import type { Exemption } from "./canary-scan.ts";
import { sent } from "./canary-secrets.ts";

/** `poison`: the messages that were put on the bus, canaries and all. */
export function exemptionsFor(poison: readonly Poison[]): readonly Exemption[] {
  const values = new Set(poison.map(({ value }) => value));
  return [...outside, ...onTheBus(poison, values), ...freeText, ...fromServices];
}

const outside: readonly Exemption[] = [
  {
    where: /^stdout$/,
    canary: /^demo (token of ada|password)$/,
    text: (line) => /^ {2}(users: |curl )/.test(line),
    reason: "the start tells a person how to try the store: the demo's users are no secret",
  },
  {
    where: /^file postgres\/server\.json$/,
    canary: /^the database's password$/,
    reason: "the next start must know it; the file is its owner's alone",
  },
];

const onTheBus = (poison: readonly Poison[], values: ReadonlySet<string>): readonly Exemption[] => [
  {
    where: /^row(-meanwhile)? (orders\.outbox|bus\.messages|order_processor\.dead_letters)\.value$/,
    canary: /./,
    text: (value) => values.has(value),
    reason:
      "the value of a message that nobody can read is kept byte for byte, on the bus and as a dead letter",
  },
  {
    where: /^row(-meanwhile)? bus\.messages\.headers$/,
    canary: /./,
    text: (headers) => poison.some((each) => isDeepStrictEqual(each.headers, JSON.parse(headers))),
    reason: "the headers of the message itself are the publisher's; what is made of it has none of these",
  },
];

/** The canaries that requests carry; card numbers no field takes, and the store's own keys, tokens and secrets are excused nowhere. */
const written = /^(wrong password|(unknown|shapeless) payment token|opaque bearer token|stripe key)$/;

/**
 * What people write into a field of their own, as free as they like. No machine can tell a password from a name there; what
 * it is shown to is who wrote it, and staff.
 */
const freeText: readonly Exemption[] = [
  freeTextIn(/orders\.orders\.shipping_address/, "where a shopper wants it sent"),
  {
    ...freeTextIn(/orders\.sagas\.input/, "the same, while and after the order is placed"),
    text: (input) => isClean({ ...JSON.parse(input), shippingAddress: undefined }),
  },
  freeTextIn(
    /catalog\.products\.(name|description|tags|sort_key|words)/,
    "what staff write about a product, for all to read",
  ),
  freeTextIn(/payments\.payments\.refunds/, "why staff gave money back"),
  freeTextIn(/order_processor\.audit_entries\.detail/, "what staff did and why, in their words"),
];

/** What only a service can say that has the internal key; the store's own say an order's id, or the name of an RPC. */
const fromServices: readonly Exemption[] = [
  freeTextIn(/payments\.payments\.description/, "what a service says a payment is for"),
  freeTextIn(/order_processor\.audit_entries\.(action|subject)/, "what a service says was done, and to what"),
];

function isClean(value: object): boolean {
  const text = JSON.stringify(value);
  return Object.values(sent).every((canary) => !text.includes(canary));
}

function freeTextIn(columns: RegExp, reason: string): Exemption {
  return { where: new RegExp(`^row(-meanwhile)? ${columns.source}$`), canary: written, reason };
}
