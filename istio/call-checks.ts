// The rules that calls have to keep, one function each: what breaks it, and what to do about it.

import type { ServiceDefinition } from "@webstore/kit";
import { cyclesOf, type Edge, edgesOf, type Path, pathsOf, servedBy } from "./call-graph.ts";
import type { Knowledge, Rule } from "./call-knowledge.ts";

export type Violation = {
  readonly rule: Rule;
  readonly subject: string;
  readonly found: string;
  readonly whatToDo: string;
};

/** How often one request may make its last callee work at worst. */
export const attemptsOfPathMax = 8;

export type Checked = {
  readonly edges: readonly Edge[];
  /** The path with the most attempts. */
  readonly worst: Path | undefined;
  readonly violations: readonly Violation[];
  /** Violations that are accepted, with the reason. */
  readonly accepted: readonly (Violation & { readonly because: string })[];
};

/** `unlisted`: what source-edges.ts found in the services' code. */
export function checkCalls(
  services: readonly ServiceDefinition[],
  knowledge: Knowledge,
  unlisted: readonly Violation[],
): Checked {
  const edges = edgesOf(services, knowledge);
  const paths = pathsOf(services, edges, knowledge);
  const found = [
    ...calleesThere(services),
    ...methodsThere(services),
    ...methodsOnce(services),
    ...attemptsFit(edges),
    ...pathsBounded(paths),
    ...breakersThere(services),
    ...breakersAgree(services),
    ...noCycles(edges, knowledge),
    ...unlisted,
  ];
  const excuse = ({ rule, subject }: Violation) =>
    knowledge.accepted.find((each) => each.rule === rule && each.subjects.includes(subject))?.because;
  return {
    edges,
    worst: paths.reduce<Path | undefined>(
      (most, path) => (path.attempts > (most?.attempts ?? 0) ? path : most),
      undefined,
    ),
    violations: [
      ...found.filter((each) => excuse(each) === undefined),
      ...staleKnowledge(services, edges, knowledge, found),
    ],
    accepted: found.flatMap((each) => {
      const because = excuse(each);
      return because === undefined ? [] : [{ ...each, because }];
    }),
  };
}

const edgeName = ({ caller, callee, method }: Edge) => `${caller} → ${callee}.${method}`;

const callsOf = (services: readonly ServiceDefinition[]) =>
  services.flatMap(({ name, calls }) => Object.entries(calls).map(([as, call]) => ({ name, as, call })));

function calleesThere(services: readonly ServiceDefinition[]): Violation[] {
  return callsOf(services)
    .filter(
      ({ call }) => !services.some(({ name, serves }) => name === call.service && serves === call.contract),
    )
    .map(({ name, as, call }) => ({
      rule: "unknown-callee",
      subject: `${name} → ${call.service} (${as})`,
      found: `no service of that name serves ${call.contract.fullName}`,
      whatToDo: "add the callee to system.ts, or state the call with its definition: call(callee, …)",
    }));
}

function methodsThere(services: readonly ServiceDefinition[]): Violation[] {
  return callsOf(services).flatMap(({ name, as, call }) =>
    call.methods
      .filter((method) => !Object.hasOwn(call.contract.methods, method))
      .map((method) => ({
        rule: "unknown-method",
        subject: `${name} → ${call.service}.${method} (${as})`,
        found: `${call.contract.fullName} has no such RPC`,
        whatToDo: "take it out of `methods`, or add it to the contract",
      })),
  );
}

/** Two entries for one RPC would be two routes of which only the first ever counts. */
function methodsOnce(services: readonly ServiceDefinition[]): Violation[] {
  return services.flatMap(({ name, calls }) => {
    const listed = Object.values(calls).flatMap((call) =>
      call.methods.map((method) => `${name} → ${call.service}.${method}`),
    );
    const twice = listed.filter((each, index) => listed.indexOf(each) !== index);
    return [...new Set(twice)].map((subject) => ({
      rule: "listed-twice",
      subject,
      found: "the definition lists it more than once",
      whatToDo: "leave it in one call, under one set of limits",
    }));
  });
}

/** What nobody waits for has no deadline to fit into. */
function attemptsFit(edges: readonly Edge[]): Violation[] {
  return edges.flatMap((edge): Violation[] => {
    const { caller, attempts, attemptMs, worstMs, callerMs } = edge;
    if (edge.unawaited !== undefined || worstMs <= callerMs) return [];
    if (attemptMs > callerMs) {
      return [
        {
          rule: "attempt-too-long",
          subject: edgeName(edge),
          found: `one attempt may take ${attemptMs} ms, and ${caller} has ${callerMs} ms for its own answer`,
          whatToDo: "lower timeoutMs of the call, or raise deadline_ms of the caller's RPC",
        },
      ];
    }
    return [
      {
        rule: "attempts-too-long",
        subject: edgeName(edge),
        found: `${attempts} attempts may take ${worstMs} ms, and ${caller} has ${callerMs} ms for its own answer`,
        whatToDo: "lower attemptsMax or timeoutMs, or accept it with its reason in call-knowledge.ts",
      },
    ];
  });
}

