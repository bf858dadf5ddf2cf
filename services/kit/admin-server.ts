// The operator's side door of a process: is it alive, is it ready, what are its numbers.
// It listens on its own port, which the ingress never routes to.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  collectDefaultMetrics,
  type Metric,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";
import { PortTaken } from "./rpc-server.ts";

const readEveryMs = 1_000;

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

/**
 * Of the process, and so collected once, however many services it runs: each collection would watch the event loop and the
 * garbage collector for itself. What was read a moment ago is shown again, for reading empties what the loop was watched by.
 */
function openProcessMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<readonly MetricObjectWithValues<MetricValue<string>>[]> = Promise.resolve([]);
  const read = () => {
    if (performance.now() - readAtMs >= readEveryMs) {
      readAtMs = performance.now();
      reading = registry.getMetricsAsJSON();
    }
    return reading;
  };
  return { names: registry.getMetricsAsArray().map(({ name }) => name), read };
}

let processMetrics: ReturnType<typeof openProcessMetrics> | undefined;

function addProcessMetrics(registry: Registry) {
  processMetrics ??= openProcessMetrics();
  const { names, read } = processMetrics;
  for (const name of names) {
    const get = async () => (await read()).find((metric) => metric.name === name);
    registry.registerMetric({ name, get, reset() {} } as unknown as Metric);
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string) {
  response.writeHead(status, { "content-type": contentType });
  response.end(body);
}
