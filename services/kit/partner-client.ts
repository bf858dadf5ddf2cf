// Typed clients of partners: other companies' HTTP APIs. They keep their breaker in the process,
// mesh or not, and they get nothing of ours but the request: no token, no trace.
//
// Invariant P1: a partner's answer is input. It is parsed by the operation's schema, and an
// answer that does not fit is an outage, never a guess.

import { Pool } from "undici";
import type { z } from "zod";
import { openBreaker } from "./breaker.ts";
import { currentContext } from "./context.ts";
import type { Operation, PartnerClientOf, PartnerUse } from "./definition.ts";
import { exchangeOverHttp } from "./http-exchange.ts";
import { Outage, Refusal } from "./refusal.ts";
import { backoffMs, delay, retryBudget } from "./retry.ts";
import type { Histogram } from "./telemetry.ts";

const answerBytesMax = 1024 * 1024;
const connectionsMax = 32;
const detailLengthMax = 1_000;
const backoff = { baseMs: 50, capMs: 1_000 };

export type PartnerParts = {
  readonly duration: Histogram;
  readonly nowMs: () => number;
  readonly random: () => number;
};

export function openPartnerClient<T extends PartnerUse>(use: T, url: string, parts: PartnerParts) {
  const pool = new Pool(new URL(url).origin, {
    connections: connectionsMax,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const breaker = openBreaker(use.partner, use.breaker);
  const budget = retryBudget(0.2, 10);

  async function withRetries(name: string, operation: Operation, request: unknown): Promise<unknown> {
    const attemptsMax = operation.repeatable ? use.attemptsMax : 1;
    budget.request();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await breaker.run(() => once(name, operation, request));
      } catch (error) {
        if (!(error instanceof Outage) || attempt >= attemptsMax || !budget.take()) throw error;
        await delay(backoffMs(attempt, backoff, parts.random));
      }
    }
  }

  async function once(name: string, operation: Operation, request: unknown): Promise<unknown> {
    const startedAt = performance.now();
    const leftMs = currentContext().deadlineAtMs - parts.nowMs();
    const timeoutMs = Math.min(use.timeoutMs, leftMs);
    let status = 0;
    try {
      const { path, body = null } = httpRequestOf(operation, request as Record<string, unknown>);
      const headers = body === null ? {} : { "content-type": "application/json" };
      const answer = await exchangeOverHttp(
        pool,
        { method: operation.method, path, headers, body },
        { timeoutMs: Math.max(1, timeoutMs), answerBytesMax },
      );
      status = answer.status;
      return answerOf(use.partner, operation, status, answer.text);
    } catch (error) {
      if (error instanceof Refusal || error instanceof Outage) throw error;
      throw new Outage(use.partner, `${use.partner}: ${name}: ${(error as Error).message}`, { cause: error });
    } finally {
      parts.duration.record((performance.now() - startedAt) / 1_000, {
        "peer.service": use.partner,
        operation: name,
        status,
      });
    }
  }

  const client = Object.fromEntries(
    Object.entries(use.operations).map(([name, operation]) => [
      name,
      (request: unknown) => withRetries(name, operation, request),
    ]),
  );
  return { client: client as PartnerClientOf<T>, breaker, close: () => pool.close() };
}

/** Fills the path from the request; what is left is the body, or the query where there is none. */
function httpRequestOf(
  operation: Operation,
  request: Record<string, unknown>,
): { path: string; body?: string } {
  const rest = { ...request };
  const path = operation.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    delete rest[field];
    return encodeURIComponent(String(request[field]));
  });
  if (operation.method === "PUT" || operation.method === "POST") return { path, body: JSON.stringify(rest) };
  const query = new URLSearchParams(
    Object.entries(rest).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  ).toString();
  return { path: query === "" ? path : `${path}?${query}` };
}

function answerOf(peer: string, operation: Operation, status: number, text: string): z.output<z.ZodType> {
  if (status >= 200 && status < 300) return operation.response.parse(text === "" ? {} : JSON.parse(text));
  const { reason, ...details } = detailsIn(text);
  if (status >= 500 || status === 429 || reason === undefined || !operation.refusals.includes(reason)) {
    throw new Outage(peer, `${peer}: ${status} ${reason ?? ""}`);
  }
  const message = `${peer} refused: ${reason}`;
  throw new Refusal({ service: peer, reason, code: "FAILED_PRECONDITION", message, details });
}

/** The texts of a refusal's body, such as its `reason` and the products that are out of stock; lists with commas. */
function detailsIn(text: string): Record<string, string> {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(body)
        .filter(([, value]) => typeof value === "string" || Array.isArray(value))
        .map(([name, value]) => [name, String(value).slice(0, detailLengthMax)]),
    );
  } catch {
    return {};
  }
}
