// What of the world may do what: an AuthorizationPolicy that refuses, at the gateway's pods, whoever has not the role
// that a route or an RPC asks for. The gateway asks again; this is the second lock on the same door.
//
// Invariants:
//   R1. It only refuses. What it does not name goes on to the gateway, whose own 404 and 401 say more.
//   R2. A path is named once: the gateway's routes of different access never fit one request (its routes.ts, R2), so
//       that a strict route's template cannot refuse a lenient one.

import { type HttpRoute, rpcOptions, type ServiceDefinition } from "@webstore/kit";
import {
  type AuthorizationPolicy,
  type Operation,
  policy,
  type Rule,
  type Source,
} from "./authorization-policy.ts";
import { pathOf } from "./callers.ts";
import { type Place, podsOf } from "./place.ts";

type Contract = ServiceDefinition["serves"];
/** What is asked of whoever has no token: that they have one, by a 403 of the mesh, or nothing, so that the gateway answers 401. */
export type Anonymous = "refused" | "left to the service";

/** `contracts`: those that the service serves on any of its ports, its own among them. */
export function rolePolicy(
  service: ServiceDefinition,
  contracts: readonly Contract[],
  place: Place,
  anonymous: Anonymous = "refused",
): AuthorizationPolicy | undefined {
  const { rpc, http } = service.ports;
  const ports = [rpc, ...(http === undefined ? [] : [http])].map(String);
  const of = (access: "user" | "admin") => [
    ...routeOperations(Object.values(service.routes), access),
    ...rpcOperations(contracts, access),
  ];
  const operations = (access: "user" | "admin") =>
    of(access).map((each) => ({ operation: { ports, ...each } }));
  const [admin, user] = [operations("admin"), operations("user")];
  const bearer = { requestPrincipals: ["*"] };
  const rules = [
    ...ruleOf(admin, {
      ...(anonymous === "refused" ? {} : { from: [{ source: bearer }] }),
      when: [{ key: "request.auth.claims[role]", notValues: ["admin"] }],
    }),
    // Whose token is good is a user, so with the anonymous left to the service nothing is left to refuse.
    ...(anonymous === "refused" ? ruleOf(user, { from: [{ source: noUser(place) }] }) : []),
  ];
  if (rules.length === 0) return undefined;
  return policy("roles", place, { selector: podsOf(service.name, place), action: "DENY", rules });
}

function noUser({ issuer }: Place): Source {
  return { notRequestPrincipals: [`${issuer}/*`] };
}

/** A rule about no operation would be about all of them. */
function ruleOf(to: readonly { readonly operation: Operation }[], rule: Omit<Rule, "to">): Rule[] {
  return to.length === 0 ? [] : [{ ...rule, to }];
}

/** One operation a method, so that a path is not refused for a method that others may use. */
function routeOperations(routes: readonly HttpRoute[], access: HttpRoute["access"]): Operation[] {
  const methods = [...new Set(routes.map(({ method }) => method))].sort();
  return methods.flatMap((method) => {
    const paths = routes
      .filter((route) => route.method === method && route.access === access)
      .map(({ path }) => templateOf(path))
      .sort();
    // Whoever may not GET may not HEAD either: the server answers both by one route.
    return paths.length === 0 ? [] : [{ methods: method === "GET" ? ["GET", "HEAD"] : [method], paths }];
  });
}

/** Over gRPC and over Connect an RPC has one path; Connect also takes GET for what has no side effects. */
function rpcOperations(contracts: readonly Contract[], access: "user" | "admin"): Operation[] {
  const paths = contracts.flatMap((contract) =>
    Object.values(contract.methods)
      .filter((method) => neededFor(contract, method.name) === access)
      .map((method) => pathOf(contract, method)),
  );
  return paths.length === 0 ? [] : [{ paths }];
}

/** The least that somebody of the world must be; another service is nobody of the world. */
function neededFor({ fullName }: Contract, method: string): "public" | "user" | "admin" {
  const { access } = rpcOptions(fullName, method);
  if (access.includes("public")) return "public";
  return access.includes("user") ? "user" : "admin";
}

/** `/orders/:order_id/cancel` → `/orders/{*}/cancel`: a parameter is one segment, a star is whatever follows. */
export function templateOf(path: string): string {
  const segment = (each: string) => (each.startsWith(":") ? "{*}" : each === "*" ? "{**}" : each);
  return path.split("/").map(segment).join("/");
}
