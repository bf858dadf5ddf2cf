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
import type { Access } from "./route.ts";

export type Exchange = {
  readonly span: Span;
  readonly startedAtMs: number;
  principal: Principal;
  /** The verified token; nothing unverified is passed on to a service. */
  bearerToken: string | undefined;
};

declare module "fastify" {
  interface FastifyRequest {
    /** Null only where Fastify answers before any hook has run, such as for a URL that it cannot read. */
    exchange: Exchange | null;
  }
  interface FastifyContextConfig {
    /** Stated by every REST route; Connect's are checked by connect.ts. */
    access?: Access;
  }
}

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
  };
}

export type Identified = "anonymous" | "user" | "invalid";

/**
 * Finds out who asks. `invalid`: a token came, and it is not good. On a public route that is no failure: an
 * expired token must not keep anybody from the products or from renewing it.
 */
export async function identify(request: FastifyRequest, tokens: TokenVerifier): Promise<Identified> {
  const header = request.headers.authorization;
  const exchange = request.exchange;
  if (header === undefined || exchange === null) return "anonymous";
  const bearerToken = /^bearer ([^\s]+)$/i.exec(header)?.[1];
  if (bearerToken === undefined) return "invalid";
  try {
    exchange.principal = await tokens(bearerToken);
    exchange.bearerToken = bearerToken;
    return "user";
  } catch (error) {
    const refused = error instanceof Refusal;
    if (refused || isPublic(request)) return "invalid";
    throw error;
  }
}

/** Refuses whom the route's `access` does not admit. */
export function admit(request: FastifyRequest): void {
  if (isPublic(request)) return;
  const principal = request.exchange?.principal ?? anonymous;
  if (principal.kind !== "user") throw kitRefusals.refuse("unauthenticated");
  const needsStaff = request.routeOptions.config.access === "admin";
  if (needsStaff && principal.role !== "admin") throw kitRefusals.refuse("permission_denied");
}

function isPublic(request: FastifyRequest): boolean {
  const { access } = request.routeOptions.config;
  return access === undefined || access === "public";
}
