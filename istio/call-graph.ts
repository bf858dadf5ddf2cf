// The calls of all definitions as a graph: an edge for each RPC that a service may call, with what it can take at worst.

import { type Call, rpcOptions, type ServiceDefinition } from "@webstore/kit";
import { isLeaf, type Knowledge, madeFor, whyUnawaited } from "./call-knowledge.ts";
import { type Method, methodsOf } from "./callers.ts";

type Contract = ServiceDefinition["serves"];

export type Edge = {
  readonly caller: string;
  /** The name of the call in the caller's definition. */
  readonly as: string;
  readonly callee: string;
  readonly method: string;
  readonly call: Call;
  /** What is not safe to repeat has one, whatever the definition says. */
  readonly attempts: number;
  /** The longest that one attempt can take: the caller's patience or the callee's own deadline. */
  readonly attemptMs: number;
  /** All attempts, each as long as it can be, and the waits between. */
  readonly worstMs: number;
  /** The deadline of the caller's RPC that it is made for; where it is not known which, the longest of its RPCs. */
  readonly callerMs: number;
  /** Why no RPC of the caller waits for it; undefined: one does. */
  readonly unawaited: string | undefined;
};

/** As the kit waits between attempts (kit/rpc-client.ts), and the mesh not longer. */
const backoff = { baseMs: 50, capMs: 1_000 };

export function edgesOf(services: readonly ServiceDefinition[], knowledge: Knowledge): Edge[] {
  return services.flatMap((service) =>
    Object.entries(service.calls).flatMap(([as, call]) =>
      methodsOf(call).map((method) => edgeOf({ knowledge, service, as, call, method })),
    ),
  );
}

function edgeOf(is: {
  knowledge: Knowledge;
  service: ServiceDefinition;
  as: string;
  call: Call;
  method: Method;
}): Edge {
  const { service, as, call, method } = is;
  const served = servedBy(service).flatMap(deadlinesOf);
  const rpc = madeFor(is.knowledge, service.name, call.service, method.name);
  const parent = served.find(({ name }) => name === rpc);
  const attempts = method.options.idempotencyLevel === undefined ? 1 : call.attemptsMax;
  const attemptMs = Math.min(call.timeoutMs, rpcOptions(call.contract.fullName, method.name).deadlineMs);
  return {
    caller: service.name,
    as,
    callee: call.service,
    method: method.name,
    call,
    attempts,
    attemptMs,
    worstMs: attempts * attemptMs + waitsMs(attempts),
    callerMs: parent?.deadlineMs ?? Math.max(0, ...served.map(({ deadlineMs }) => deadlineMs)),
    unawaited: whyUnawaited(is.knowledge, service.name, as),
  };
}

export function servedBy({ serves, alsoServes }: ServiceDefinition): readonly Contract[] {
  return [serves, ...alsoServes];
}

function deadlinesOf({ fullName, methods }: Contract) {
  return Object.values(methods).map(({ name }) => ({ name, ...rpcOptions(fullName, name) }));
}

function waitsMs(attempts: number): number {
  const waits = Array.from({ length: attempts - 1 }, (_, index) =>
    Math.min(backoff.capMs, backoff.baseMs * 2 ** index),
  );
  return waits.reduce((sum, each) => sum + each, 0);
}

/** A chain of calls that wait for each other, and how often whoever is last is called at worst for one request. */
export type Path = {
  readonly steps: readonly Edge[];
  /** Where the last callee calls a partner: its name. */
  readonly partner: string | undefined;
  readonly attempts: number;
};

/**
 * All of them, each followed until nobody is called further or it comes round. A call that no RPC waits for begins a path and
 * continues none: whoever makes it is not answering anybody.
 */
export function pathsOf(
  services: readonly ServiceDefinition[],
  edges: readonly Edge[],
  knowledge: Knowledge,
): Path[] {
  const follow = (steps: readonly Edge[]): Path[] => {
    const { callee, method } = steps.at(-1) as Edge;
    const attempts = steps.reduce((product, each) => product * each.attempts, 1);
    const here = { steps, partner: undefined, attempts };
    if (isLeaf(knowledge, callee, method)) return [here];
    const seen = [...steps.map(({ caller }) => caller), callee];
    const further = edges.filter((edge) => edge.caller === callee && edge.unawaited === undefined);
    const partners = Object.values(services.find(({ name }) => name === callee)?.partners ?? {});
    return [
      here,
      ...partners.map((use) => ({ ...here, partner: use.partner, attempts: attempts * use.attemptsMax })),
      ...further.filter((edge) => !seen.includes(edge.callee)).flatMap((edge) => follow([...steps, edge])),
    ];
  };
  return edges.flatMap((edge) => follow([edge]));
}

/** Rings of calls that wait for each other, each once, beginning with the name that sorts first. */
export function cyclesOf(edges: readonly Edge[], knowledge: Knowledge): string[][] {
  const found = new Map<string, string[]>();
  const callees = (caller: string, by: string | undefined) =>
    edges.filter(
      (edge) =>
        edge.caller === caller &&
        edge.unawaited === undefined &&
        (by === undefined || !isLeaf(knowledge, caller, by)),
    );
  const follow = (names: readonly string[], by: string | undefined) => {
    for (const { callee, method } of callees(names.at(-1) as string, by)) {
      const start = names.indexOf(callee);
      if (start === -1) follow([...names, callee], method);
      else if (start === 0 && names.every((name) => name >= callee))
        found.set(names.join(" "), [...names, callee]);
    }
  };
  for (const name of new Set(edges.map(({ caller }) => caller))) follow([name], undefined);
  return [...found.values()];
}
