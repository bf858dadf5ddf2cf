// The storefront contract over Connect and gRPC-Web, for browsers, curl and CLIs, on the same server as REST.
//
// The handlers are those of gRPC. Their messages are ts-proto's and Connect's are protobuf-es's: the two meet
// in the bytes, which are the contract's own.

import { fromBinary, getOption, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  describeError,
  inContext,
  kitRefusals,
  type Log,
  Outage,
  Refusal,
  type RequestContext,
} from "@webstore/kit";
import { Access, access, deadline_ms } from "@webstore/proto/es/options/v1";
import { StorefrontService } from "@webstore/proto/es/storefront/v1";
import { BadRequest, ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { StorefrontServiceDefinition } from "@webstore/proto/storefront/v1";
import { type Exchange, requiredUser } from "./exchange.ts";
import type { Storefront } from "./rpc.ts";

/** How connect-fastify hands the request's exchange to the handlers. */
export const exchangeKey = createContextKey<Exchange | null>(null, { description: "exchange" });

type Codec = {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
};

const deadlineMsDefault = 4_000;

export function connectRoutes(
  router: ConnectRouter,
  storefront: Storefront,
  parts: { log: Log; nowMs: () => number },
): void {
  const implementation = Object.fromEntries(
    StorefrontService.methods.map((method) => [method.localName, handlerOf(method, storefront, parts)]),
  );
  router.service(StorefrontService, implementation as unknown as ServiceImpl<typeof StorefrontService>);
}

function handlerOf(
  method: (typeof StorefrontService.methods)[number],
  storefront: Storefront,
  { log, nowMs }: { log: Log; nowMs: () => number },
) {
  const name = method.localName as keyof Storefront;
  const { requestType, responseType } = StorefrontServiceDefinition.methods[name];
  const decodeRequest = (requestType as Codec).decode;
  const encodeResponse = (responseType as unknown as Codec).encode;
  const handle = storefront[name] as (request: unknown) => Promise<unknown>;
  const admitted = getOption(method, access);
  const deadlineMs = getOption(method, deadline_ms) || deadlineMsDefault;

  return async (request: Message, call: HandlerContext): Promise<Message> => {
    const context = contextOf(call, nowMs() + deadlineMs, nowMs());
    return inContext(context, async () => {
      try {
        admit(admitted, call.values.get(exchangeKey));
        const asked = decodeRequest(toBinary(method.input, request as MessageShape<typeof method.input>));
        const answer = await handle(asked);
        return fromBinary(method.output, encodeResponse(answer).finish());
      } catch (error) {
        throw connectErrorOf(error, context.span?.traceId ?? "", log, name);
      }
    });
  };
}

function contextOf(call: HandlerContext, latestAtMs: number, nowMs: number): RequestContext {
  const exchange = call.values.get(exchangeKey);
  const timeoutMs = call.timeoutMs();
  return {
    principal: exchange?.principal ?? { kind: "anonymous" },
    bearerToken: exchange?.bearerToken,
    span: exchange?.span,
    idempotencyKey: call.requestHeader.get("idempotency-key")?.slice(0, 255) ?? undefined,
    deadlineAtMs: timeoutMs === undefined ? latestAtMs : Math.min(latestAtMs, nowMs + timeoutMs),
    signal: call.signal,
  };
}

function admit(admitted: readonly Access[], exchange: Exchange | null): void {
  if (admitted.includes(Access.PUBLIC)) return;
  const { role } = requiredUser(exchange);
  const allowed = admitted.includes(Access.USER) || (admitted.includes(Access.ADMIN) && role === "admin");
  if (!allowed) throw kitRefusals.refuse("permission_denied");
}

const codes: Readonly<Record<Refusal["code"], Code>> = {
  INVALID_ARGUMENT: Code.InvalidArgument,
  NOT_FOUND: Code.NotFound,
  ALREADY_EXISTS: Code.AlreadyExists,
  PERMISSION_DENIED: Code.PermissionDenied,
  UNAUTHENTICATED: Code.Unauthenticated,
  FAILED_PRECONDITION: Code.FailedPrecondition,
  OUT_OF_RANGE: Code.OutOfRange,
  RESOURCE_EXHAUSTED: Code.ResourceExhausted,
  UNAVAILABLE: Code.Unavailable,
  ABORTED: Code.Aborted,
};

/** Only a refusal's own text reaches the caller; the rest stays in the log. */
function connectErrorOf(error: unknown, traceId: string, log: Log, method: string): ConnectError {
  if (!(error instanceof Refusal)) {
    log.error({ rpc: method, error: describeError(error) }, "RPC failed");
    return error instanceof Outage
      ? new ConnectError(`Not available right now (trace ${traceId})`, Code.Unavailable)
      : new ConnectError(`Something went wrong here (trace ${traceId})`, Code.Internal);
  }
  const answer = new ConnectError(error.message, codes[error.code]);
  const info = { reason: error.reason, domain: error.service, metadata: { ...error.details } };
  answer.details.push({ type: "google.rpc.ErrorInfo", value: ErrorInfo.encode(info).finish() });
  if (error.violations.length > 0) {
    const fieldViolations = error.violations.map((each) => ({ ...each }));
    answer.details.push({
      type: "google.rpc.BadRequest",
      value: BadRequest.encode({ fieldViolations }).finish(),
    });
  }
  return answer;
}
