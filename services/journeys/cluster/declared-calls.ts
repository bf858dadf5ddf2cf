// What the definitions say of every call between services, one line an RPC, and how often each may be tried. It reads
// the definitions and the contracts only, and nothing of what is made from them: the mesh is held against this.

import type { ServiceDefinition } from "@webstore/kit";
import { system } from "../../system.ts";

export type DeclaredCall = {
  readonly caller: string;
  readonly callee: string;
  readonly port: number;
  readonly path: string;
  readonly level: "NO_SIDE_EFFECTS" | "IDEMPOTENT" | "neither";
  readonly timeoutMs: number;
  readonly attemptsMax: number;
};

export const services: readonly ServiceDefinition[] = system.flatMap(({ is }) =>
  is.kind === "service" ? [is] : [],
);

export const declaredCalls: readonly DeclaredCall[] = services.flatMap(({ name: caller, calls }) =>
  Object.values(calls).flatMap(({ service: callee, port, contract, methods, timeoutMs, attemptsMax }) =>
    methods.map((method) => {
      const { name, options } = contract.methods[method] ?? { name: method, options: {} };
      const { idempotencyLevel } = options;
      const level =
        idempotencyLevel === "NO_SIDE_EFFECTS" || idempotencyLevel === "IDEMPOTENT"
          ? idempotencyLevel
          : "neither";
      return { caller, callee, port, path: `/${contract.fullName}/${name}`, level, timeoutMs, attemptsMax };
    }),
  ),
);

export const callers: readonly string[] = [...new Set(declaredCalls.map(({ caller }) => caller))];

/** How often the callee may see one call that it always answers UNAVAILABLE. */
export function triesOf({ level, attemptsMax }: DeclaredCall, isKeyed: boolean): number {
  return level === "NO_SIDE_EFFECTS" || (level === "IDEMPOTENT" && isKeyed) ? attemptsMax : 1;
}

export function declaredCall(caller: string, path: string): DeclaredCall {
  const found = declaredCalls.find((each) => each.caller === caller && each.path.endsWith(path));
  if (found === undefined) throw new Error(`${caller} declares no call of ${path}`);
  return found;
}

/** After how many failures in a row a replica is left alone, and for how long at least. */
export function breakerOf(caller: string, callee: string): { failures: number; coolDownMs: number } {
  const calls = services.find(({ name }) => name === caller)?.calls ?? {};
  const breaker = Object.values(calls).find(({ service }) => service === callee)?.breaker;
  if (breaker === undefined) throw new Error(`${caller} declares no breaker for ${callee}`);
  return breaker;
}
