// How the mesh learns the keys of access tokens at the moment at which they can be had. Istio's control plane fetches
// them when it makes the edge's configuration, tries for some seconds, and then not again before 20 minutes are over or
// that configuration is made anew; until then every token is refused. A release begins with an edge that is up before its
// keys are. So there is a headless Service, too, which nobody calls: whenever the pods of a headless Service change, Istio
// makes the configuration anew of everyone who is told of it, and the edge is. It has all pods of the release, not only
// those that publish keys: when these are ready the way to them may be a moment behind, and the next pod asks again.

import type { ServiceDefinition } from "@webstore/kit";
import { publishesKeys } from "./callers.ts";
import { type Labels, type Manifest, metadataOf, type Place } from "./place.ts";

export type KeysServiceSpec = {
  readonly clusterIP: "None";
  readonly selector: Labels;
  readonly ports: readonly { readonly name: "admin"; readonly port: number; readonly appProtocol: "http" }[];
};
export type KeysService = Manifest<KeysServiceSpec>;

export const keysServiceOf = (service: string) => `${service}-keys`;

/** None where the service publishes no keys. */
export function keysService(service: ServiceDefinition, place: Place): KeysService | undefined {
  if (!publishesKeys(service)) return undefined;
  const { name, ports } = service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(keysServiceOf(name), place),
    spec: {
      clusterIP: "None",
      selector: place.labels,
      ports: [{ name: "admin", port: ports.admin, appProtocol: "http" }],
    },
  };
}
