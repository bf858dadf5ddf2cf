// The HTTP server: Fastify with what every request passes before its route and every answer after it.
//
// Invariants:
//   H1. Nothing of a body is read before its sender is identified, admitted and within the rate limit.
//   H2. Every answer that is not a success is a problem (problem.ts), whoever made it: a route, a
//       plugin, Fastify itself or Node's parser.

import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import {
  type BaseConfig,
  describeError,
  type Histogram,
  inContext,
  type Log,
  type Telemetry,
  type TokenVerifier,
} from "@webstore/kit";
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
} from "fastify";
import helmet from "helmet";
import type { GatewayConfig } from "./config.ts";
import { addEdge, methodsAt } from "./edge.ts";
import { admit, beginExchange, identify } from "./exchange.ts";
import { instanceOf, problemOf, problemType } from "./problem.ts";
import { refusals } from "./refusals.ts";

export type HttpParts = {
  readonly config: BaseConfig & GatewayConfig;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly tokens: TokenVerifier;
};

/** How long a client may take to send its request. */
const receiveTimeoutMs = 30_000;

export async function openHttpServer(parts: HttpParts): Promise<FastifyInstance> {
  const { config } = parts;
  const options: FastifyServerOptions = {
    logger: false,
    bodyLimit: config.BODY_BYTES_MAX,
    trustProxy: (_address, hop) => hop < config.TRUSTED_PROXY_HOPS,
    requestTimeout: receiveTimeoutMs,
    forceCloseConnections: "idle",
    // A request on a kept connection that comes while we stop is still answered.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => sendProblem(parts, error, request, reply),
    clientErrorHandler: answerBrokenHttp,
  };
  const app = fastify(options);
  app.decorateRequest("exchange", null);
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((error, request, reply) => sendProblem(parts, error, request, reply));
  addBodyParsers(app);
  observe(app, parts);
  addSecurityHeaders(app);
  await addEdge(app, config, cors);
  await guard(app, parts);
  answerWhatIsNotThere(app, parts);
  return app;
}

/** JSON only; a body that is announced as JSON and is empty is none. */
function addBodyParsers(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else void parse(request, body as string, done);
  });
}

/**
 * Before anything can be refused, so that refusals have these headers too. Not by Fastify's plugin, which builds them anew
 * for every request.
 */
function addSecurityHeaders(app: FastifyInstance): void {
  const set = helmet({ contentSecurityPolicy: { directives: { "upgrade-insecure-requests": null } } });
  app.addHook("onRequest", (request, reply, done) =>
    set(request.raw, reply.raw, (error) => done(error as Error | undefined)),
  );
}

/** A span and a duration for every request, and its trace id for the caller to quote. */
function observe(app: FastifyInstance, { telemetry }: HttpParts): void {
  const duration: Histogram = telemetry.histogram("http.server.request.duration", { unit: "s" });
  app.addHook("onRequest", (request, reply, done) => {
    const exchange = beginExchange(request, telemetry);
    request.exchange = exchange;
    reply.header("x-trace-id", exchange.span.traceId);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { exchange } = request;
    if (exchange !== null && telemetry.recording) {
      const attributes = {
        "http.request.method": request.method,
        "http.route": request.routeOptions.url ?? "none",
        "http.response.status_code": reply.statusCode,
      };
      duration.record((performance.now() - exchange.startedAtMs) / 1_000, attributes);
      exchange.span.set(attributes);
      exchange.span.end(reply.statusCode >= 500 ? new Error(`status ${reply.statusCode}`) : undefined);
    }
    done();
  });
}

/** Who asks, whether too often, and whether they may: in this order, so that guessing tokens is counted too. */
async function guard(app: FastifyInstance, { config, tokens }: HttpParts): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    max: config.RATE_LIMIT_PER_SECOND,
    timeWindow: 1_000,
    // A bad token does not count for itself: it could be a new one every time.
    keyGenerator: (request) => request.exchange?.bearerToken ?? request.ip,
  });
  const limits = {
    caller: app.createRateLimit(),
    provider: app.createRateLimit({
      max: config.WEBHOOK_RATE_LIMIT_PER_SECOND,
      keyGenerator: (request) => request.ip,
    }),
  };
  app.addHook("onRequest", async (request) => {
    await identify(request, tokens);
    const use = await limits[request.routeOptions.config.countedWith ?? "caller"](request);
    if (!use.isAllowed && use.isExceeded) {
      throw refusals.refuse("rate_limited", { retry_after_seconds: String(use.ttlInSeconds) });
    }
    admit(request, config.PAYMENT_UPDATES_API_KEY);
  });
}

function answerWhatIsNotThere(app: FastifyInstance, parts: HttpParts): void {
  const methods = methodsAt(app);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods(request.url);
    if (allowed.length === 0) return sendProblem(parts, refusals.refuse("route_not_found"), request, reply);
    reply.header("allow", allowed.join(", "));
    return sendProblem(parts, refusals.refuse("method_not_allowed"), request, reply);
  });
}

function sendProblem(
  { log }: HttpParts,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { exchange } = request;
  const traceId = exchange?.span.traceId ?? "";
  const { problem, headers, unexpected } = problemOf(error, { instance: instanceOf(request.url), traceId });
  if (unexpected) {
    const say = () =>
      log.error({ route: request.routeOptions.url, error: describeError(error) }, "request failed");
    if (exchange === null) say();
    else inContext({ ...noContext, span: exchange.span }, say);
  }
  // Fastify would close on a client that still sends, which then sees a broken pipe instead of the reason.
  if (problem.status === 413) reply.removeHeader("connection");
  return reply.code(problem.status).headers(headers).type(problemType).send(JSON.stringify(problem));
}

const noContext = {
  principal: { kind: "anonymous" },
  bearerToken: undefined,
  deadlineAtMs: Number.POSITIVE_INFINITY,
  signal: undefined,
  idempotencyKey: undefined,
} as const;

/** What is not HTTP, or too large a head: Node's parser gives up before Fastify sees a request. */
function answerBrokenHttp(error: NodeJS.ErrnoException, socket: import("node:net").Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return;
  const { problem } = problemOf(refusals.refuse("malformed_url"), { instance: "", traceId: "" });
  const body = JSON.stringify(problem);
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: ${problemType}\r\nconnection: close`;
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
