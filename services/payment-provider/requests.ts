// What happens to one request of the API, in order:
//
//   1. who asks           401 without the key, or without the intent's secret where that is enough
//   2. asked before?      the kept answer; or 400 and 409 for a key that is used otherwise
//   3. is it valid?       400, and nothing is kept (idempotency.ts, K1)
//   4. what goes wrong?   a scenario, or a failure by country; both before anything happens
//   5. execution          one transaction: objects, events and the kept answer
//
// All of it is synchronous, except that a slow scenario waits before 5; meanwhile its key is in use.

import { timingSafeEqual } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { ApiError, errorBody, internalError, invalidRequest } from "./api-error.ts";
import { type FailureStatus, failureError, isKept } from "./failures.ts";
import { type Params, parseForm } from "./form.ts";
import { fingerprintOf, type KeyedRequest, keyInUse } from "./idempotency.ts";
import type { Operation, Provider, Run, Work } from "./provider.ts";
import { findRoute } from "./routes.ts";
import type { RequestAction } from "./scenario-actions.ts";
import type { Met, Subject } from "./scenarios.ts";

export type ApiRequest = {
  readonly id: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The body of a POST, the query of a GET. */
  readonly form: string;
  readonly authorization: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** Ends a slow scenario's wait when the provider stops. */
  readonly stopping: AbortSignal;
};

export type Answer =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly body: string;
      /** The id of the request that was first answered so, when this is a replay. */
      readonly replayOf?: string;
    }
  /** The work is done (or not), but nobody is told: the connection stays open, or is cut. */
  | { readonly kind: "hang" }
  | { readonly kind: "drop" };

const keyLengthMax = 255;
const keysInUse = new WeakMap<Provider, Set<string>>();

function inUse(provider: Provider): Set<string> {
  const keys = keysInUse.get(provider) ?? new Set();
  keysInUse.set(provider, keys);
  return keys;
}

function refusal(error: ApiError): Answer {
  return { kind: "reply", status: error.status, body: errorBody(error) };
}

