// Who may reach what: AuthorizationPolicy. Nobody may anything (denyByDefault), then each service lets in its declared
// callers on exactly the RPCs that they declared.
//
// Invariants:
//   A1. Every policy selects pods of the release, so that two releases in one namespace do not decide for each other.
//   A2. An ALLOW rule names a source; without one only where it says why (the JWKS).

import type { ServiceDefinition } from "@webstore/kit";
import { callersOf, methodsOf, pathOf, publishesKeys } from "./callers.ts";
import {
  ingressPrincipal,
  type Manifest,
  metadataOf,
  type Place,
  podsOf,
  podsOfRelease,
  principalOf,
  type Selector,
  securityApi,
} from "./place.ts";

export type Source = {
  readonly principals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
};
export type Operation = {
  readonly ports?: readonly string[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
};
export type Condition = {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
};
export type Rule = {
  readonly from?: readonly { readonly source: Source }[];
  readonly to?: readonly { readonly operation: Operation }[];
  readonly when?: readonly Condition[];
};
export type AuthorizationPolicySpec = {
  readonly selector: Selector;
  readonly action?: "ALLOW" | "DENY";
  readonly rules?: readonly Rule[];
};
export type AuthorizationPolicy = Manifest<AuthorizationPolicySpec>;

/** A partner's simulator in the release that calls back, as the company would from outside. */
export type Callback = { readonly from: string; readonly to: string; readonly path: string };

const reflectionPaths = ["v1", "v1alpha"].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);
const healthPaths = ["Check", "Watch"].map((method) => `/grpc.health.v1.Health/${method}`);
const jwksPath = "/.well-known/jwks.json";
const healthPath = "/health";
const metricsPath = "/metrics";

/** Everybody is refused whom no other policy lets in: an ALLOW policy without a rule allows nothing. */
export function denyByDefault(place: Place): AuthorizationPolicy {
  return policy("deny-by-default", place, { selector: podsOfRelease(place) });
}

/** Undefined for whom nobody may reach: a policy without rules would only say again what denyByDefault says. */
export function authorizationPolicy(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  place: Place,
  callbacks: readonly Callback[] = [],
): AuthorizationPolicy | undefined {
  const rules = [
    ...callerRules(service, services, place),
    ...worldRules(service, place),
    ...callbackRules(service, place, callbacks),
    ...jwksRules(service),
    ...monitoringRules(service, place),
  ];
  if (rules.length === 0) return undefined;
  return policy(service.name, place, { selector: podsOf(service.name, place), action: "ALLOW", rules });
}

/** A data store, a broker or a partner's simulator of the release: whoever uses it, on its port. */
export function storePolicy(
  store: { readonly name: string; readonly port: number; readonly users: readonly string[] },
  place: Place,
): AuthorizationPolicy | undefined {
  if (store.users.length === 0) return undefined;
  const users = [...store.users].sort().map((user) => principalOf(user, place));
  const rule = allow(users, { ports: [String(store.port)] });
  return policy(store.name, place, { selector: podsOf(store.name, place), action: "ALLOW", rules: [rule] });
}

function callerRules(service: ServiceDefinition, services: readonly ServiceDefinition[], place: Place) {
  const pathsByCaller = new Map<string, Set<string>>();
  for (const { name, call } of callersOf(service.name, services)) {
    const paths = pathsByCaller.get(name) ?? new Set();
    for (const method of methodsOf(call)) paths.add(pathOf(call.contract, method));
    pathsByCaller.set(name, paths);
  }
  // No paths would mean all paths.
  return [...pathsByCaller]
    .filter(([, paths]) => paths.size > 0)
    .map(([caller, paths]) => allow([principalOf(caller, place)], rpc(service, [...paths])));
}

/** What the world may reach comes through the ingress; who of the world may what is role-policy.ts's. */
function worldRules(service: ServiceDefinition, place: Place): Rule[] {
  if (service.ports.http === undefined) return [];
  const http = [String(service.ports.http)];
  const served = Object.values(service.serves.methods).map((method) => pathOf(service.serves, method));
  return [
    {
      from: [{ source: { principals: [ingressPrincipal(place)] } }],
      to: [
        { operation: { ports: http } },
        { operation: rpc(service, [...served, ...reflectionPaths, ...healthPaths]) },
      ],
    },
    allow([principalOf("test", place)], { ports: http, methods: ["GET"], paths: [healthPath] }),
  ];
}

function callbackRules(service: ServiceDefinition, place: Place, callbacks: readonly Callback[]): Rule[] {
  const { http } = service.ports;
  return callbacks
    .filter(({ to }) => to === service.name && http !== undefined)
    .map(({ from, path }) =>
      allow([principalOf(from, place)], { ports: [String(http)], methods: ["POST"], paths: [path] }),
    );
}

/** No source: the keys are public, and istiod, who fetches them, comes without a certificate of the mesh. */
function jwksRules(service: ServiceDefinition): Rule[] {
  if (!publishesKeys(service)) return [];
  const { ports } = service;
  return [{ to: [{ operation: { ports: [String(ports.admin)], methods: ["GET"], paths: [jwksPath] } }] }];
}

function monitoringRules({ ports }: ServiceDefinition, { monitoring }: Place): Rule[] {
  if (monitoring === undefined) return [];
  return [
    {
      from: [{ source: { namespaces: [monitoring.namespace] } }],
      to: [{ operation: { ports: [String(ports.admin)], methods: ["GET"], paths: [metricsPath] } }],
    },
  ];
}

function rpc({ ports }: ServiceDefinition, paths: readonly string[]): Operation {
  return { ports: [String(ports.rpc)], methods: ["POST"], paths };
}

function allow(principals: readonly string[], operation: Operation): Rule {
  return { from: [{ source: { principals } }], to: [{ operation }] };
}

export function policy(part: string, place: Place, spec: AuthorizationPolicySpec): AuthorizationPolicy {
  return {
    apiVersion: securityApi,
    kind: "AuthorizationPolicy",
    metadata: metadataOf(part, place),
    spec,
  };
}
