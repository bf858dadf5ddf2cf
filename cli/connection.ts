// The way to the store: its operator's contract over Connect, and REST for what that does not have.

import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { OpsService } from "@webstore/proto/es/ops/v1";
import type { Command } from "commander";
import { Failure, isUnreachable, refusalLine, UsageFailure } from "./failure.ts";

export type GlobalOptions = { readonly url: string; readonly token?: string; readonly json?: boolean };

export type Asked = {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Store = {
  readonly ops: Client<typeof OpsService>;
  /** The JSON of an answer that is a success. */
  rest<T>(method: "GET" | "POST", path: string, asked?: Asked): Promise<T>;
};

/** Longer than anything that the store does; a comparison of everything takes up to 31 s. */
const timeoutMs = 35_000;
const localHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

export function globalsOf(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

export async function connect(command: Command): Promise<Store> {
  const { url, token } = globalsOf(command);
  const base = baseOf(url);
  const bearer = `Bearer ${checked(token || (await demoToken(base)))}`;
  const signed: Interceptor = (next) => async (request) => {
    request.header.set("authorization", bearer);
    try {
      const answer = await next(request);
      if (!isOurs(answer.header)) throw noStore(base);
      return answer;
    } catch (error) {
      if (isUnreachable(error)) throw notThere(base);
      throw isForeign(error) ? noStore(base) : ConnectError.from(error);
    }
  };
  const transport = createConnectTransport({
    baseUrl: base.href.replace(/\/$/, ""),
    httpVersion: "1.1",
    defaultTimeoutMs: timeoutMs,
    interceptors: [signed],
  });
  return {
    ops: createClient(OpsService, transport),
    rest: (method, path, asked = {}) =>
      rest(base, method, path, { ...asked, headers: { ...asked.headers, authorization: bearer } }),
  };
}

export function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  const fits =
    base !== undefined &&
    /^https?:$/.test(base.protocol) &&
    `${base.username}${base.password}${base.search}${base.hash}` === "";
  if (!fits) throw new UsageFailure("the URL of the store must be such as http://127.0.0.1:8000");
  return base;
}

async function demoToken({ hostname }: URL): Promise<string> {
  if (!localHosts.has(hostname)) {
    throw new UsageFailure(
      "a store on another machine needs a token: --token, WEBSTORE_TOKEN or `webstore login`",
    );
  }
  // Only here: reading the kit takes longer than most commands.
  const { demoUsers } = await import("@webstore/kit");
  return demoUsers.grace.token;
}

/** What cannot be in a header would be quoted in the error of the HTTP client. */
function checked(token: string): string {
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw new UsageFailure("the token is not one");
  return token;
}

type Problem = {
  readonly reason?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly description: string }[];
};

export async function rest<T>(base: URL, method: string, path: string, asked: Asked): Promise<T> {
  const url = new URL(base.href.replace(/\/$/, "") + path);
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const sent = asked.body === undefined ? undefined : JSON.stringify(asked.body);
  const type = sent === undefined ? undefined : { "content-type": "application/json" };
  const answer = await fetch(url, {
    method,
    headers: { ...type, ...asked.headers },
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
    ...(sent === undefined ? {} : { body: sent }),
  }).catch((error: unknown) => {
    if (isUnreachable(error)) throw notThere(base);
    const isLate = error instanceof Error && error.name === "TimeoutError";
    throw isLate ? new Failure(`${base.origin} did not answer`) : noStore(base);
  });
  const body = await answer.json().catch(() => undefined);
  if (!isOurs(answer.headers) || body === undefined) throw noStore(base);
  if (answer.ok) return body as T;
  const { reason, detail, errors = [] } = body as Problem;
  if (reason === undefined) throw noStore(base);
  throw new Failure(refusalLine(reason, detail ?? "", errors));
}

/** The gateway gives every answer a trace id. */
const isOurs = (header: Headers) => header.has("x-trace-id");

/** Said by the client itself when there is no answer, or a late one; anything else came from whoever is there. */
const ownCodes = new Set([Code.Canceled, Code.DeadlineExceeded, Code.Unavailable]);

function isForeign(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return true;
  return !isOurs(error.metadata) && !ownCodes.has(error.code);
}

function noStore({ origin }: URL): Failure {
  return new Failure(`no_store: what answers at ${origin} is no WebStore; is the URL right?`);
}

function notThere({ origin, hostname }: URL): Failure {
  const how = localHosts.has(hostname) ? "start one with `npm start`" : "is the address right?";
  return new Failure(`unreachable: there is no store at ${origin}; ${how}`);
}
