// The mesh's rules of each member of a release: @webstore/istio makes them from the definitions, and here they get the
// names, hosts and values of a chart.

import {
  authorizationPolicy,
  type Callback,
  denyByDefault,
  destinationRule,
  gateway,
  ingressRoutes,
  keysService,
  type Manifest,
  type Place,
  peerAuthentication,
  requestAuthentication,
  rolePolicy,
  serviceEntry,
  sidecar,
  storePolicy,
  storeSidecar,
  strictPeers,
  telemetry,
  virtualService,
} from "@webstore/istio";
import type { PartnerDefinition, ServiceDefinition } from "@webstore/kit";
import { jwksUrlOf, keepersOf, partnerUrlOf, storeKindsOf, usesBus } from "./environment.ts";
import { globals } from "./global-values.ts";
import { labelsOf, nameOf, namespace, releaseSelector, selectorOf } from "./naming.ts";
import { type Store, storePorts, storesOf } from "./stores.ts";
import { type Definitions, edgesOf, usersOf } from "./system.ts";
import { expression, goOf, isEmpty, not, when } from "./values.ts";

export function placeOf(member: string, system: Definitions): Place {
  const { istio, host, clusterDomain, monitoring } = globals;
  return {
    namespace,
    nameOf,
    labelsOf: selectorOf,
    labels: releaseSelector,
    objectLabels: labelsOf(member),
    trustDomain: istio.trustDomain,
    clusterDomain,
    ingress: {
      namespace: istio.ingress.namespace,
      serviceAccount: istio.ingress.serviceAccount,
      selector: { istio: istio.ingress.selector },
      credentialName: istio.ingress.tlsSecret,
    },
    meshNamespace: "istio-system",
    host,
    // As TOKEN_ISSUER in environment.ts: tokens of another release are none here.
    issuer: host,
    audience: "webstore",
    jwksUri: jwksUrlOf(system),
    monitoring: { namespace: monitoring.namespace },
    telemetry: {
      namespace: globals.telemetry.namespace,
      tracingProvider: istio.tracing.provider,
      accessLogProvider: istio.accessLogProvider,
      samplingPercentage: istio.tracing.percentage,
    },
  };
}

export function serviceMesh(definition: ServiceDefinition, system: Definitions): unknown[] {
  const { name, ports } = definition;
  const place = placeOf(name, system);
  return [
    authorizationPolicy(definition, system.services, place, callbacksOf(system)),
    openSidecar(sidecar(definition, system.services, reachOf(definition), place)),
    virtualService(definition, system.services, place),
    destinationRule(definition, system.services, place),
    peerAuthentication(definition, place),
    keysService(definition, place),
    ...(ports.http === undefined ? [] : edge(definition, place)),
  ].filter((each) => each !== undefined);
}

/** Where the world comes in: HTTPS where there is a certificate, and tokens are looked at first. */
function edge(definition: ServiceDefinition, place: Place): unknown[] {
  const { spec, ...rest } = gateway(place);
  const [plain, secure] = spec.servers;
  const hasTls = not(isEmpty(globals.istio.ingress.tlsSecret));
  return [
    { ...rest, spec: { ...spec, servers: [plain, when(hasTls, secure ?? {})] } },
    ingressRoutes(definition, definition.alsoServes, place),
    requestAuthentication(definition.name, { ...place, jwksUri: jwksUriOf(definition, place) }),
    rolePolicy(definition, [definition.serves, ...definition.alsoServes], place, "left to the service"),
  ];
}

/**
 * The control plane keeps what it fetched from an address for 20 minutes, also when a new installation of the same name
 * has keys of its own by then. So each has an address of its own: made at the first installation, kept at every upgrade.
 */
function jwksUriOf({ name }: ServiceDefinition, { jwksUri }: Place): string {
  const there = `lookup "security.istio.io/v1" "RequestAuthentication" .Release.Namespace (print .Release.Name "-${name}")`;
  const rule = `first (append (dig "spec" "jwtRules" list (${there})) dict)`;
  const kept = `(urlParse (dig "jwksUri" (print "http://new?installation=" (lower (randAlphaNum 8))) (${rule}))).query`;
  const chosen = goOf(globals.installation);
  const query = `ternary (${kept}) (print "installation=" ${chosen}) (empty ${chosen})`;
  return `${jwksUri}?${expression("text", query)}`;
}

/** The provider's simulator brings its news to the edge. */
function callbacksOf({ services }: Definitions): Callback[] {
  return services.flatMap(({ name, ports }) =>
    ports.http === undefined ? [] : [{ from: "payment-provider", to: name, path: "/webhooks/stripe" }],
  );
}

function reachOf(definition: ServiceDefinition) {
  const partners = Object.values(definition.partners).map(({ partner }) => partner);
  return {
    inRelease: [
      ...storeKindsOf(definition).map((kind) => storesOf[kind]),
      ...(usesBus(definition) ? [storesOf.kafka] : []),
      ...partners,
    ],
    outside: partners.map(outsideHostOf),
  };
}

/** The host of a partner's address; while there is none, one of its own that nobody has: Istio warns of a host that is listed twice. */
function outsideHostOf(partner: string): string {
  return expression(
    "text",
    `default "${partner}.invalid" (urlParse ${goOf(partnerUrlOf(partner))}).hostname`,
  );
}

/** Stores outside are where a Secret says, which no ServiceEntry can know; the network policies bound the ports. */
function openSidecar(is: ReturnType<typeof sidecar>): unknown {
  const mode = expression<"REGISTRY_ONLY">(
    "text",
    `ternary "ALLOW_ANY" "REGISTRY_ONLY" ${goOf(globals.stores.external)}`,
  );
  return { ...is, spec: { ...is.spec, outboundTrafficPolicy: { mode } } };
}

export function partnerMesh(partner: PartnerDefinition, system: Definitions): Manifest[] {
  const { name, port } = partner;
  const place = placeOf(name, system);
  const users = usersOf(system, name).map((user) => user.name);
  const edges = edgesOf(system).map((each) => each.name);
  return [
    storePolicy({ name, port, users: [...users, "journeys"] }, place),
    strictPeers(name, place),
    storeSidecar(name, { inRelease: edges, outside: [] }, place),
  ].filter((each) => each !== undefined);
}

export function storeMesh(store: Store, system: Definitions): Manifest[] {
  const name = storesOf[store];
  const place = placeOf(name, system);
  const users = keepersOf(store, system).map((user) => user.name);
  // Kafka's broker calls itself by its name.
  const own = store === "kafka" ? ["kafka"] : [];
  return [
    storePolicy({ name, port: storePorts[store], users: [...users, ...own] }, place),
    strictPeers(name, place),
    storeSidecar(name, { inRelease: own, outside: [] }, place),
  ].filter((each) => each !== undefined);
}

/** What holds for the whole release. */
export function releaseMesh(system: Definitions): unknown[] {
  const place = placeOf("webstore", system);
  return [
    denyByDefault(place),
    ...system.partners.map(({ name }) => {
      const url = partnerUrlOf(name);
      const outside = {
        name,
        host: outsideHostOf(name),
        port: expression("scalar", `ternary 443 80 (hasPrefix "https:" ${goOf(url)})`),
        protocol: expression("text", `ternary "HTTPS" "HTTP" (hasPrefix "https:" ${goOf(url)})`),
      };
      return when(not(isEmpty(url)), serviceEntry(outside, place));
    }),
  ];
}

/** Spans and access logs, where the mesh has providers for them. */
export function releaseTelemetry(system: Definitions): unknown[] {
  return [telemetry(placeOf("webstore", system))].filter((each) => each !== undefined);
}
