// The gateway's HTTP: the server of http-server.ts with REST, Connect and the documents on it.

import type { AddressInfo } from "node:net";
import { createContextValues } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import multipart from "@fastify/multipart";
import { PortTaken } from "@webstore/kit";
import { OpsService } from "@webstore/proto/es/ops/v1";
import { StorefrontService } from "@webstore/proto/es/storefront/v1";
import { OpsServiceDefinition } from "@webstore/proto/ops/v1";
import { StorefrontServiceDefinition } from "@webstore/proto/storefront/v1";
import type { FastifyInstance } from "fastify";
import { exchangeKey, serveOverConnect } from "./connect.ts";
import { silenceReadErrors } from "./connect-silence.ts";
import type { Ports } from "./definition.ts";
import { addDocs } from "./docs.ts";
import { type HttpParts, openHttpServer } from "./http-server.ts";
import { addOpenApi, openApiDocument } from "./openapi.ts";
import type { Ops } from "./ops.ts";
import { addRoutes, restRoutes } from "./rest.ts";
import type { Route } from "./route.ts";
import { routes as allRoutes } from "./routes.ts";
import type { Storefront } from "./rpc.ts";

export type StartedHttp = {
  readonly url: string;
  stop(): Promise<void>;
};

export type StartHttp = HttpParts & {
  readonly ports: Ports;
  readonly storefront: Storefront;
  readonly ops: Ops;
  readonly nowMs: () => number;
  readonly newId: () => string;
};

export async function startHttp(is: StartHttp): Promise<StartedHttp> {
  const { config } = is;
  const app = await openHttpServer(is);
  const routes = restRoutes({ ...is, home: config.PRODUCTION_ENV ? undefined : allRoutes.getDocs.path });
  await addOpenApi(app);
  const simple = routes.filter((route) => route.fileField === undefined && route.bytesMax === undefined);
  addRoutes(app, simple, is);
  await addUploads(app, routes, is);
  for (const route of routes) await addTakerOfBytes(app, route, is);
  addDocument(app, config.OPENAPI_URL);
  if (!config.PRODUCTION_ENV) addDocs(app, () => openApiDocument(app));
  await addConnect(app, is);
  const port = await listen(app, config.APP_HOST, config.APP_PORT);
  return {
    url: `http://${config.APP_HOST}:${port}`,
    stop: () => drain(app, config.DRAIN_GRACE_MS),
  };
}

/** Apart from the others: the parser of forms would cost every request something. */
async function addUploads(app: FastifyInstance, routes: readonly Route[], is: StartHttp): Promise<void> {
  const uploads = routes.filter((route) => route.fileField !== undefined);
  const limits = { files: 1, fields: 0, parts: 1, fileSize: is.config.IMAGE_BYTES_MAX, headerPairs: 20 };
  await app.register(async (scope) => {
    await scope.register(multipart, { limits, throwFileSizeLimit: true });
    addRoutes(scope, uploads, is);
  });
}

/** Nothing between the socket and the route may read such a body: its signature is over the bytes as they came. */
async function addTakerOfBytes(app: FastifyInstance, route: Route, is: StartHttp): Promise<void> {
  const { bytesMax: bodyLimit } = route;
  if (bodyLimit === undefined) return;
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit }, (_request, body, done) =>
      done(null, body),
    );
    addRoutes(scope, [route], is);
  });
}

async function addConnect(app: FastifyInstance, is: StartHttp): Promise<void> {
  await app.register(async (scope) => {
    // Connect reads bodies itself, and brings parsers that leave them alone.
    scope.removeAllContentTypeParsers();
    // Who may call what is in the contract; connect.ts asks it.
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, access: "public" };
    });
    await scope.register(fastifyConnectPlugin, {
      routes: (router) => {
        serveOverConnect(router, StorefrontService, StorefrontServiceDefinition, is.storefront, is);
        serveOverConnect(router, OpsService, OpsServiceDefinition, is.ops, is);
        silenceReadErrors(router);
      },
      contextValues: (request) => createContextValues().set(exchangeKey, request.exchange),
      readMaxBytes: is.config.BODY_BYTES_MAX,
    });
  });
}

function addDocument(app: FastifyInstance, path: string): void {
  let document: string | undefined;
  const { access } = allRoutes.getOpenApi;
  app.get(path, { config: { access } }, async (_request, reply) => {
    document ??= JSON.stringify(openApiDocument(app));
    return reply.header("content-type", "application/json; charset=utf-8").send(document);
  });
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE" || code === "EACCES") throw new PortTaken(host, port, error);
    throw error;
  }
  return (app.server.address() as AddressInfo).port;
}

/** Finishes what is in hand; what is left after the grace period is cut. */
async function drain(app: FastifyInstance, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
