// The HTTP server: reads a request within its limits, hands it to the API, the admin API or a page,
// and writes the answer.
//
// Invariants:
//   H1. A body is read up to `bodyBytesMax`; a longer one is refused and never held.
//   H2. Every answer of the API carries a Request-Id, and no request is answered twice.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { answerAdmin } from "./admin.ts";
import { ApiError, errorBody, internalError, invalidRequest } from "./api-error.ts";
import { type DueWorker, startDueWorker } from "./comes-due.ts";
import { apiVersion } from "./event.ts";
import { keptSeconds } from "./idempotency.ts";
import { answerPage } from "./pages.ts";
import type { Provider } from "./provider.ts";
import { type Answer, answerRequest } from "./requests.ts";

const bodyBytesMax = 256 * 1_024;
/** How much of a refused body is read and thrown away, so that its sender gets to see the answer. */
const discardBytesMax = 32 * 1_024 * 1_024;
const connectionsMax = 2_000;
/** A caller's pooled connection must not be closed under it between two requests, so idle ones live long. */
const keepAliveMs = 75_000;
/** How long a connection is left hanging by the scenario that never answers. */
const hangMs = 120_000;
const forgetEveryMs = 60_000;
const eventsKeptMs = 30 * 86_400_000;

const versionPattern = /^\d{4}-\d{2}-\d{2}(\.[a-z]{1,40})?$/;
const formType = "application/x-www-form-urlencoded";

type Exchange = {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly requestId: string;
  readonly path: string;
  readonly query: string;
};

export type ProviderServer = { readonly url: string; stop(): Promise<void> };

function headerOf(request: http.IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function send(exchange: Exchange, status: number, body: string, headers: Record<string, string> = {}): void {
  const { response, requestId } = exchange;
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "request-id": requestId,
    ...headers,
  });
  response.end(body);
}

function sendError(exchange: Exchange, error: ApiError, headers: Record<string, string> = {}): void {
  send(exchange, error.status, errorBody(error), headers);
}

function sendAnswer(exchange: Exchange, answer: Answer): void {
  const { request, response } = exchange;
  if (answer.kind === "drop") {
    request.socket.destroy();
    return;
  }
  if (answer.kind === "hang") {
    const timer = setTimeout(() => request.socket.destroy(), hangMs);
    timer.unref();
    response.on("close", () => clearTimeout(timer));
    return;
  }
  const headers: Record<string, string> = {
    "stripe-version": headerOf(request, "stripe-version") ?? apiVersion,
  };
  const key = headerOf(request, "idempotency-key");
  if (key !== undefined) headers["idempotency-key"] = key;
  if (answer.replayOf !== undefined) {
    headers["idempotent-replayed"] = "true";
    headers["original-request"] = answer.replayOf;
  }
  // A kept 500 would only be replayed.
  if (answer.status === 500) headers["stripe-should-retry"] = "false";
  send(exchange, answer.status, answer.body, headers);
}

function sendPage(exchange: Exchange, page: ReturnType<typeof answerPage>): void {
  send(exchange, page.status, page.html, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    ...(page.location === undefined ? {} : { location: page.location }),
  });
}

function answerApi(provider: Provider, exchange: Exchange, text: string, stopping: AbortSignal): void {
  const { request, requestId, path, query } = exchange;
  const method = request.method ?? "";
  const version = headerOf(request, "stripe-version");
  if (version !== undefined && !versionPattern.test(version)) {
    sendError(exchange, invalidRequest("Invalid Stripe API version."));
    return;
  }
  const type = headerOf(request, "content-type") ?? formType;
  if (text !== "" && !type.toLowerCase().startsWith(formType)) {
    sendError(
      exchange,
      invalidRequest(`Invalid request (check that your POST content type is ${formType}).`),
    );
    return;
  }
  const answer = answerRequest(provider, {
    id: requestId,
    method,
    path,
    form: method === "GET" ? query : text,
    authorization: headerOf(request, "authorization"),
    idempotencyKey: headerOf(request, "idempotency-key"),
    stopping,
  });
  if (answer instanceof Promise) void answer.then((late) => sendAnswer(exchange, late));
  else sendAnswer(exchange, answer);
}

