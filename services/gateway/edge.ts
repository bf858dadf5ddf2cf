// The switches of the edge: which hosts, which origins, HTTPS only, compression.

import type fastifyCors from "@fastify/cors";
import { ConfigError } from "@webstore/kit";
import type { FastifyInstance } from "fastify";
import type { GatewayConfig } from "./config.ts";
import { refusals } from "./refusals.ts";

/** What scripts of other origins may read of an answer's head. */
const exposedHeaders = [
  "x-trace-id",
  "retry-after",
  "location",
  "etag",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
];
const preflightMaxAgeSeconds = 600;

export async function addEdge(
  app: FastifyInstance,
  config: GatewayConfig,
  cors: typeof fastifyCors,
): Promise<void> {
  if (config.APP_MIDDLEWARE_TRUSTEDHOST) refuseOtherHosts(app, config.BACKEND_ALLOWED_HOSTS);
  if (config.APP_MIDDLEWARE_HTTPSREDIRECT) redirectToHttps(app);
  if (config.APP_MIDDLEWARE_CORS) await app.register(cors, corsOptionsOf(config));
  if (config.APP_MIDDLEWARE_GZIP) {
    const { default: compress } = await import("@fastify/compress");
    await app.register(compress, { global: true, encodings: ["br", "gzip"], threshold: 1_024 });
  }
}

function refuseOtherHosts(app: FastifyInstance, allowed: readonly string[]): void {
  if (allowed.includes("*")) return;
  const names = new Set(allowed.filter((host) => !host.startsWith("*.")).map((host) => host.toLowerCase()));
  const suffixes = allowed.filter((host) => host.startsWith("*.")).map((host) => host.slice(1).toLowerCase());
  app.addHook("onRequest", (request, _reply, done) => {
    const host = request.hostname.toLowerCase();
    const known = names.has(host) || suffixes.some((suffix) => host.endsWith(suffix));
    done(known ? undefined : refusals.refuse("host_not_allowed"));
  });
}

function redirectToHttps(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    if (request.protocol === "https") done();
    // 308 keeps the method and the body.
    else reply.redirect(`https://${request.hostname}${request.url}`, 308);
  });
}

function corsOptionsOf(config: GatewayConfig) {
  const any = config.BACKEND_CORS_ORIGINS.includes("*");
  if (any && config.BACKEND_CORS_CREDENTIALS) {
    throw new ConfigError(
      "The configuration has 1 problem(s):\n  BACKEND_CORS_CREDENTIALS: must be off while BACKEND_CORS_ORIGINS is *",
    );
  }
  return {
    origin: any ? "*" : config.BACKEND_CORS_ORIGINS,
    credentials: config.BACKEND_CORS_CREDENTIALS,
    methods: config.BACKEND_CORS_METHODS,
    allowedHeaders: config.BACKEND_CORS_HEADERS,
    exposedHeaders,
    maxAge: preflightMaxAgeSeconds,
  };
}

/** Tells which methods a path has; collects the routes that are added after this call. */
export function methodsAt(app: FastifyInstance): (url: string) => string[] {
  const byPattern = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = byPattern.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const each of [method].flat()) known.methods.add(each.toUpperCase());
    byPattern.set(url, known);
  });
  return (url) => {
    const path = url.split("?", 1)[0] ?? "";
    const methods = [...byPattern.values()].flatMap((known) =>
      known.pattern.test(path) ? [...known.methods] : [],
    );
    return [...new Set(methods)];
  };
}

function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/:\w+/g, "[^/]+");
  return new RegExp(`^${source}$`);
}
