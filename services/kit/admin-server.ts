// The operator's side door of a process: is it alive, is it ready, what are its numbers.
// It listens on its own port, which the ingress never routes to.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import { PortTaken } from "./rpc-server.ts";

export type AdminRoute = () => Promise<{ contentType: string; body: string }>;

export type AdminServer = { readonly port: number; stop(): Promise<void> };

export async function startAdminServer(is: {
  host: string;
  port: number;
  registry: Registry;
  /** What `/readyz` asks: the names of the parts that are not ready. */
  notReady: () => Promise<readonly string[]>;
  /** Public documents that belong to this service, such as its JWKS. */
  routes?: Readonly<Record<string, AdminRoute>>;
}): Promise<AdminServer> {
  addProcessMetrics(is.registry);
  const routes: Readonly<Record<string, AdminRoute>> = {
    "/metrics": async () => ({ contentType: is.registry.contentType, body: await is.registry.metrics() }),
    ...is.routes,
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (request.method !== "GET") return send(response, 405, "text/plain", "only GET\n");
    if (path === "/livez") return send(response, 200, "text/plain", "ok\n");
    if (path === "/readyz") {
      const missing = await is.notReady();
      const body = missing.length === 0 ? "ok\n" : `not ready: ${missing.join(", ")}\n`;
      return send(response, missing.length === 0 ? 200 : 503, "text/plain", body);
    }
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined) return send(response, 404, "text/plain", "no such page\n");
    const { contentType, body } = await route();
    return send(response, 200, contentType, body);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => send(response, 503, "text/plain", "not available\n"));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new PortTaken(is.host, is.port, error)));
    server.listen(is.port, is.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Of the process, and so collected once: each collection would watch the event loop and the garbage collector for itself. */
let processMetrics: Registry | undefined;

function addProcessMetrics(registry: Registry) {
  if (processMetrics === undefined) {
    processMetrics = new Registry();
    collectDefaultMetrics({ register: processMetrics });
  }
  // The array holds the metrics themselves, whatever its type says.
  for (const metric of processMetrics.getMetricsAsArray())
    registry.registerMetric(metric as unknown as Metric);
}

function send(response: ServerResponse, status: number, contentType: string, body: string) {
  response.writeHead(status, { "content-type": contentType });
  response.end(body);
}
