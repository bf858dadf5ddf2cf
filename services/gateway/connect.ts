// The gateway's contracts over Connect and gRPC-Web, for browsers, curl and CLIs, on the same server as REST.
//
// The handlers are those of gRPC and REST. Their messages are ts-proto's and Connect's are protobuf-es's: the two meet
// in the bytes, which are the contract's own.

import {
  type DescMethodUnary,
  type DescService,
  fromBinary,
  getOption,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  DeadlineExceeded,
  describeError,
  inContext,
  kitRefusals,
  type Log,
  Outage,
  Refusal,
  type RequestContext,
} from "@webstore/kit";
import { Access, access, deadline_ms } from "@webstore/proto/es/options/v1";
import { BadRequest, ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { type Exchange, requiredUser } from "./exchange.ts";

/** How connect-fastify hands the request's exchange to the handlers. */
export const exchangeKey = createContextKey<Exchange | null>(null, { description: "exchange" });

type Codec = {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
};

const deadlineMsDefault = 4_000;

/** As much of ts-proto's service definition as is needed to speak its messages. */
type Contract = {
  readonly methods: Readonly<
    Record<string, { readonly requestType: unknown; readonly responseType: unknown }>
  >;
};

type Handler = (request: unknown) => Promise<unknown>;

/** `service` and `contract` are one contract as the two generators have it; `handlers` are all its methods. */
export function serveOverConnect<S extends DescService, C extends Contract>(
  router: ConnectRouter,
  service: S,
  contract: C,
  handlers: { readonly [M in keyof C["methods"]]: (request: never) => Promise<unknown> },
  parts: { log: Log; nowMs: () => number },
): void {
  const implementation = Object.fromEntries(
    service.methods.map((method) => {
      const name = method.localName;
      const handle = (handlers as Readonly<Record<string, unknown>>)[name] as Handler;
      const codecs = contract.methods[name] as { requestType: Codec; responseType: Codec };
      return [name, handlerOf(method as DescMethodUnary, codecs, handle, parts)];
    }),
  );
  router.service(service, implementation as unknown as ServiceImpl<S>);
}

function handlerOf(
  method: DescMethodUnary,
  codecs: { requestType: Codec; responseType: Codec },
  handle: Handler,
  { log, nowMs }: { log: Log; nowMs: () => number },
) {
  const admitted = getOption(method, access);
  const deadlineMs = getOption(method, deadline_ms) || deadlineMsDefault;

  return async (request: Message, call: HandlerContext): Promise<Message> => {
    const context = contextOf(call, nowMs() + deadlineMs, nowMs());
    return inContext(context, async () => {
      try {
        admit(admitted, call.values.get(exchangeKey));
        const asked = codecs.requestType.decode(
          toBinary(method.input, request as MessageShape<typeof method.input>),
        );
        const answer = await handle(asked);
        return fromBinary(method.output, codecs.responseType.encode(answer).finish());
      } catch (error) {
        throw connectErrorOf(error, context.span?.traceId ?? "", log, method.name);
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
    return error instanceof Outage || error instanceof DeadlineExceeded
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
