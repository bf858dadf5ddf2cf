// How the world comes in: a Gateway on the public host name, and a VirtualService that sends gRPC to the gateway's RPC
// port and everything else (REST, Connect, gRPC-Web) to its HTTP port.
//
// Nothing is repeated here: whoever asked knows whether that is safe.

import { rpcOptions, type ServiceDefinition } from "@webstore/kit";
import { hostOf, type Labels, type Manifest, metadataOf, networkingApi, type Place } from "./place.ts";
import { duration, type HttpRule, noRetries, type VirtualService } from "./virtual-service.ts";

type Contract = ServiceDefinition["serves"];
export type GatewayServer = {
  readonly port: { readonly number: number; readonly name: string; readonly protocol: "HTTP" | "HTTPS" };
  readonly hosts: readonly string[];
  readonly tls?: { readonly mode: "SIMPLE"; readonly credentialName: string };
};
export type Gateway = Manifest<{ readonly selector: Labels; readonly servers: readonly GatewayServer[] }>;

const part = "ingress";
/** Not `application/grpc-web`, which the HTTP port speaks. */
const grpcContent = { regex: "application/grpc([+;].*)?" };
/** So that the gateway's own answer, which says more, comes before the ingress gives up. */
const marginMs = 1_000;
const reflectionAndHealth = ["/grpc.reflection.", "/grpc.health.v1.Health/"];

/** HTTP on 80, where gRPC in the clear is recognised by itself; HTTPS on 443 where there is a certificate. */
export function gateway(place: Place): Gateway {
  const { credentialName, selector } = place.ingress;
  const hosts = [place.host];
  const plain: GatewayServer = { port: { number: 80, name: "http", protocol: "HTTP" }, hosts };
  const secure: GatewayServer[] =
    credentialName === undefined
      ? []
      : [
          {
            port: { number: 443, name: "https", protocol: "HTTPS" },
            hosts,
            tls: { mode: "SIMPLE", credentialName },
          },
        ];
  return {
    apiVersion: networkingApi,
    kind: "Gateway",
    metadata: metadataOf(part, place),
    spec: { selector, servers: [plain, ...secure] },
  };
}

/** `alsoServed`: contracts that the service serves on its HTTP port beside its own, over Connect. */
export function ingressRoutes(
  service: ServiceDefinition & { readonly ports: { readonly http?: number } },
  alsoServed: readonly Contract[],
  place: Place,
): VirtualService {
  const { serves, ports, name } = service;
  if (ports.http === undefined) throw new Error(`${name} has no HTTP port: the world cannot come in there`);
  const prefixes = [`/${serves.fullName}/`, ...reflectionAndHealth];
  const to = (port: number) => [{ destination: { host: hostOf(name, place), port: { number: port } } }];
  const grpc: HttpRule = {
    name: "grpc",
    match: prefixes.map((prefix) => ({ uri: { prefix }, headers: { "content-type": grpcContent } })),
    route: to(ports.rpc),
    timeout: duration(deadlineMsOf([serves]) + marginMs),
    retries: noRetries,
  };
  const http: HttpRule = {
    name: "http",
    route: to(ports.http),
    timeout: duration(deadlineMsOf([serves, ...alsoServed]) + marginMs),
    retries: noRetries,
  };
  return {
    apiVersion: networkingApi,
    kind: "VirtualService",
    metadata: metadataOf(part, place),
    spec: { hosts: [place.host], gateways: [place.nameOf(part)], http: [grpc, http] },
  };
}

/** The longest of all their RPCs. */
function deadlineMsOf(contracts: readonly Contract[]): number {
  return Math.max(
    ...contracts.flatMap(({ fullName, methods }) =>
      Object.values(methods).map((method) => rpcOptions(fullName, method.name).deadlineMs),
    ),
  );
}