function pathsBounded(paths: readonly Path[]): Violation[] {
  return paths
    .filter(({ attempts }) => attempts > attemptsOfPathMax)
    .map((path) => ({
      rule: "too-many-attempts",
      subject: pathName(path),
      found: `one request may call the last ${path.attempts} times, more than ${attemptsOfPathMax}`,
      whatToDo: "let one service of the path repeat, and give the others attemptsMax: 1",
    }));
}

export function pathName({ steps, partner }: Path): string {
  const names = [steps[0]?.caller ?? "", ...steps.map(({ callee, method }) => `${callee}.${method}`)];
  return [...names, ...(partner === undefined ? [] : [partner])].join(" → ");
}

function breakersThere(services: readonly ServiceDefinition[]): Violation[] {
  return callsOf(services)
    .filter(({ call }) => call.breaker === undefined)
    .map(({ name, as, call }) => ({
      rule: "no-breaker",
      subject: `${name} → ${call.service} (${as})`,
      found: "the call has no breaker: a callee that is down is called on and on",
      whatToDo: "give it a breaker, or accept it with its reason in call-knowledge.ts",
    }));
}

/** The mesh has one policy a callee, so callers that differ could not all have theirs. */
function breakersAgree(services: readonly ServiceDefinition[]): Violation[] {
  return services.flatMap(({ name }) => {
    const callers = callsOf(services).filter(
      ({ call }) => call.service === name && call.breaker !== undefined,
    );
    const policies = Map.groupBy(
      callers,
      ({ call }) => `${call.breaker?.failures} failures, ${call.breaker?.coolDownMs} ms`,
    );
    if (policies.size < 2) return [];
    const said = [...policies].map(
      ([policy, who]) => `${who.map((each) => each.name).join(", ")}: ${policy}`,
    );
    return [
      {
        rule: "breakers-differ",
        subject: name,
        found: said.join("; "),
        whatToDo: "state one breaker for the callee in all definitions",
      },
    ];
  });
}

function noCycles(edges: readonly Edge[], knowledge: Knowledge): Violation[] {
  return cyclesOf(edges, knowledge).map((names) => ({
    rule: "cycle",
    subject: names.join(" → "),
    found:
      "each waits for the next: one that is slow stops them all, and none can be started or changed first",
    whatToDo: "let one of them tell the next by an event",
  }));
}

/** A reason that has lost its subject would excuse whatever comes under that name next. */
function staleKnowledge(
  services: readonly ServiceDefinition[],
  edges: readonly Edge[],
  knowledge: Knowledge,
  found: readonly Violation[],
): Violation[] {
  const named = (name: string) => services.find((each) => each.name === name);
  const methodsOf = (name: string) =>
    Object.values(named(name)?.serves.methods ?? {}).map((each) => each.name);
  const serves = (name: string, rpc: string) => {
    const service = named(name);
    const contracts = service === undefined ? [] : servedBy(service);
    return contracts.some(({ methods }) => Object.values(methods).some((each) => each.name === rpc));
  };
  const is = (edge: Edge, caller: string, callee: string, method: string) =>
    edge.caller === caller && edge.callee === callee && edge.method === method;
  const stale = [
    ...knowledge.unawaited
      .filter(({ caller, as }) => named(caller)?.calls[as] === undefined)
      .map(({ caller, as }) => `unawaited: ${caller}.${as}`),
    ...knowledge.leaves.flatMap(({ service, methods }) =>
      methods
        .filter((each) => !methodsOf(service).includes(each))
        .map((each) => `leaves: ${service}.${each}`),
    ),
    ...knowledge.madeFor
      .filter(
        ({ caller, callee, method, rpc }) =>
          !serves(caller, rpc) || !edges.some((each) => is(each, caller, callee, method)),
      )
      .map(({ caller, callee, method, rpc }) => `madeFor: ${caller}.${rpc} → ${callee}.${method}`),
    ...knowledge.accepted.flatMap(({ rule, subjects }) =>
      subjects
        .filter((subject) => !found.some((each) => each.rule === rule && each.subject === subject))
        .map((subject) => `accepted: ${rule}, ${subject}`),
    ),
  ];
  return stale.map((subject) => ({
    rule: "stale-knowledge",
    subject,
    found: "what this line of call-knowledge.ts is about is not there",
    whatToDo: "delete the line, or name what it is about now",
  }));
}
