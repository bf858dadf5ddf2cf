// One HTTP request on its way through: its trace, and who asks. Fastify carries it on the request.

import {
  kitRefusals,
  type Principal,
  Refusal,
  type Span,
  type Telemetry,
  type TokenVerifier,
} from "@webstore/kit";
import type { FastifyRequest } from "fastify";
import { isSameKey } from "./api-key.ts";
import { refusals } from "./refusals.ts";
import type { Access, CountedWith } from "./route.ts";

export type Exchange = {
  readonly span: Span;
  readonly startedAtMs: number;
  principal: Principal;
  /** The verified token; nothing unverified is passed on to a service. */
  bearerToken: string | undefined;
  /** Why it is not known who asks, when that is not the token's fault: identity's keys cannot be had. */
  outage: unknown;
};

declare module "fastify" {
  interface FastifyRequest {
    /** Null only where Fastify answers before any hook has run, such as for a URL that it cannot read. */
    exchange: Exchange | null;
  }
  interface FastifyContextConfig {
    /** A route that does not state it is for staff. */
    access?: Access;
    countedWith?: CountedWith;
  }
}

type User = Extract<Principal, { kind: "user" }>;

const anonymous: Principal = { kind: "anonymous" };

export function beginExchange(request: FastifyRequest, telemetry: Telemetry): Exchange {
  const traceparent = request.headers.traceparent;
  const route = request.routeOptions.url;
  const name = route === undefined ? request.method : `${request.method} ${route}`;
  const parent = typeof traceparent === "string" ? traceparent : undefined;
  return {
    span: telemetry.span(name, "server", parent),
    startedAtMs: performance.now(),
    principal: anonymous,
    bearerToken: undefined,
    outage: undefined,
  };
}

export type Identified = "anonymous" | "user" | "invalid";

/** Finds out who asks; never rejects. A token that is not good makes nobody of its bearer. */
export async function identify(request: FastifyRequest, tokens: TokenVerifier): Promise<void> {
  const { exchange } = request;
  const bearerToken = /^bearer ([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (exchange === null || bearerToken === undefined) return;
  try {
    exchange.principal = await tokens(bearerToken);
    exchange.bearerToken = bearerToken;
  } catch (error) {
    if (!(error instanceof Refusal)) exchange.outage = error;
  }
}

/**
 * The user who asks. Only for what is not public: there an expired token must not keep anybody from the products,
 * or from renewing it.
 */
export function requiredUser(exchange: Exchange | null): User {
  if (exchange?.principal.kind === "user") return exchange.principal;
  throw exchange?.outage ?? kitRefusals.refuse("unauthenticated");
}

/**
 * Refuses whom the route's `access` does not admit; a route that states none is for staff. `partnerKey`: what makes a
 * partner of a caller; without one nobody is.
 */
export function admit(request: FastifyRequest, partnerKey: string | undefined): void {
  const { access = "admin" } = request.routeOptions.config;
  if (access === "public" || request.is404) return;
  if (access === "partner") {
    if (!isSameKey(request.headers["x-internal-api-key"], partnerKey))
      throw refusals.refuse("api_key_invalid");
    return;
  }
  const { role } = requiredUser(request.exchange);
  if (access === "admin" && role !== "admin") throw kitRefusals.refuse("permission_denied");
}
