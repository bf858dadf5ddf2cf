// Every attribute that may leave the process, on a span or as a metric's label. What is not named
// here is dropped, so that nobody can put a card number on a span by mistake.
//
// Invariants:
//   A1. No name here is that of a field which the contracts call sensitive (telemetry-otel.test.ts).
//   A2. A metric's labels have few values: no ids of orders, payments, users or requests.

import { redact } from "./redaction.ts";
import type { Attributes } from "./telemetry.ts";

const labels = [
  // what was called, and how it ended
  "rpc.system",
  "rpc.service",
  "rpc.method",
  "rpc.grpc.status_code",
  "http.request.method",
  "http.response.status_code",
  "http.route",
  "peer.service",
  "error.type",
  "operation",
  "status",
  "outcome",
  "reason",
  "callee",
  "kind",
  // messages and sagas
  "topic",
  "group",
  "event",
  "saga",
  "step",
  // stores
  "db.system.name",
  "db.collection.name",
  "db.operation.name",
  // business
  "country",
  "currency",
  "method",
  "payment_method",
  "product_id",
] as const;

export const metricAttributes: ReadonlySet<string> = new Set(labels);

export const spanAttributes: ReadonlySet<string> = new Set([
  ...labels,
  // client and edge
  "url.path",
  "server.address",
  "server.port",
  "http.request.body.size",
  "http.response.body.size",
  "rpc.attempt",
  "file.type",
  "file.size",
  "file.count",
  // repository
  "db.model",
  "db.skip",
  "db.limit",
  "db.response.returned_rows",
  // messages
  "messaging.system",
  "messaging.destination.name",
  "messaging.destination.partition.id",
  "messaging.consumer.group.name",
  "messaging.message.id",
  // service
  "saga.id",
  "order.id",
  "order.status",
  "payment.id",
  "payment.status",
  "product.id",
  "product.price_minor",
  "product.tags_count",
  "product.images_count",
  "search.terms",
  "cart.lines_count",
  "user.id",
]);

const textLengthMax = 256;

/** Only what `names` lists, texts redacted and cut. */
export function allowed(attributes: Attributes, names: ReadonlySet<string>): Attributes {
  const kept: Record<string, string | number | boolean> = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (value === undefined || !names.has(name)) continue;
    kept[name] = typeof value === "string" ? redact(value).slice(0, textLengthMax) : value;
  }
  return kept;
}
