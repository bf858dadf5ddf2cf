// The line of a new service in services/system.ts, and the ports that nobody listens on yet.

import { UsageFailure } from "./failure.ts";
import type { Ports } from "./new-service-code.ts";
import type { Names } from "./new-service-name.ts";

/** As much of a member of the system as is needed here. */
export type Placed = { readonly is: { readonly port?: number; readonly ports?: { readonly http?: number } } };

const rpcFirst = 5_101;
const rpcLast = 5_199;
/** A service's admin port is so far above its RPC's. */
const adminAbove = 100;

export function freePorts(system: readonly Placed[]): Ports {
  const taken = new Set(system.flatMap(({ is }) => [is.port, ...Object.values(is.ports ?? {})]));
  for (let rpc = rpcFirst; rpc <= rpcLast; rpc += 1) {
    const admin = rpc + adminAbove;
    if (!taken.has(rpc) && !taken.has(admin)) return { rpc, admin };
  }
  throw new UsageFailure(`the ports from ${rpcFirst} to ${rpcLast} are all taken`);
}

/** Who faces the world starts last, so the new service stands before it. The import's place is the formatter's matter. */
export function withMember(systemText: string, { name, camel }: Names): string {
  const list = systemText.indexOf("export const system");
  const end = systemText.indexOf("\n];", list);
  const firstImport = systemText.indexOf("import ");
  if (list === -1 || end === -1 || firstImport === -1)
    throw new UsageFailure("services/system.ts has no list `system`, into which a line could be put");
  const edge = systemText.indexOf("\n  { is: gateway,", list);
  const at = edge === -1 || edge > end ? end : edge;
  return [
    systemText.slice(0, firstImport),
    `import { ${camel} } from "@webstore/${name}/definition";\n`,
    systemText.slice(firstImport, at),
    `\n  { is: ${camel}, load: async () => (await import("./${name}/main.ts")).program.start },`,
    systemText.slice(at),
  ].join("");
}
