// Whom a service can see at all: Sidecar. Its proxy knows the hosts that it may call and sends to no others; it is also
// told of nothing else, which keeps its configuration small.

import type { ServiceDefinition } from "@webstore/kit";
import { publishesKeys } from "./callers.ts";
import { keysServiceOf } from "./keys-service.ts";
import { hostOf, type Labels, type Manifest, metadataOf, networkingApi, type Place } from "./place.ts";

export type SidecarSpec = {
  readonly workloadSelector: { readonly labels: Labels };
  readonly egress: readonly { readonly hosts: readonly string[] }[];
  readonly outboundTrafficPolicy: { readonly mode: "REGISTRY_ONLY" };
};
export type Sidecar = Manifest<SidecarSpec>;

/** Whom a service reaches beside the services that it calls. A name that is not there does no harm. */
export type Reach = {
  /** Stores, brokers and simulators of the release, by name. */
  readonly inRelease: readonly string[];
  /** Hosts outside that a ServiceEntry of the namespace makes known. */
  readonly outside: readonly string[];
};

/** Every service fetches the keys of access tokens; the edge's proxy is given them by the mesh, too (keys-service.ts). */
export function sidecar(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  reach: Reach,
  place: Place,
): Sidecar {
  const keys = services.filter(publishesKeys).map(({ name }) => name);
  const keysOfEdge = service.ports.http === undefined ? [] : keys.map(keysServiceOf);
  const callees = Object.values(service.calls).map((call) => call.service);
  const inRelease = [...new Set([...callees, ...keys, ...keysOfEdge, ...reach.inRelease])].filter(
    (name) => name !== service.name,
  );
  return sidecarOf(service.name, place, [
    ...inRelease.sort().map((name) => `${place.namespace}/${hostOf(name, place)}`),
    ...reach.outside.map((host) => `${place.namespace}/${host}`),
  ]);
}

/** For what is no service: a store, or a simulator that calls back. */
export function storeSidecar(name: string, reach: Reach, place: Place): Sidecar {
  return sidecarOf(name, place, [
    ...[...reach.inRelease].sort().map((each) => `${place.namespace}/${hostOf(each, place)}`),
    ...reach.outside.map((host) => `${place.namespace}/${host}`),
  ]);
}

function sidecarOf(name: string, place: Place, hosts: readonly string[]): Sidecar {
  const collector = place.telemetry === undefined ? [] : [`${place.telemetry.namespace}/*`];
  return {
    apiVersion: networkingApi,
    kind: "Sidecar",
    metadata: metadataOf(name, place),
    spec: {
      workloadSelector: { labels: place.labelsOf(name) },
      egress: [{ hosts: [...hosts, `${place.meshNamespace}/*`, ...collector] }],
      outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
    },
  };
}
