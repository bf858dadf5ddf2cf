// How long a call may take and how often it is tried, for each caller and each RPC: VirtualService. The proxy of the
// caller does it, where without a mesh the process would (kit/rpc-client.ts).
//
// Invariants:
//   V1. Every route states its retries: what states none Istio tries three times, safe or not.
//   V2. An RPC is repeated only if it has no side effects, or is idempotent and the call carries a key.
//
// There is no limit per attempt. Only an answer UNAVAILABLE or a connection that failed is repeated, and neither takes
// long; an attempt that hangs has its caller's whole time, as it has without a mesh.

import type { ServiceDefinition } from "@webstore/kit";
import { type Caller, callersOf, type Method, methodsOf, pathOf } from "./callers.ts";
import { hostOf, type Labels, type Manifest, metadataOf, networkingApi, type Place } from "./place.ts";

export type StringMatch =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string };
export type RouteMatch = {
  readonly uri?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  readonly sourceLabels?: Labels;
};
export type Retries = { readonly attempts: number; readonly retryOn?: string; readonly backoff?: string };
export type Destination = { readonly host: string; readonly port?: { readonly number: number } };
export type HttpRule = {
  readonly name: string;
  readonly match?: readonly RouteMatch[];
  readonly route: readonly { readonly destination: Destination }[];
  readonly timeout: string;
  readonly retries: Retries;
};
export type VirtualServiceSpec = {
  readonly hosts: readonly string[];
  readonly gateways?: readonly string[];
  readonly http: readonly HttpRule[];
};
export type VirtualService = Manifest<VirtualServiceSpec>;

export const noRetries: Retries = { attempts: 0 };
/** Envoy waits a random part of it, doubled with each retry, up to ten times as much. */
const backoffMs = 50;
const retryOn = "connect-failure,refused-stream,unavailable";
/** As the kit does for an RPC that states no deadline. */
const otherTimeoutMs = 10_000;
const idempotencyKey = { "idempotency-key": { regex: ".+" } };

export function virtualService(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  place: Place,
): VirtualService {
  const host = hostOf(service.name, place);
  const declared = callersOf(service.name, services).flatMap((caller) =>
    methodsOf(caller.call).flatMap((method) => rulesOf(caller, method, service.ports.rpc, place)),
  );
  return {
    apiVersion: networkingApi,
    kind: "VirtualService",
    metadata: metadataOf(service.name, place),
    spec: { hosts: [host], http: [...declared, everythingElse(host)] },
  };
}

/** The first that fits counts: with a key and retries, then without. */
function rulesOf({ name, call }: Caller, method: Method, port: number, place: Place): HttpRule[] {
  const match = {
    uri: { exact: pathOf(call.contract, method) },
    port,
    sourceLabels: place.labelsOf(name),
  };
  const rule = (label: string, matched: RouteMatch, retries: Retries): HttpRule => ({
    name: `${name}/${method.name}${label}`,
    match: [matched],
    route: [{ destination: { host: hostOf(call.service, place), port: { number: port } } }],
    timeout: duration(call.timeoutMs),
    retries,
  });
  const once = rule("", match, noRetries);
  const attempts = call.attemptsMax - 1;
  if (attempts === 0) return [once];
  const again: Retries = { attempts, retryOn, backoff: duration(backoffMs) };
  const level = method.options.idempotencyLevel;
  if (level === "NO_SIDE_EFFECTS") return [rule("", match, again)];
  if (level === "IDEMPOTENT") return [rule("/keyed", { ...match, headers: idempotencyKey }, again), once];
  return [once];
}

/** Whatever else is asked for, on whichever port: the keys, health, and what the callee's policy refuses anyway. */
function everythingElse(host: string): HttpRule {
  return {
    name: "everything-else",
    route: [{ destination: { host } }],
    timeout: duration(otherTimeoutMs),
    retries: noRetries,
  };
}

/** In seconds, the one unit that every reader of a protobuf duration knows: `2.5s`. */
export function duration(ms: number): string {
  return `${ms / 1_000}s`;
}
