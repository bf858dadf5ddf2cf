// A JSON-over-HTTP server for a simulated company's API: finds the route, reads the body
// within its limit, lets failures be injected, answers.
//
// Invariants:
//   S1. Whatever comes in, the answer is JSON `{reason, message}` or the route's own, or,
//       on purpose only, no answer at all.
//   S2. A request whose body is too large, not JSON or not of its shape changes nothing.
//   S3. Nothing of an unexpected error reaches the caller.

import { isUtf8 } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Disturbance } from "./failures.ts";
import { type Answer, invalidRequest, matchRoute, parseQuery, type Route, refusal } from "./route.ts";

export type JsonServer = { readonly url: string; stop(): Promise<void> };

export const bodyBytesMax = 64 * 1024;
/** A body over the limit is read on and thrown away up to here, so that its sender gets to see the refusal. */
const discardedBytesMax = 16 * 1024 * 1024;
const connectionsMax = 1_024;
const requestTimeoutMs = 30_000;
/** Longer than clients keep idle connections, so that it is the client who closes them. */
const keepAliveTimeoutMs = 65_000;
/** How long a withheld answer holds its connection when the client does not give up. */
const withheldMs = 60_000;
const stopGraceMs = 3_000;

const notFound = refusal(404, "not_found", "There is nothing at this path.");
const tooLarge = refusal(413, "body_too_large", `A body may have ${bodyBytesMax} bytes.`);
const notJson = refusal(415, "unsupported_media_type", "Send the body as application/json.");
const internalError = refusal(500, "internal_error", "Something went wrong here.");

type Options = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly routes: readonly Route[];
  /** Asked once for every request that has a route. */
  readonly disturb: (method: string, path: string) => Disturbance | undefined;
};

/** Listens; rejects when the port is taken. Port 0 is any free one; the real one is in `url`. */
export async function startJsonServer(options: Options): Promise<JsonServer> {
  const stopping = new AbortController();
  const server = createServer({ requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs });
  server.maxConnections = connectionsMax;
  server.on("request", (request, response) => {
    respond(options, stopping.signal, request, response).catch((error: unknown) => {
      console.error(`${options.name}: ${error instanceof Error ? error.stack : String(error)}`);
      if (!response.headersSent) send(response, internalError, true);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;

  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async stop() {
      if (stopping.signal.aborted) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      stopping.abort();
      const impatient = setTimeout(() => server.closeAllConnections(), stopGraceMs);
      await closed;
      clearTimeout(impatient);
    },
  };
}

async function respond(
  options: Options,
  stopping: AbortSignal,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? "";
  const [path = "", queryText = ""] = splitOnce(request.url ?? "", "?");
  const match = matchRoute(options.routes, method, path);
  const body = await readBody(request);
  if (body === "gone") return;

  const closing = stopping.aborted || body === "too_large";
  if (match.found === "nothing") return send(response, notFound, closing);
  if (match.found === "path") {
    response.setHeader("allow", match.allow.join(", "));
    return send(response, refusal(405, "method_not_allowed", "This path has other methods."), closing);
  }
  if (body === "too_large") return send(response, tooLarge, closing);

  const disturbance = options.disturb(method, path);
  if (disturbance?.do === "drop") return void request.socket.destroy();
  if (disturbance?.do === "error") {
    const injected = refusal(disturbance.status, "injected_failure", "This failure was asked for.");
    return send(response, injected, closing);
  }
  if (disturbance?.do === "slow" && !(await waited(disturbance.delayMs, stopping))) {
    return void request.socket.destroy();
  }
  const answer = answerTo(match.route, match.parameters, queryText, request, body);
  if (disturbance?.do === "processed_then_timeout") return withhold(response, stopping);
  send(response, answer, stopping.aborted);
}

function answerTo(
  route: Route,
  parameters: Record<string, string>,
  queryText: string,
  request: IncomingMessage,
  body: Buffer,
): Answer {
  const query = parseQuery(queryText);
  if (query === undefined) return invalidRequest("query: a field comes twice");
  if (!route.takesBody) {
    if (body.length > 0) return invalidRequest("body: this request has none");
    return route.answer(parameters, query, undefined);
  }
  if (!isJson(request.headers["content-type"])) return notJson;
  if (!isUtf8(body)) return invalidRequest("body: not UTF-8");
  const parsed = parseJson(body.toString("utf8"));
  if (parsed === undefined) return invalidRequest("body: not JSON");
  return route.answer(parameters, query, parsed);
}

/** The value, or undefined, which JSON cannot say, when the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}

const emptyBody = Buffer.alloc(0);

function readBody(request: IncomingMessage): Promise<Buffer | "too_large" | "gone"> {
  const { headers } = request;
  const bodyless = headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
  if (bodyless) return Promise.resolve(emptyBody);
  if (Number(headers["content-length"] ?? 0) > discardedBytesMax) return Promise.resolve("too_large");

  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bodyBytesMax) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > discardedBytesMax) resolve("too_large");
    });
    request.on("end", () => {
      if (bytes > bodyBytesMax) resolve("too_large");
      else resolve(chunks.length === 1 ? (chunks[0] ?? emptyBody) : Buffer.concat(chunks));
    });
    request.on("close", () => resolve("gone"));
  });
}

function send(response: ServerResponse, answer: Answer, closing: boolean): void {
  const text = JSON.stringify(answer.body);
  if (closing) response.setHeader("connection", "close");
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** False when the server was stopped meanwhile. */
async function waited(delayMs: number, stopping: AbortSignal): Promise<boolean> {
  try {
    await delay(delayMs, undefined, { signal: stopping });
    return true;
  } catch {
    return false;
  }
}

async function withhold(response: ServerResponse, stopping: AbortSignal): Promise<void> {
  const ended = new AbortController();
  response.once("close", () => ended.abort());
  await waited(withheldMs, AbortSignal.any([stopping, ended.signal]));
  response.destroy();
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