function sameText(a: string, b: string): boolean {
  const given = Buffer.from(a);
  const expected = Buffer.from(b);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** True for the merchant, who has the key; false for a shopper, who must show a client_secret. */
function isMerchant(provider: Provider, request: ApiRequest, operation: Operation, params: Params): boolean {
  const { authorization = "" } = request;
  const { apiKey } = provider.config;
  if (sameText(authorization, `Bearer ${apiKey}`)) return true;
  const basic = `Basic ${Buffer.from(`${apiKey}:`).toString("base64")}`;
  if (sameText(authorization, basic)) return true;
  const anonymous = authorization === "" || authorization.startsWith("Bearer pk_");
  if (
    anonymous &&
    operation.forShoppers &&
    typeof params.client_secret === "string" &&
    params.client_secret !== ""
  ) {
    return false;
  }
  const message =
    authorization === ""
      ? "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
      : "Invalid API Key provided.";
  throw new ApiError(401, { type: "invalid_request_error", message });
}

function keyedRequest(request: ApiRequest): KeyedRequest | undefined {
  const { idempotencyKey: key } = request;
  if (key === undefined || request.method !== "POST") return undefined;
  if (key === "" || key.length > keyLengthMax) {
    throw invalidRequest(`Invalid Idempotency-Key: it must have 1 to ${keyLengthMax} characters.`);
  }
  return { key, path: request.path, fingerprint: fingerprintOf(request.form) };
}

type About = Subject & { readonly country: string | undefined };

/** Whom and what the request is about; looked up only while something may go wrong. */
function aboutOf({ store }: Provider, operation: Operation, run: Run): About {
  const operationName = operation.scenarioName;
  const attempts = run.attempts ?? false;
  if (typeof run.about === "object") {
    const { metadata, token } = run.about;
    const { order_id: orderId, country } = metadata;
    return { operation: operationName, attempts, orderId, country, paymentIntent: undefined, token };
  }
  const id = run.about?.startsWith("ch_") ? store.charges.find(run.about)?.payment_intent : run.about;
  const intent = id === undefined ? undefined : store.paymentIntents.find(id);
  return {
    operation: operationName,
    attempts,
    orderId: intent?.metadata.order_id,
    country: intent?.metadata.country,
    paymentIntent: intent?.id,
    token: run.token ?? intent?.payment_method ?? undefined,
  };
}

type Trouble = { readonly met: Met<RequestAction> | undefined; readonly status: FailureStatus | undefined };
const noTrouble: Trouble = { met: undefined, status: undefined };

function findTrouble(provider: Provider, request: ApiRequest, operation: Operation, run: Run): Trouble {
  const { failures, scenarios } = provider;
  const mayFail = failures.on && request.method === "POST";
  // A token's own scenario needs an attempt; everything else needs someone to have asked for trouble.
  if (run.about === undefined || (!mayFail && !scenarios.waiting && run.attempts !== true)) return noTrouble;
  const about = aboutOf(provider, operation, run);
  const met = scenarios.meetRequest(about);
  if (met !== undefined || !mayFail || about.country === undefined) return { met, status: undefined };
  return { met, status: failures.draw(about.country) };
}

type Prepared = {
  readonly provider: Provider;
  readonly request: ApiRequest;
  readonly operation: Operation;
  readonly keyed: KeyedRequest | undefined;
};

function keep({ provider, request, keyed }: Prepared, status: number, body: string): void {
  if (keyed === undefined) return;
  const answer = { status, body, requestId: request.id };
  provider.idempotency.keep(keyed, answer, provider.clock.keysNowSeconds());
}

function execute(prepared: Prepared, run: Run, met: Met<RequestAction> | undefined): Answer {
  const { provider, request, operation, keyed } = prepared;
  const work: Work = {
    provider,
    store: provider.store,
    operation: operation.scenarioName,
    nowSeconds: Math.floor(provider.nowMs() / 1_000),
    clockMs: provider.clock.nowMs(),
    requestId: request.id,
    idempotencyKey: keyed?.key,
    met,
  };
  const answer = (): Answer => {
    const result = run.execute(work);
    return { kind: "reply", status: 200, body: typeof result === "string" ? result : JSON.stringify(result) };
  };
  if (request.method === "GET") return answer();
  const kept = (): Answer => {
    try {
      const done = answer();
      if (met?.action === "processed_then_500") throw internalError;
      if (done.kind === "reply") keep(prepared, done.status, done.body);
      return done;
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      const error = met?.action === "processed_then_500" ? internalError : thrown;
      keep(prepared, error.status, errorBody(error));
      throw error;
    }
  };
  return provider.database.transact(kept, (thrown) => thrown instanceof ApiError);
}

function failBefore(prepared: Prepared, status: FailureStatus): Answer {
  const error = failureError(status);
  if (isKept(status)) keep(prepared, status, errorBody(error));
  return refusal(error);
}

function answerError(error: unknown): Answer {
  if (error instanceof ApiError) return refusal(error);
  console.error("payment-provider: a request failed:", error instanceof Error ? error.stack : error);
  return refusal(internalError);
}

async function executeSlowly(prepared: Prepared, run: Run, met: Met<RequestAction>): Promise<Answer> {
  const { provider, request, keyed } = prepared;
  const keys = inUse(provider);
  if (keyed !== undefined) keys.add(keyed.key);
  try {
    await wait(met.delayMs, undefined, { signal: request.stopping });
    return execute(prepared, run, met);
  } catch (error) {
    return request.stopping.aborted ? { kind: "drop" } : answerError(error);
  } finally {
    if (keyed !== undefined) keys.delete(keyed.key);
  }
}

function executeInTrouble(prepared: Prepared, run: Run, trouble: Trouble): Answer | Promise<Answer> {
  const { met, status } = trouble;
  if (met?.action === "drop") return { kind: "drop" };
  if (met?.action === "slow") return executeSlowly(prepared, run, met);
  if (status !== undefined) return failBefore(prepared, status);
  if (met?.action !== "processed_then_timeout") return execute(prepared, run, met);
  try {
    execute(prepared, run, met);
  } catch (error) {
    answerError(error);
  }
  return { kind: "hang" };
}

/** Answers one request; never throws. */
export function answerRequest(provider: Provider, request: ApiRequest): Answer | Promise<Answer> {
  try {
    const route = findRoute(request.method, request.path);
    if (route === undefined) {
      const shown = `${request.method}: ${request.path.slice(0, 200)}`;
      const message = `Unrecognized request URL (${shown}).`;
      throw new ApiError(404, { type: "invalid_request_error", message });
    }
    const { operation, id } = route;
    const params = parseForm(request.form);
    const merchant = isMerchant(provider, request, operation, params);
    // A shopper's keys would share the merchant's names, so they are not used.
    const keyed = merchant ? keyedRequest(request) : undefined;
    if (keyed !== undefined) {
      if (inUse(provider).has(keyed.key)) throw keyInUse(keyed.key);
      const kept = provider.idempotency.find(keyed, provider.clock.keysNowSeconds());
      if (kept !== undefined) {
        return { kind: "reply", status: kept.status, body: kept.body, replayOf: kept.requestId };
      }
    }
    const run = operation.parse(params, id);
    const trouble = findTrouble(provider, request, operation, run);
    return executeInTrouble({ provider, request, operation, keyed }, run, trouble);
  } catch (error) {
    return answerError(error);
  }
}
