// Typed clients of other services: only the methods that the definition lists.
//
// Invariants:
//   C1. Every call has a deadline: the definition's timeout, or what is left of the request's
//       own, whichever is sooner. When the request is cancelled, so is the call.
//   C2. A call is repeated only if that is safe: the RPC has no side effects, or it is
//       idempotent and carries a key; and only after UNAVAILABLE, within the retry budget.
//   C3. In a mesh the proxy retries and breaks, and this client does neither.
//   C4. Services of a release start at once. A callee that does not listen yet, while its caller is starting itself, is waited
//       for, within the deadline; later, one that does not listen is an outage at once.

import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type Breaker, openBreaker } from "./breaker.ts";
import { currentContext, type RequestContext } from "./context.ts";
import type { Call, ClientOf, Method } from "./definition.ts";
import { headers } from "./pipeline.ts";
import { Outage } from "./refusal.ts";
import { backoffMs, delay, retryBudget } from "./retry.ts";
import { messageBytesMax, toBuffer } from "./rpc-server.ts";
import { Cancelled, DeadlineExceeded, failureOf } from "./rpc-status.ts";
import type { Telemetry } from "./telemetry.ts";
import { withoutStacks } from "./without-stacks.ts";
import { keepGarbageYoung } from "./young-garbage.ts";

export type ClientParts = {
  /** Who calls: the name that the callee sees. */
  readonly caller: string;
  /** Proves that the caller is one of the store's services; absent for strangers. */
  readonly internalKey?: string;
  readonly mesh: "none" | "istio";
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** For how long from now on its callees may still be starting (C4); 0 when left out. */
  readonly startupGraceMs?: number;
};

const retryShare = 0.2;
const retryBurst = 10;
const backoff = { baseMs: 50, capMs: 1_000 };

export function openRpcClient<T extends Call>(use: T, address: string, parts: ClientParts) {
  keepGarbageYoung();
  const channel = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.keepalive_time_ms": 60_000,
    // Ours (C2) know what is safe; the library's would only keep a copy of every request.
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_channelz": 0,
  });
  const breaker = openBreaker(use.service, parts.mesh === "istio" ? undefined : use.breaker);
  const budget = retryBudget(retryShare, retryBurst);
  const graceUntilMs = parts.nowMs() + (parts.startupGraceMs ?? 0);
  const client = Object.fromEntries(
    use.methods.map((name) => {
      const method = use.contract.methods[name] as Method;
      const caller = { use, channel, wire: wireOf(use, method), breaker, budget, graceUntilMs, parts };
      return [name, (request: unknown) => callWithRetries(request, caller)];
    }),
  );
  return { client: client as ClientOf<T>, breaker, close: () => channel.close() };
}

type Wire = {
  readonly path: string;
  readonly method: Method;
  readonly serialize: (message: unknown) => Buffer;
  readonly deserialize: (bytes: Buffer) => unknown;
};

type Caller = {
  readonly use: Call;
  readonly channel: Client;
  readonly wire: Wire;
  readonly breaker: Breaker;
  readonly budget: ReturnType<typeof retryBudget>;
  readonly graceUntilMs: number;
  readonly parts: ClientParts;
};

function wireOf(use: Call, method: Method): Wire {
  return {
    path: `/${use.contract.fullName}/${method.name}`,
    method,
    serialize: (message) => toBuffer(method.requestType, message),
    deserialize: (bytes) => method.responseType.decode(bytes),
  };
}

async function callWithRetries(request: unknown, caller: Caller): Promise<unknown> {
  const { use, wire, budget, parts, breaker } = caller;
  const context = currentContext();
  const attemptsMax = parts.mesh === "none" && isSafeToRepeat(wire.method, context) ? use.attemptsMax : 1;
  budget.request();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await breaker.run(() => callOnce(request, caller, context));
    } catch (error) {
      const again = attempt < attemptsMax && isUnavailable(error) && budget.take();
      if (!again) throw error;
      const waitMs = backoffMs(attempt, backoff, parts.random);
      if (parts.nowMs() + waitMs >= context.deadlineAtMs) throw error;
      await delay(waitMs, context.signal);
    }
  }
}

function isSafeToRepeat(method: Method, context: RequestContext): boolean {
  const level = method.options.idempotencyLevel;
  return level === "NO_SIDE_EFFECTS" || (level === "IDEMPOTENT" && context.idempotencyKey !== undefined);
}

function isUnavailable(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as ServiceError | undefined) : undefined;
  return cause?.code === status.UNAVAILABLE;
}

function callOnce(
  request: unknown,
  { use, channel, wire, graceUntilMs, parts }: Caller,
  context: RequestContext,
): Promise<unknown> {
  const nowMs = parts.nowMs();
  const metadata = metadataOf(parts, context, nowMs < graceUntilMs);
  const span = parts.telemetry.span(wire.path, "client", context.span?.traceparent, {
    "peer.service": use.service,
  });
  metadata.set(headers.traceparent, span.traceparent);
  const ownDeadlineAtMs = nowMs + use.timeoutMs;
  const deadline = Math.min(ownDeadlineAtMs, context.deadlineAtMs);
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel();
    const call = withoutStacks(() =>
      channel.makeUnaryRequest(
        wire.path,
        wire.serialize,
        wire.deserialize,
        request,
        metadata,
        { deadline },
        (error, response) => {
          context.signal?.removeEventListener("abort", cancel);
          const failure =
            error === null ? undefined : failureFor(use.service, error, context, deadline < ownDeadlineAtMs);
          span.end(failure instanceof Outage ? failure : undefined);
          if (failure === undefined) resolve(response);
          else reject(failure);
        },
      ),
    );
    context.signal?.addEventListener("abort", cancel, { once: true });
    if (context.signal?.aborted) cancel();
  });
}

/** A caller who went away, or who allowed less time than the definition does, says nothing about the callee. */
function failureFor(
  peer: string,
  error: ServiceError,
  context: RequestContext,
  isCallersDeadline: boolean,
): Error {
  const cancelled = error.code === status.CANCELLED && context.signal?.aborted === true;
  const late = error.code === status.DEADLINE_EXCEEDED && isCallersDeadline;
  if (late) return new DeadlineExceeded(`${peer}: the caller's deadline has passed`);
  return cancelled ? new Cancelled(`${peer}: cancelled`) : failureOf(peer, error);
}

function metadataOf(parts: ClientParts, context: RequestContext, waitForReady: boolean): Metadata {
  const metadata = new Metadata({ waitForReady });
  metadata.set(headers.callingService, parts.caller);
  if (parts.internalKey !== undefined) metadata.set(headers.internalKey, parts.internalKey);
  if (context.bearerToken !== undefined) metadata.set(headers.authorization, `Bearer ${context.bearerToken}`);
  if (context.idempotencyKey !== undefined) metadata.set(headers.idempotencyKey, context.idempotencyKey);
  return metadata;
}
