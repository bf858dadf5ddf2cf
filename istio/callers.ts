// Who calls a service, read from the definitions of all services.

import type { Call, ServiceDefinition } from "@webstore/kit";

type Contract = ServiceDefinition["serves"];
export type Method = Contract["methods"][string];

/** One use of a callee: who, under which name of its definition, and under which limits. */
export type Caller = { readonly name: string; readonly as: string; readonly call: Call };

/** In the order of the callers' names, so that the result depends on nothing else. */
export function callersOf(service: string, services: readonly ServiceDefinition[]): Caller[] {
  return services
    .flatMap(({ name, calls }) => Object.entries(calls).map(([as, call]) => ({ name, as, call })))
    .filter(({ call }) => call.service === service)
    .sort((one, other) => compare(one.name, other.name) || compare(one.as, other.as));
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);

/** The RPCs of one call; one that its contract does not have is found by check-calls.ts, and is none here. */
export function methodsOf({ contract, methods }: Call): Method[] {
  return methods
    .flatMap((name) => (Object.hasOwn(contract.methods, name) ? [contract.methods[name]] : []))
    .filter((method) => method !== undefined);
}

/** Whether it is the one whose keys verify access tokens. */
export function publishesKeys({ serves }: ServiceDefinition): boolean {
  return Object.hasOwn(serves.methods, "getJwks");
}

/** As it stands in the request: `/webstore.orders.v1.OrderService/PlaceOrder`. */
export function pathOf(contract: Contract, method: Method): string {
  return `/${contract.fullName}/${method.name}`;
}