function dispatch(provider: Provider, exchange: Exchange, text: string, stopping: AbortSignal): void {
  const { request, requestId, path, query } = exchange;
  const method = request.method ?? "";
  try {
    if (path.startsWith("/admin/")) {
      const fromWebPage = request.headers.origin !== undefined;
      const { status, body } = answerAdmin(provider, { method, path, query, text, fromWebPage, requestId });
      send(exchange, status, JSON.stringify(body));
    } else if (path.startsWith("/receipts/") || path.startsWith("/authenticate/")) {
      sendPage(exchange, answerPage(provider, { method, path, query, form: text, requestId }));
    } else if (path === "/health") {
      send(exchange, 200, '{"status":"ok"}');
    } else {
      answerApi(provider, exchange, text, stopping);
    }
  } catch (error) {
    console.error("payment-provider: a request failed:", error instanceof Error ? error.stack : error);
    sendError(exchange, internalError);
  }
}

/** Refuses a body that is too long, and reads on for a while so that the refusal arrives. */
function refuseBody(exchange: Exchange, alreadyRead: number): void {
  const { request } = exchange;
  let discarded = alreadyRead;
  request.removeAllListeners("data");
  request.removeAllListeners("end");
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > discardBytesMax) request.socket.destroy();
  });
  const message = `The request body is larger than ${bodyBytesMax} bytes.`;
  sendError(exchange, new ApiError(413, { type: "invalid_request_error", message }), { connection: "close" });
}

function readBody(exchange: Exchange, then: (text: string) => void): void {
  const { request } = exchange;
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > bodyBytesMax) refuseBody(exchange, length);
    else chunks.push(chunk);
  });
  request.on("end", () => then(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString()));
}

/** Forgets answers older than a day and events older than 30 days, as Stripe does, a few at a time. */
function startForgetting({ database, clock }: Provider): DueWorker {
  let immediate: NodeJS.Immediate | undefined;
  const forget = () => {
    immediate = undefined;
    const answers = clock.keysNowSeconds() - keptSeconds;
    if (database.forget({ answers, events: Math.floor(clock.madeAtMs(eventsKeptMs) / 1_000) })) wake();
  };
  const wake = () => {
    immediate ??= setImmediate(forget);
  };
  const interval = setInterval(wake, forgetEveryMs);
  interval.unref();
  wake();
  return {
    wake,
    stop() {
      clearInterval(interval);
      clearImmediate(immediate);
    },
  };
}

/** Resolves once it listens. */
export async function serveProvider(provider: Provider): Promise<ProviderServer> {
  const { config, database } = provider;
  // Request ids are told apart by the start that they belong to, so that reads need not store a counter.
  const start = database.next("starts").toString(36);
  let requests = 0;
  const stopping = new AbortController();
  const server = http.createServer(
    { keepAliveTimeout: keepAliveMs, maxHeaderSize: 16_384 },
    (request, response) => {
      requests += 1;
      const [path = "", query = ""] = (request.url ?? "").split("?", 2);
      const exchange = { request, response, requestId: `req_${start}x${requests.toString(36)}`, path, query };
      request.on("error", () => response.destroy());
      readBody(exchange, (text) => dispatch(provider, exchange, text, stopping.signal));
    },
  );
  server.maxConnections = connectionsMax;
  server.requestTimeout = 30_000;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(config.port, config.host, resolve);
  await listening.catch((cause: unknown) => {
    provider.webhooks.stop();
    database.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`payment-provider: cannot listen on ${config.host}:${config.port}: ${reason}`, { cause });
  });
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  provider.baseUrl = `http://${config.host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  const forgetting = startForgetting(provider);
  const due = startDueWorker(provider);
  provider.jumped = () => {
    due.wake();
    provider.webhooks.wake();
    forgetting.wake();
  };
  return {
    url: provider.baseUrl,
    async stop() {
      forgetting.stop();
      due.stop();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      stopping.abort();
      provider.webhooks.stop();
      // Every answer is written in the turn that made it; what is still open is idle or hangs on purpose.
      server.closeAllConnections();
      await closed.promise;
      database.close();
    },
  };
}
