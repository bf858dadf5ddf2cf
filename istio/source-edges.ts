// Calls that no definition lists, looked for in the services' code: a client of another service made by hand. The typed
// clients that a process is given have no others (kit/definition.ts, D1), so this is the way round them.

import type { ServiceDefinition } from "@webstore/kit";
import type { Violation } from "./call-checks.ts";

/** `path` is relative to the folder of the services: `orders/place-order.ts`. */
export type SourceFile = { readonly path: string; readonly text: string };

/** Files that make no calls of a running service. The kit is where clients are made. */
const exempt =
  /^kit\/|^journeys\/|(^|\/)(definition|fake)\.ts$|\.(test|contract)\.ts$|(^|\/)testing[^/]*\.ts$|\/contract\//;
const importPattern = /import\s+(type\s+)?(\{[^}]*\}|[\w*\s,]+)\s+from\s+"([^"]+)"/g;
const transports = ["@grpc/grpc-js", "@connectrpc/connect-node", "@connectrpc/connect-web"];

export function unlistedEdges(
  files: readonly SourceFile[],
  services: readonly ServiceDefinition[],
): Violation[] {
  return files
    .filter(({ path }) => !exempt.test(path) && path.includes("/"))
    .flatMap((file) => importsOf(file.text).flatMap((each) => violationOf(file.path, each, services)));
}

type Import = { readonly names: readonly string[]; readonly from: string };

/** What is imported as a value; a type makes no call. */
function importsOf(text: string): Import[] {
  return [...text.matchAll(importPattern)].flatMap(([, isType, clause = "", from = ""]) => {
    if (isType !== undefined) return [];
    const names = clause
      .replaceAll(/[{}]/g, "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "" && !name.startsWith("type "));
    return names.length === 0 ? [] : [{ names, from }];
  });
}

function violationOf(
  path: string,
  { names, from }: Import,
  services: readonly ServiceDefinition[],
): Violation[] {
  const [folder = ""] = path.split("/");
  const about = (found: string): Violation => ({
    rule: "unlisted-edge",
    subject: path,
    found,
    whatToDo: `list the call in ${folder}/definition.ts and take the client from \`ports\``,
  });
  if (transports.includes(from)) return [about(`imports ${from}, with which clients are made by hand`)];
  const callees = services.filter(
    ({ name, serves }) =>
      name !== folder && from.startsWith("@webstore/proto/") && isClientOf(serves, names, from),
  );
  return callees.map(({ name }) =>
    about(`imports the contract of ${name} as a value, which only a client needs`),
  );
}

/** `OrderServiceDefinition` of ts-proto, or `OrderService` of protobuf-es, from the contract's own package. */
function isClientOf(
  { name, fullName }: ServiceDefinition["serves"],
  names: readonly string[],
  from: string,
): boolean {
  const folder = fullName.split(".").slice(1, -1).join("/");
  const own = from === `@webstore/proto/${folder}` || from === `@webstore/proto/es/${folder}`;
  return (
    own &&
    names.some(
      (each) => each === name || each.startsWith(`${name}Definition`) || each.startsWith(`${name} as`),
    )
  );
}
