// The definitions that the charts are made of, found by name.

import type { PartnerDefinition, ServiceDefinition } from "@webstore/kit";
import { system } from "../services/system.ts";

export type Definitions = {
  readonly services: readonly ServiceDefinition[];
  readonly partners: readonly PartnerDefinition[];
};

export const definitions: Definitions = {
  services: system.flatMap(({ is }) => (is.kind === "service" ? [is] : [])),
  partners: system.flatMap(({ is }) => (is.kind === "partner" ? [is] : [])),
};

export function serviceNamed({ services }: Definitions, name: string): ServiceDefinition {
  const found = services.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no service ${name}`);
  return found;
}

export function partnerNamed({ partners }: Definitions, name: string): PartnerDefinition {
  const found = partners.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no partner ${name}`);
  return found;
}

/** Who calls it, by name. */
export const callersOf = ({ services }: Definitions, callee: string): ServiceDefinition[] =>
  services.filter(({ calls }) => Object.values(calls).some(({ service }) => service === callee));

/** Who calls a partner. */
export const usersOf = ({ services }: Definitions, partner: string): ServiceDefinition[] =>
  services.filter(({ partners }) => Object.values(partners).some((use) => use.partner === partner));

/** Who faces the world. */
export const edgesOf = ({ services }: Definitions): ServiceDefinition[] =>
  services.filter(({ ports }) => ports.http !== undefined);
