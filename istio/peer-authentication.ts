// Only mutual TLS: PeerAuthentication. A request in plain text is refused before anything looks at it.
//
// Invariant P1: a pod is selected by one of them. Of two Istio takes the older one whole, so a policy for the release
// beside one for a service would decide by chance which of them holds. Hence one for each service and each store.

import type { ServiceDefinition } from "@webstore/kit";
import { publishesKeys } from "./callers.ts";
import { type Manifest, metadataOf, type Place, podsOf, type Selector, securityApi } from "./place.ts";

type Mode = { readonly mode: "STRICT" | "PERMISSIVE" };
export type PeerAuthenticationSpec = {
  readonly selector: Selector;
  readonly mtls: Mode;
  readonly portLevelMtls?: Readonly<Record<string, Mode>>;
};
export type PeerAuthentication = Manifest<PeerAuthenticationSpec>;

/**
 * Istiod, which is outside of the mesh, fetches the keys of tokens: whoever publishes them takes plain text on its admin port, and
 * nowhere else. What may be asked there so is authorization-policy.ts's: the public keys, and no more.
 */
export function peerAuthentication(service: ServiceDefinition, place: Place): PeerAuthentication {
  const { name, ports } = service;
  if (!publishesKeys(service)) return strictPeers(name, place);
  return policyOf(name, place, { [ports.admin]: { mode: "PERMISSIVE" } });
}

/** For what is no service: a store, a broker, a simulator. */
export function strictPeers(name: string, place: Place): PeerAuthentication {
  return policyOf(name, place);
}

function policyOf(
  name: string,
  place: Place,
  portLevelMtls?: PeerAuthenticationSpec["portLevelMtls"],
): PeerAuthentication {
  return {
    apiVersion: securityApi,
    kind: "PeerAuthentication",
    metadata: metadataOf(name, place),
    spec: {
      selector: podsOf(name, place),
      mtls: { mode: "STRICT" },
      ...(portLevelMtls === undefined ? {} : { portLevelMtls }),
    },
  };
}
