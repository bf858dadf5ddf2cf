// How a callee's replicas are used: DestinationRule. Load goes to whoever has least in hand, a replica that fails in a
// row is left alone for a while, and nobody sends more at once than the replicas can have in hand.
//
// At most half of the replicas are left alone. The mesh sees a status and no reason, so a callee that answers UNAVAILABLE
// because of somebody behind it looks like one that is sick itself (the breaker in a process knows better). If all could be left alone,
// one provider's outage would take every service in front of it away. A single replica is never left alone:
// there is nobody else to ask, and deadlines and the limits below bound the damage.

import type { ServiceDefinition } from "@webstore/kit";
import { callersOf } from "./callers.ts";
import { hostOf, type Manifest, metadataOf, networkingApi, type Place } from "./place.ts";
import { duration } from "./virtual-service.ts";

export type OutlierDetection = {
  readonly consecutive5xxErrors: number;
  readonly interval: string;
  readonly baseEjectionTime: string;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
};
export type TrafficPolicy = {
  readonly tls: { readonly mode: "ISTIO_MUTUAL" };
  readonly loadBalancer: { readonly simple: "LEAST_REQUEST" };
  readonly connectionPool: {
    readonly tcp: { readonly connectTimeout: string };
    readonly http: {
      readonly http1MaxPendingRequests: number;
      readonly http2MaxRequests: number;
      readonly maxRequestsPerConnection: number;
    };
  };
  readonly retryBudget: { readonly percent: number; readonly minRetryConcurrency: number };
  readonly outlierDetection?: OutlierDetection;
};
export type DestinationRuleSpec = { readonly host: string; readonly trafficPolicy: TrafficPolicy };
export type DestinationRule = Manifest<DestinationRuleSpec>;

/** What one replica may have in hand of one caller's pod; its database has a pool of eight, so more would only wait. */
const requestsPerReplica = 100;
/** Mutual TLS is part of it, and a replica that has just started is slow; shorter than the edge waits. */
const connectTimeoutMs = 3_000;
/** How often it is looked whether a replica's time is over. Leaving one alone does not wait for it. */
const intervalMs = 1_000;

export function destinationRule(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  place: Place,
): DestinationRule {
  const requestsMax = requestsPerReplica * service.runs.replicas.max;
  const outlierDetection = outlierDetectionOf(service, services);
  return {
    apiVersion: networkingApi,
    kind: "DestinationRule",
    metadata: metadataOf(service.name, place),
    spec: {
      host: hostOf(service.name, place),
      trafficPolicy: {
        tls: { mode: "ISTIO_MUTUAL" },
        loadBalancer: { simple: "LEAST_REQUEST" },
        connectionPool: {
          tcp: { connectTimeout: duration(connectTimeoutMs) },
          http: {
            http1MaxPendingRequests: requestsMax,
            http2MaxRequests: requestsMax,
            // No bound: Envoy spreads requests, not connections, so a new replica gets its share at once.
            maxRequestsPerConnection: 0,
          },
        },
        // The kit's: retries are at most a fifth of what is under way, so that they cannot multiply an outage.
        retryBudget: { percent: 20, minRetryConcurrency: 3 },
        ...(outlierDetection === undefined ? {} : { outlierDetection }),
      },
    },
  };
}

/** From the breakers of its callers; check-calls.ts holds them equal, and of unequal ones the most careful counts. */
function outlierDetectionOf(
  { name }: ServiceDefinition,
  services: readonly ServiceDefinition[],
): OutlierDetection | undefined {
  const breakers = callersOf(name, services).flatMap(({ call }) => call.breaker ?? []);
  if (breakers.length === 0) return undefined;
  return {
    // All of them, not only 502 to 504: a breaker counts INTERNAL too.
    consecutive5xxErrors: Math.min(...breakers.map(({ failures }) => failures)),
    interval: duration(intervalMs),
    baseEjectionTime: duration(Math.max(...breakers.map(({ coolDownMs }) => coolDownMs))),
    maxEjectionPercent: 50,
    // However few are left: half of them being well is no reason to send to the others.
    minHealthPercent: 0,
  };
}
