import { expect, test } from "vitest";
import { destinationRule } from "./destination-rule.ts";
import { place, release, serviceNamed, services, uncalled } from "./testing.ts";

test("the cart's rule, whole", () => {
  expect(destinationRule(serviceNamed("cart"), services, place)).toEqual({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: {
      name: `${release}-cart`,
      namespace: "{{ .Release.Namespace }}",
      labels: { "app.kubernetes.io/instance": release },
    },
    spec: {
      host: `${release}-cart.{{ .Release.Namespace }}.svc.cluster.local`,
      trafficPolicy: {
        tls: { mode: "ISTIO_MUTUAL" },
        loadBalancer: { simple: "LEAST_REQUEST" },
        connectionPool: {
          tcp: { connectTimeout: "3s" },
          http: { http1MaxPendingRequests: 800, http2MaxRequests: 800, maxRequestsPerConnection: 0 },
        },
        retryBudget: { percent: 20, minRetryConcurrency: 3 },
        outlierDetection: {
          consecutive5xxErrors: 5,
          interval: "1s",
          baseEjectionTime: "30s",
          maxEjectionPercent: 50,
          minHealthPercent: 0,
        },
      },
    },
  });
});

test("of unequal breakers the first to open and the last to close counts", () => {
  const use = {
    service: uncalled.name,
    port: uncalled.ports.rpc,
    contract: uncalled.serves,
    methods: [],
    timeoutMs: 100,
    attemptsMax: 1,
  };
  const caller = (name: string, failures: number, coolDownMs: number) => ({
    ...serviceNamed("cart"),
    name,
    calls: { it: { ...use, breaker: { failures, coolDownMs } } },
  });
  const rule = destinationRule(uncalled, [caller("a", 3, 1_000), caller("b", 7, 60_000)], place);
  expect(rule.spec.trafficPolicy.outlierDetection).toMatchObject({
    consecutive5xxErrors: 3,
    baseEjectionTime: "60s",
  });
});

test("without a breaker of any caller no replica is left alone", () => {
  expect(destinationRule(uncalled, services, place).spec.trafficPolicy).not.toHaveProperty(
    "outlierDetection",
  );
});

test("the more replicas there may be, the more may be under way", () => {
  const { connectionPool } = destinationRule(serviceNamed("orders"), services, place).spec.trafficPolicy;
  expect(connectionPool.http.http2MaxRequests).toBe(100 * serviceNamed("orders").runs.replicas.max);
});
