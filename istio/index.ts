// The package's public face: from definitions to the objects of the mesh, and the checks of calls.

export {
  type AuthorizationPolicy,
  authorizationPolicy,
  type Callback,
  denyByDefault,
  storePolicy,
} from "./authorization-policy.ts";
export { type Checked, checkCalls, type Violation } from "./call-checks.ts";
export { type Knowledge, knowledge } from "./call-knowledge.ts";
export { type DestinationRule, destinationRule } from "./destination-rule.ts";
export { type Declared, type Drift, driftOf, driftReport, type Release } from "./drift.ts";
export { type Gateway, gateway, ingressRoutes } from "./ingress.ts";
export { type KeysService, keysService } from "./keys-service.ts";
export { type Observed, observedIn } from "./observed-edges.ts";
export { type PeerAuthentication, peerAuthentication, strictPeers } from "./peer-authentication.ts";
export { hostOf, ingressPrincipal, type Labels, type Manifest, type Place, principalOf } from "./place.ts";
export { type RequestAuthentication, requestAuthentication } from "./request-authentication.ts";
export { type Anonymous, rolePolicy } from "./role-policy.ts";
export { type Outside, type ServiceEntry, serviceEntry } from "./service-entry.ts";
export { type Reach, type Sidecar, sidecar, storeSidecar } from "./sidecar.ts";
export { unlistedEdges } from "./source-edges.ts";
export { type TelemetryManifest, telemetry } from "./telemetry.ts";
export { type VirtualService, virtualService } from "./virtual-service.ts";
