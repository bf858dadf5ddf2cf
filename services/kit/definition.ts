// What a service is, as one typed value. The process, its typed clients, its chart,
// its mesh policy, its SLOs and its dashboard are read from this value and from
// nothing else, so it holds facts only: no function that does work, no environment.
//
// Invariants:
//   D1. A service calls exactly the methods that its definition lists. The clients that
//       it is given have no others, and the mesh lets no others through.
//   D2. Every RPC that a service serves has a promise; a missing one is a type error.
//   D3. Every call has a time limit and a bound on attempts. There are no defaults.

import type { z } from "zod";

/** How one message type goes to bytes and back, as ts-proto generates it. */
export type Codec = {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
};

/** One unary RPC of a contract, as ts-proto generates it. */
export type Method = {
  readonly name: string;
  readonly requestType: Codec;
  readonly requestStream: false;
  readonly responseType: Codec;
  readonly responseStream: false;
  readonly options: { readonly idempotencyLevel?: "NO_SIDE_EFFECTS" | "IDEMPOTENT" };
};

/** One gRPC service of `proto/`, as ts-proto generates it (`…ServiceDefinition`). */
export type Contract = {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, Method>>;
};

export type MethodName<C extends Contract> = keyof C["methods"] & string;
export type RequestOf<M extends Method> = ReturnType<M["requestType"]["decode"]>;
export type ResponseOf<M extends Method> = ReturnType<M["responseType"]["decode"]>;

/** When a callee is given up on for a while: after `failures` outages in a row, for `coolDownMs`; then one call tries it. */
export type BreakerPolicy = { readonly failures: number; readonly coolDownMs: number };

/** The limits of one dependency. `attemptsMax` counts the first try; only calls that are safe to repeat get a second. */
export type CallPolicy = {
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly breaker?: BreakerPolicy;
};

export type Call<C extends Contract = Contract, M extends readonly string[] = readonly string[]> = {
  readonly service: string;
  /** Where the callee listens on a laptop. */
  readonly port: number;
  readonly contract: C;
  readonly methods: M;
} & CallPolicy;

/**
 * A dependency on another service of the store: which of its methods, and under which limits.
 * `methods` is a `const` tuple on purpose: without it TypeScript widens the list to every
 * method of the contract and nothing is enforced (definition.types.test.ts holds this).
 */
export function call<C extends Contract, const M extends readonly MethodName<C>[]>(
  service: { readonly name: string; readonly serves: C; readonly ports: { readonly rpc: number } },
  use: CallPolicy & { readonly methods: M },
): Call<C, M> {
  return { service: service.name, port: service.ports.rpc, contract: service.serves, ...use };
}

/**
 * One operation of a partner's HTTP API. `{field}` in the path is filled from the request's field of
 * that name; the other fields are the JSON body, or the query of a GET or DELETE. The answer is parsed by
 * `response`: a partner is outside, so what it says is input. `refusals` are the reasons (the answer's
 * `reason`) that are final; `repeatable` says that repeating the request changes nothing more.
 */
export type Operation<Request extends z.ZodType = z.ZodType, Response extends z.ZodType = z.ZodType> = {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly repeatable: boolean;
  readonly request: Request;
  readonly response: Response;
  readonly refusals: readonly string[];
};

export function operation<Request extends z.ZodType, Response extends z.ZodType>(
  is: Operation<Request, Response>,
): Operation<Request, Response> {
  return is;
}

export type Operations = Readonly<Record<string, Operation>>;

/** Another company's HTTP API: it is reached through a client with a breaker, and carries no telemetry of ours. */
export type PartnerDefinition<N extends string = string, O extends Operations = Operations> = {
  readonly kind: "partner";
  readonly name: N;
  /** Where its simulator listens on a laptop. */
  readonly port: number;
  readonly operations: O;
};

export function definePartner<const N extends string, const O extends Operations>(is: {
  readonly name: N;
  readonly port: number;
  readonly operations: O;
}): PartnerDefinition<N, O> {
  return { kind: "partner", ...is };
}

export type PartnerUse<O extends Operations = Operations> = {
  readonly partner: string;
  readonly port: number;
  readonly operations: O;
} & CallPolicy & { readonly breaker: BreakerPolicy };

/** A dependency on a partner, under these limits. The breaker stays in the process even in a mesh. */
export function partner<O extends Operations>(
  is: PartnerDefinition<string, O>,
  use: CallPolicy & { readonly breaker: BreakerPolicy },
): PartnerUse<O> {
  return { partner: is.name, port: is.port, operations: is.operations, ...use };
}

/**
 * One HTTP route that a service offers to the world. A segment with a colon is a parameter: `/orders/:order_id`; a star at the end is whatever follows. Who may
 * ask: `user` is whoever has an access token, `admin` whose token has that role, `partner` who has an API key.
 */
