// A REST route as one value: what it accepts, who may use it, what it answers, and the function that
// does it. Registration, checks of the input, access and the OpenAPI document are all read from it.
//
// Invariants:
//   E1. A route's function sees only input that its schemas accepted, and only a caller that its
//       `access` admits.
//   E2. Answers are written as they are. They are held to the schemas by the tests, not on every request.

import type { HttpRoute } from "@webstore/kit";
import type { z } from "zod";
import { type RouteName, routes } from "./routes.ts";

/**
 * Who may use a route. `user` is anybody who is logged in, staff too; `partner` is a system outside of the store that
 * has the API key of PAYMENT_UPDATES_API_KEY.
 */
export type Access = HttpRoute["access"];

/** Whose requests a route's are counted with: those of one caller, or those of the payment provider, which come in bursts. */
export type CountedWith = "caller" | "provider";

export type Answer = {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, instead of a body. */
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};

export type AnswerDescription = {
  readonly description: string;
  /** Of its JSON; without one there is no body. */
  readonly schema?: z.ZodType;
  /** Of its bytes, where it is no JSON. */
  readonly contentType?: string;
};

/** What the function gets. */
export type Input<P, Q, B, H> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly headers: H;
  /** The body byte for byte, where the route takes it so. */
  readonly bytes: Uint8Array;
  /** A UUID; undefined only where the route does not require one. */
  readonly idempotencyKey: string | undefined;
  /** The uploaded file, where the route takes one. */
  readonly file: Uint8Array;
  /** `If-None-Match`, as it came. */
  readonly ifNoneMatch: string | undefined;
};

export type Route = HttpRoute & {
  /** The name of the operation in the OpenAPI document, camelCase. */
  readonly name: RouteName;
  readonly tag:
    | "account"
    | "products"
    | "cart"
    | "orders"
    | "payments"
    | "ledger"
    | "operations"
    | "notifications"
    | "webhooks"
    | "store";
  readonly summary: string;
  /** What else a caller should know. */
  readonly description?: string;
  readonly params?: z.ZodType | undefined;
  readonly query?: z.ZodType | undefined;
  readonly body?: z.ZodType | undefined;
  /** Of the headers, those that it reads, by their names in lower case. */
  readonly headers?: z.ZodType | undefined;
  readonly idempotencyKey?: "required" | "optional";
  /** Where the key is, when not in `idempotency-key`. */
  readonly idempotencyKeyHeader?: "x-idempotency-key";
  readonly countedWith?: CountedWith;
  /** Takes the body byte for byte, whatever its content type, up to so many bytes. */
  readonly bytesMax?: number;
  /** Takes one file as multipart/form-data, in the field of this name. */
  readonly fileField?: string;
  /** How long the whole request may take. */
  readonly deadlineMs?: number;
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** The reasons of its services that a caller should expect, beside those that any route may give. */
  readonly refusals: readonly string[];
  readonly handle: (input: Input<never, never, never, never>) => Promise<Answer>;
};

type None = z.ZodUndefined;

/** States a route, of which routes.ts has the rest; `handle` is typed by the schemas beside it. */
export function route<
  P extends z.ZodType = None,
  Q extends z.ZodType = None,
  B extends z.ZodType = None,
  H extends z.ZodType = None,
>(
  name: RouteName,
  is: Omit<Route, keyof HttpRoute | "name" | "params" | "query" | "body" | "headers" | "handle"> & {
    params?: P;
    query?: Q;
    body?: B;
    headers?: H;
    handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>, z.output<H>>) => Promise<Answer>;
  },
): Route {
  return { ...is, name, ...routes[name] };
}
