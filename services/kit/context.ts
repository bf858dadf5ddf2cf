// What travels with one request through a process: who asks, until when, under which key
// and in which trace. It is kept beside the call stack, so that use cases do not pass it on.

import { AsyncLocalStorage } from "node:async_hooks";
import type { Span } from "./telemetry.ts";

export type Role = "user" | "admin";

/** Who asks. `service` is another service of the store; `user` carries a verified access token. */
export type Principal =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly userId: string; readonly role: Role }
  | { readonly kind: "service"; readonly service: string };

export type RequestContext = {
  readonly principal: Principal;
  /** The verified token, to be passed on to the services that this request needs. Never logged. */
  readonly bearerToken: string | undefined;
  /** Wall-clock time, in ms since the epoch, after which nobody waits for the answer. */
  readonly deadlineAtMs: number;
  /** Ends when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal | undefined;
  /** Makes repeating this request safe; passed on by the clients. */
  readonly idempotencyKey: string | undefined;
  readonly span: Span | undefined;
};

const storage = new AsyncLocalStorage<RequestContext>();

/** Outside of any request: background work, which runs in the service's own name and without a deadline. */
export const background: RequestContext = {
  principal: { kind: "anonymous" },
  bearerToken: undefined,
  deadlineAtMs: Number.POSITIVE_INFINITY,
  signal: undefined,
  idempotencyKey: undefined,
  span: undefined,
};

export function currentContext(): RequestContext {
  return storage.getStore() ?? background;
}

export function inContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}
