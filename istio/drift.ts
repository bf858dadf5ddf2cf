// Drift: the calls that the mesh saw against those that the definitions declare. A call that is not declared is a
// definition that is wrong or a policy with a hole; one that is declared and was not seen may only be rare.

import type { ServiceDefinition } from "@webstore/kit";
import { methodsOf, pathOf, publishesKeys } from "./callers.ts";
import { type Observed, unknownHosts } from "./observed-edges.ts";

export type Declared = {
  readonly services: readonly ServiceDefinition[];
  /** Who else may be called by any service: the release's stores, by the names of their objects' members. */
  readonly stores: readonly string[];
  /** Who calls whom without being a service: a simulator that calls back. */
  readonly others: readonly { readonly caller: string; readonly callee: string }[];
  /** Namespaces of the platform: telemetry, the mesh itself. */
  readonly platform: readonly string[];
};

/** The name of a release's object, and where it is: `a-orders` in `shop`. */
export type Release = { readonly nameOf: (member: string) => string; readonly namespace: string };

export type Edge = { readonly caller: string; readonly callee: string; readonly path: string | undefined };
export type Drift = {
  readonly undeclared: readonly (Edge & { readonly requests: number })[];
  readonly unused: readonly Edge[];
  /** How many declared edges were seen. */
  readonly seen: number;
};

export function driftOf(observed: readonly Observed[], declared: Declared, release: Release): Drift {
  const found = observed.map((each) => ({ ...each, callee: memberAt(each.host, declared, release) }));
  const calls = declaredCalls(declared);
  const isSeen = (edge: Edge) =>
    found.some(
      ({ caller, callee, path }) =>
        caller === edge.caller && callee === edge.callee && (path === undefined || path === edge.path),
    );
  const seen = calls.filter(isSeen);
  return {
    undeclared: summed(found.filter((each) => !isDeclared(each, declared, calls))),
    unused: calls.filter((edge) => !isSeen(edge)),
    seen: seen.length,
  };
}

/** Every RPC of every call, and every partner. */
function declaredCalls({ services }: Declared): Edge[] {
  return services.flatMap(({ name, calls, partners }) => [
    ...Object.values(calls).flatMap((call) =>
      methodsOf(call).map((method) => ({
        caller: name,
        callee: call.service,
        path: pathOf(call.contract, method),
      })),
    ),
    ...Object.values(partners).map(({ partner }) => ({ caller: name, callee: partner, path: undefined })),
  ]);
}

function isDeclared(
  { caller, callee, path, host }: Edge & { readonly host: string },
  { stores, others, platform, services }: Declared,
  calls: readonly Edge[],
): boolean {
  const own = calls.filter((call) => call.caller === caller && call.callee === callee);
  const fits = own.some((call) => path === undefined || call.path === undefined || call.path === path);
  const isService = services.some(({ name }) => name === caller);
  return (
    fits ||
    (isService && stores.includes(callee)) ||
    (isService && isKeys(callee, path, services)) ||
    others.some((each) => each.caller === caller && each.callee === callee) ||
    platform.some((namespace) => host.includes(`.${namespace}.svc.`))
  );
}

/** Everybody fetches the keys of access tokens. Counters do not say what was asked for: the policy does (authorization-policy.ts). */
function isKeys(callee: string, path: string | undefined, services: readonly ServiceDefinition[]): boolean {
  const publishes = services.some((each) => each.name === callee && publishesKeys(each));
  return publishes && (path === undefined || path === "/.well-known/jwks.json");
}

/** The member of the release whose host it is; any other host is what it is called. */
function memberAt(host: string, declared: Declared, { nameOf, namespace }: Release): string {
  const partners = declared.services.flatMap((each) =>
    Object.values(each.partners).map(({ partner }) => partner),
  );
  const members = [...declared.services.map(({ name }) => name), ...partners, ...declared.stores];
  return members.find((member) => host.startsWith(`${nameOf(member)}.${namespace}.svc.`)) ?? host;
}

/** A caller has a line for each of its pods; they are one edge. */
function summed(edges: readonly (Edge & { readonly requests: number })[]): Drift["undeclared"] {
  const byEdge = Map.groupBy(edges, ({ caller, callee, path }) => `${caller} ${callee} ${path ?? ""}`);
  return [...byEdge.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    const { caller, callee, path } = first;
    return [
      { caller, callee, path, requests: more.reduce((sum, each) => sum + each.requests, first.requests) },
    ];
  });
}

export function driftReport({ undeclared, unused, seen }: Drift): string {
  const named = ({ caller, callee, path }: Edge) =>
    `${caller} → ${callee}${path === undefined ? "" : ` ${path}`}`;
  const lines = [
    ...undeclared.map(
      (edge) => `undeclared: ${named(edge)} (${edge.requests} requests)${hintOf(edge.callee)}`,
    ),
    ...unused.map((edge) => `declared, not seen: ${named(edge)}`),
    `${seen} declared edges seen, ${unused.length} not seen, ${undeclared.length} undeclared`,
  ];
  if (undeclared.length > 0) {
    lines.push("To do: list the call in the caller's definition.ts, or find out who makes it.");
  }
  return `${lines.join("\n")}\n`;
}

function hintOf(callee: string): string {
  const [passedOn, refused] = unknownHosts;
  if (callee === passedOn) return ": sent out of the mesh, to a host that nobody named";
  return callee === refused ? ": a host that nobody named, and it was refused" : "";
}