export type HttpRoute = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly access: "public" | "user" | "admin" | "partner";
};

/** What a service promises for one RPC over 30 days; its SLO rules are computed from it. */
export type ServicePromise = { readonly availability: number; readonly latencyP95Ms: number };

export type Runs = {
  readonly replicas: { readonly min: number; readonly max: number };
  readonly cpuMillis: number;
  readonly memoryMiB: number;
};

/** A topic that this service consumes, and the name under which it shares the work with its replicas. */
export type Consumption = { readonly topic: string; readonly group: string };

/**
 * Where a service keeps its data: a PostgreSQL schema, a Redis prefix or a MongoDB database. Nobody else opens it. Of
 * several the process takes one: Redis or MongoDB where it is told an address of it, PostgreSQL otherwise.
 */
export type Stores = { readonly postgres?: string; readonly redis?: string; readonly mongo?: string };

export type ServiceDefinition<
  N extends string = string,
  C extends Contract = Contract,
  Calls extends Readonly<Record<string, Call>> = Readonly<Record<string, Call>>,
  Partners extends Readonly<Record<string, PartnerUse>> = Readonly<Record<string, PartnerUse>>,
  S extends Stores = Stores,
> = {
  readonly kind: "service";
  readonly name: N;
  readonly serves: C;
  /** Where it listens on a laptop: RPC on `rpc`, health and metrics on `admin`, and HTTP for the world on `http`. */
  readonly ports: { readonly rpc: number; readonly admin: number; readonly http?: number };
  readonly calls: Calls;
  readonly partners: Partners;
  readonly stores: S;
  readonly publishes: readonly string[];
  readonly consumes: readonly Consumption[];
  /** What else it serves on `ports.http`, over Connect, beside `serves`. */
  readonly alsoServes: readonly Contract[];
  /** What it offers on `ports.http`, by the name of the operation. */
  readonly routes: Readonly<Record<string, HttpRoute>>;
  /** Environment variables of its own that hold secrets. */
  readonly secrets: readonly string[];
  readonly promises: { readonly [M in MethodName<C>]: ServicePromise };
  readonly runs: Runs;
};

/** What every service states; lists that are empty may be left out. */
type Stated<
  N extends string,
  C extends Contract,
  Calls extends Readonly<Record<string, Call>>,
  Partners extends Readonly<Record<string, PartnerUse>>,
  S extends Stores,
> = Omit<
  ServiceDefinition<N, C, Calls, Partners, S>,
  "kind" | "calls" | "partners" | "stores" | "publishes" | "consumes" | "alsoServes" | "routes" | "secrets"
> & {
  readonly calls?: Calls;
  readonly partners?: Partners;
  readonly stores?: S;
  readonly publishes?: readonly string[];
  readonly consumes?: readonly Consumption[];
  readonly alsoServes?: readonly Contract[];
  readonly routes?: Readonly<Record<string, HttpRoute>>;
  readonly secrets?: readonly string[];
};

type None = Record<never, never>;

export function defineService<
  const N extends string,
  const C extends Contract,
  const Calls extends Readonly<Record<string, Call>> = None,
  const Partners extends Readonly<Record<string, PartnerUse>> = None,
  const S extends Stores = None,
>(is: Stated<N, C, Calls, Partners, S>): ServiceDefinition<N, C, Calls, Partners, S> {
  return {
    kind: "service",
    publishes: [],
    consumes: [],
    alsoServes: [],
    routes: {},
    secrets: [],
    ...is,
    calls: is.calls ?? ({} as Calls),
    partners: is.partners ?? ({} as Partners),
    stores: is.stores ?? ({} as S),
  };
}

/** The typed client of one `call`: its listed methods and no others. */
export type ClientOf<T extends Call> = {
  readonly [M in T["methods"][number]]: (
    request: RequestOf<T["contract"]["methods"][M]>,
  ) => Promise<ResponseOf<T["contract"]["methods"][M]>>;
};

/** The typed client of one partner: one function an operation. */
export type PartnerClientOf<T extends PartnerUse> = {
  readonly [O in keyof T["operations"]]: (
    request: z.input<T["operations"][O]["request"]>,
  ) => Promise<z.output<T["operations"][O]["response"]>>;
};

/** Everything that a service may call, by the names in its definition. */
export type PortsOf<D extends ServiceDefinition> = {
  readonly [K in keyof D["calls"]]: ClientOf<D["calls"][K]>;
} & { readonly [K in keyof D["partners"]]: PartnerClientOf<D["partners"][K]> };

/** The contract's handlers, all of them: a missing one does not compile. */
export type HandlersOf<C extends Contract> = {
  readonly [M in keyof C["methods"]]: (
    request: RequestOf<C["methods"][M]>,
  ) => Promise<ResponseOf<C["methods"][M]>>;
};
