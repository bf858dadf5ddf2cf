// What happens to every RPC before and after its handler, in this order and for every service.

import { timingSafeEqual } from "node:crypto";
import { type Metadata, status } from "@grpc/grpc-js";
import { background, inContext, type Principal, type RequestContext } from "./context.ts";
import { describeError, type Log } from "./log.ts";
import { invalidFields, kitRefusals, Refusal } from "./refusal.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { Cancelled, DeadlineExceeded, type RpcStatus, statusOf } from "./rpc-status.ts";
import type { Histogram, Telemetry } from "./telemetry.ts";
import type { TokenVerifier } from "./tokens.ts";

export const headers = {
  authorization: "authorization",
  idempotencyKey: "idempotency-key",
  traceparent: "traceparent",
  callingService: "x-webstore-service",
  internalKey: "x-webstore-key",
} as const;

export type Rpc = RpcOptions & { readonly service: string; readonly method: string; readonly path: string };

export type PipelineParts = {
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly tokens: TokenVerifier;
  readonly internalKey: string;
  readonly rpcDuration: Histogram;
  readonly nowMs: () => number;
};

/** One RPC on its way through. The interceptors fill in the context that the handler then sees. */
export type Exchange = {
  readonly rpc: Rpc;
  readonly parts: PipelineParts;
  readonly metadata: Metadata;
  readonly request: unknown;
  /** Ends the context's signal, and with it the work below. */
  readonly cancel: () => void;
  context: RequestContext;
};

type Next = (exchange: Exchange) => Promise<unknown>;
type Interceptor = (exchange: Exchange, next: Next) => Promise<unknown>;

const interceptors: readonly Interceptor[] = [
  observe, // first: whatever happens below is measured, and has a trace id to be found by
  identify, // before anything of the request is looked at: strangers learn nothing
  validate, // before the handler: it may trust every field
  bound, // last: the time limit is on the work itself
];

/** The whole way of one RPC: never rejects; a failure comes back as a status. */
export function pipelineOf(handler: (request: unknown) => Promise<unknown>) {
  const work: Next = ({ context, request }) => inContext(context, () => handler(request));
  const run = interceptors.reduceRight<Next>((next, each) => (exchange) => each(exchange, next), work);
  return async (exchange: Exchange): Promise<{ response: unknown } | { failed: RpcStatus }> => {
    try {
      return { response: await run(exchange) };
    } catch (error) {
      return { failed: statusOf(error, exchange.context.span?.traceId) };
    }
  };
}

async function observe(exchange: Exchange, next: Next): Promise<unknown> {
  const { rpc, parts } = exchange;
  const startedAt = performance.now();
  const span = parts.telemetry.span(rpc.path, "server", header(exchange.metadata, headers.traceparent), {
    "rpc.system": "grpc",
    "rpc.service": rpc.service,
    "rpc.method": rpc.method,
  });
  exchange.context = { ...exchange.context, span };
  let failure: unknown;
  try {
    return await next(exchange);
  } catch (error) {
    failure = error;
    if (!(error instanceof Refusal) && !(error instanceof Cancelled)) {
      inContext(exchange.context, () =>
        parts.log.error({ rpc: rpc.path, error: describeError(error) }, "RPC failed"),
      );
    }
    throw error;
  } finally {
    const code = failure === undefined ? "OK" : status[statusOf(failure, undefined).code];
    parts.rpcDuration.record((performance.now() - startedAt) / 1_000, {
      "rpc.service": rpc.service,
      "rpc.method": rpc.method,
      "rpc.grpc.status_code": code ?? "UNKNOWN",
    });
    span.end(failure instanceof Refusal || failure instanceof Cancelled ? undefined : failure);
  }
}

/** Finds out who asks and refuses whom the contract's `access` does not name. */
async function identify(exchange: Exchange, next: Next): Promise<unknown> {
  const { rpc, parts, metadata } = exchange;
  const caller = callingService(metadata, parts.internalKey);
  const bearerToken = bearer(header(metadata, headers.authorization));
  const user = bearerToken === undefined ? undefined : await parts.tokens(bearerToken);

  const roles = user === undefined ? [] : user.role === "admin" ? ["user", "admin"] : ["user"];
  const allowed = rpc.access.some(
    (each) => each === "public" || roles.includes(each) || (each === "service" && caller !== undefined),
  );
  if (!allowed)
    throw kitRefusals.refuse(
      user === undefined && caller === undefined ? "unauthenticated" : "permission_denied",
    );

  // On behalf of a user, a service has that user's rights; without one, its own.
  const principal: Principal =
    user ?? (caller === undefined ? background.principal : { kind: "service", service: caller });
  const idempotencyKey = header(metadata, headers.idempotencyKey);
  if (idempotencyKey !== undefined && idempotencyKey.length > 255)
    throw kitRefusals.refuse("invalid_request");
  exchange.context = { ...exchange.context, principal, bearerToken, idempotencyKey };
  return next(exchange);
}

async function validate(exchange: Exchange, next: Next): Promise<unknown> {
  const [first, ...others] = exchange.rpc.validate(exchange.request);
  if (first !== undefined) throw invalidFields([first, ...others]);
  return next(exchange);
}

/** Ends the waiting when the RPC's own limit is sooner than the caller's; the caller's is grpc-js's to keep. */
async function bound(exchange: Exchange, next: Next): Promise<unknown> {
  const { nowMs } = exchange.parts;
  const ownDeadlineAtMs = nowMs() + exchange.rpc.deadlineMs;
  if (exchange.context.deadlineAtMs <= ownDeadlineAtMs) return next(exchange);
  exchange.context = { ...exchange.context, deadlineAtMs: ownDeadlineAtMs };
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      exchange.cancel();
      reject(new DeadlineExceeded(exchange.rpc.path));
    }, exchange.rpc.deadlineMs);
  });
  try {
    return await Promise.race([next(exchange), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function header(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0];
  return typeof value === "string" ? value : undefined;
}

function bearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const match = /^bearer ([^\s]+)$/i.exec(authorization);
  if (match === null) throw kitRefusals.refuse("unauthenticated");
  return match[1];
}

/** The service that calls, if it proves to be one of this store by the shared key. */
function callingService(metadata: Metadata, internalKey: string): string | undefined {
  const given = header(metadata, headers.internalKey);
  if (given === undefined) return undefined;
  const a = Buffer.from(given);
  const b = Buffer.from(internalKey);
  if (a.length !== b.length || !timingSafeEqual(a, b)) throw kitRefusals.refuse("unauthenticated");
  return header(metadata, headers.callingService) ?? "unnamed";
}
