// For tests of the kit itself: a contract served by the test's own handlers over real gRPC, tokens
// signed by keys that a real JWKS endpoint publishes, and waiting without sleeping.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import { background, inContext, type RequestContext } from "./context.ts";
import { type CallPolicy, type Contract, call, type HandlersOf, type MethodName } from "./definition.ts";
import { type Log, openLog } from "./log.ts";
import { type ClientParts, openRpcClient } from "./rpc-client.ts";
import { type RpcServer, startRpcServer } from "./rpc-server.ts";
import { type Telemetry, unrecordedTelemetry } from "./telemetry.ts";
import { tokenVerifier } from "./tokens.ts";

export const testInternalKey = "test-internal-key";

export type Keys = {
  readonly jwksUrl: string;
  /** A token that is good, but for what is given: `undefined` leaves a claim out. */
  token(claims?: JWTPayload, by?: { alg?: string; key?: "own" | "foreign"; kid?: string }): Promise<string>;
  /** The JWKS endpoint answers 500 from now on. */
  breakDown(): void;
  stop(): Promise<void>;
};

export async function serveKeys(): Promise<Keys> {
  const own = await generateKeyPair("ES256", { extractable: true });
  const foreign = await generateKeyPair("ES256");
  const jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: "key-1", alg: "ES256", use: "sig" }] };
  let broken = false;
  const server = createServer((_request, response) => {
    if (broken) response.writeHead(500).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify(jwks));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    token(claims = {}, by = {}) {
      const nowS = Math.floor(Date.now() / 1_000);
      const good = {
        sub: "5f0c3e0a-0000-4000-8000-000000000001",
        role: "user",
        typ: "access",
        jti: "token-1",
      };
      const times = { iss: "webstore", aud: "webstore", iat: nowS, exp: nowS + 900 };
      const key =
        by.alg === "HS256"
          ? new TextEncoder().encode("x".repeat(32))
          : (by.key === "foreign" ? foreign : own).privateKey;
      return new SignJWT({ ...good, ...times, ...claims })
        .setProtectedHeader({ alg: by.alg ?? "ES256", kid: by.kid ?? "key-1" })
        .sign(key);
    },
    breakDown: () => {
      broken = true;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export type Served<C extends Contract> = RpcServer & {
  readonly address: string;
  /** What `call` and `testClient` need to know of a service. */
  readonly definition: {
    readonly name: string;
    readonly serves: C;
    readonly ports: { readonly rpc: number };
  };
};

/** Serves `contract` with these handlers; any other method answers its default message. */
export async function serveContract<C extends Contract>(
  contract: C,
  handlers: Partial<HandlersOf<C>>,
  is: { name?: string; jwksUrl?: string; telemetry?: Telemetry; log?: Log; socket?: string } = {},
): Promise<Served<C>> {
  const name = is.name ?? "callee";
  const telemetry = is.telemetry ?? unrecordedTelemetry(name);
  const defaults = Object.entries(contract.methods).map(([method, { responseType }]) => [
    method,
    async () => responseType.decode(new Uint8Array()),
  ]);
  const server = await startRpcServer({
    contract,
    handlers: { ...Object.fromEntries(defaults), ...handlers } as HandlersOf<C>,
    parts: {
      log: is.log ?? openLog(name, { level: "silent" }),
      telemetry,
      tokens: tokenVerifier({
        jwksUrl: is.jwksUrl ?? "http://127.0.0.1:1/",
        issuer: "webstore",
        audience: "webstore",
        demoTokens: is.jwksUrl === undefined,
      }),
      internalKey: testInternalKey,
      rpcDuration: telemetry.histogram("rpc.server.duration", { unit: "s" }),
      nowMs: Date.now,
    },
    host: "127.0.0.1",
    port: 0,
    socket: is.socket,
  });
  return {
    ...server,
    address: `127.0.0.1:${server.port}`,
    definition: { name, serves: contract, ports: { rpc: server.port } },
  };
}

/** A promise that the test settles. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

const closers: (() => unknown)[] = [];

/** Does this after the test; the last first. */
export function atEnd(close: () => unknown) {
  if (closers.length === 0) onTestFinished(closeAll);
  closers.push(close);
}

async function closeAll() {
  for (const close of closers.splice(0).reverse()) await close();
}

/** Serves a contract for this test. */
export async function serve<C extends Contract>(
  contract: C,
  handlers: Partial<HandlersOf<C>> = {},
  is: Parameters<typeof serveContract>[2] = {},
): Promise<Served<C>> {
  const served = await serveContract(contract, handlers, is);
  atEnd(() => served.drain(0));
  return served;
}

/** A client as a service of the store has it. Without waiting between attempts. */
export function clientOf<C extends Contract>(
  served: Pick<Served<C>, "address" | "definition">,
  policy: Partial<CallPolicy> = {},
  parts: Partial<ClientParts> = {},
) {
  const methods = Object.keys(served.definition.serves.methods) as MethodName<C>[];
  const use = call<C, readonly MethodName<C>[]>(served.definition, {
    methods,
    timeoutMs: 5_000,
    attemptsMax: 1,
    ...policy,
  });
  const opened = openRpcClient(use, served.address, {
    caller: "test",
    internalKey: testInternalKey,
    mesh: "none",
    telemetry: unrecordedTelemetry("test"),
    nowMs: Date.now,
    random: () => 0,
    ...parts,
  });
  atEnd(() => opened.close());
  return opened;
}

/** What a request brings along. */
export const within = <T>(context: Partial<RequestContext>, work: () => Promise<T>) =>
  inContext({ ...background, ...context }, work);

/** A request as anybody may send it: any metadata, any bytes. */
export async function raw(
  served: { address: string },
  path: string,
  is: { metadata?: Record<string, string>; bytes?: Uint8Array } = {},
): Promise<{ code: number; details: string; answer: Buffer | undefined }> {
  const client = new Client(served.address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(is.metadata ?? {})) metadata.set(name, value);
  const bytes = Buffer.from(is.bytes ?? []);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        (message: Buffer) => message,
        (answer: Buffer) => answer,
        bytes,
        metadata,
        { deadline: Date.now() + 5_000 },
        (error: ServiceError | null, answer) =>
          resolve({ code: error?.code ?? status.OK, details: error?.details ?? "", answer }),
      );
    });
  } finally {
    client.close();
  }
}
