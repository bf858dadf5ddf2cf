// Requests of the REST edge, made as an app makes them that must not lose an order, nor place one twice.
//
// Invariants:
//   C1. What is repeated carries its key, and the key is kept until there is an answer.
//   C2. An answer is a success, or a problem that is final. No answer at all, 429, 202 and an
//       outage are none of these: the same request is made again.

import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Dispatcher } from "undici";

export type Problem = { readonly status: number; readonly reason: string; readonly detail: string };

export type Asked = {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};
export type Answer<Body> = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Body;
};

/** Longer than the edge takes at most. */
const answerTimeoutMs = 20_000;
const repeatMs = { first: 50, most: 1_000 };
const pageSize = 100;

export type Requests = ReturnType<typeof openRequests>;

export type RequestOptions = {
  connectionsMax?: number;
  patienceMs?: number;
  /** The store's name where the address is another, such as an ingress's. */
  host?: string;
  /** Told of every request that is repeated until there is an answer, each time that it is made. */
  onAsked?: (asked: Try) => void;
};

/** One request as its client saw it: its answer, or why there was none. */
export type Try = {
  readonly method: string;
  readonly path: string;
  /** 1 for the first time that it was made. */
  readonly asks: number;
  readonly startedMs: number;
  readonly tookMs: number;
  /** 0 if there was no answer. */
  readonly status: number;
  /** A problem's reason, or why there was no answer. */
  readonly reason: string | undefined;
};

export function openRequests(url: string, is: RequestOptions = {}) {
  const agent = new Agent({
    connections: is.connectionsMax ?? 64,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  });
  const patienceMs = is.patienceMs ?? 90_000;

  /** One request, one answer, whatever it is. Throws when there is none. */
  async function ask<Body = unknown>(path: string, asked: Asked = {}): Promise<Answer<Body>> {
    const { statusCode, headers, body } = await agent.request(requestOf(url, path, asked, is.host));
    const text = await body.text();
    const isJson = /[/+]json/.test(String(headers["content-type"] ?? ""));
    return { status: statusCode, headers, body: (isJson ? JSON.parse(text) : text) as Body };
  }

  /** Asks until there is an answer (C2). */
  async function insist<Body>(
    path: string,
    asked: Asked,
    onOpen: (body: unknown) => Promise<void> = async () => {},
  ): Promise<Answer<Body> & { asks: number }> {
    const untilMs = performance.now() + patienceMs;
    for (let asks = 1; ; asks++) {
      const startedMs = performance.now();
      const answer = await ask<Body>(path, asked).catch((error: unknown) => ({ failed: error }));
      is.onAsked?.({
        ...{ method: asked.method ?? "GET", path, asks, startedMs, tookMs: performance.now() - startedMs },
        ...outcomeOf(answer),
      });
      if (!("failed" in answer) && isFinal(answer)) return { ...answer, asks };
      if (!("failed" in answer) && answer.status === 202) await onOpen(answer.body);
      if (performance.now() > untilMs) {
        const last = "failed" in answer ? answer.failed : JSON.stringify(answer.body);
        throw new Error(`no answer to ${path} after ${asks} requests; the last: ${last}`);
      }
      await delay(Math.min(repeatMs.most, repeatMs.first * 2 ** Math.min(asks - 1, 10)));
    }
  }

  /** The same where 202 is the answer that is hoped for. */
  async function insistOn202<Body>(path: string, asked: Asked): Promise<Answer<Body>> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const answer = await ask<Body>(path, asked).catch(() => undefined);
      if (answer !== undefined && (answer.status === 202 || isFinal(answer))) return answer;
      if (performance.now() > untilMs) throw new Error(`no answer to ${path}`);
      await delay(repeatMs.most);
    }
  }

  /** What must succeed, repeated as long as it may still. */
  async function must<Body>(path: string, asked: Asked = {}): Promise<Body> {
    const answer = await insist<Body>(path, asked);
    if (answer.status < 300) return answer.body;
    throw new Error(`${asked.method ?? "GET"} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  async function everyPage<Item>(path: string, plural: string, token?: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let pageToken = ""; ; ) {
      const query = `${path.includes("?") ? "&" : "?"}page_size=${pageSize}&page_token=${pageToken}`;
      const page = await must<Record<string, unknown>>(path + query, { token });
      items.push(...(page[plural] as Item[]));
      pageToken = encodeURIComponent(page.next_page_token as string);
      if (pageToken === "") return items;
    }
  }

  return { ask, insist, insistOn202, must, everyPage, close: () => agent.destroy() };
}

function requestOf(
  url: string,
  path: string,
  asked: Asked,
  host: string | undefined,
): Dispatcher.RequestOptions {
  const headers: Record<string, string> = { ...asked.headers, ...(host === undefined ? {} : { host }) };
  if (asked.token !== undefined) headers.authorization = `Bearer ${asked.token}`;
  if (asked.key !== undefined) headers["idempotency-key"] = asked.key;
  if (asked.json !== undefined) headers["content-type"] = "application/json";
  const body = asked.json === undefined ? (asked.body ?? null) : JSON.stringify(asked.json);
  return { origin: url, path, method: asked.method ?? "GET", headers, body };
}

function outcomeOf(answer: Answer<unknown> | { failed: unknown }): Pick<Try, "status" | "reason"> {
  if (!("failed" in answer)) {
    const { status, body } = answer;
    // A proxy that answers for the store does so in plain words.
    const reason = typeof body === "string" ? body.slice(0, 80) : (body as Partial<Problem> | null)?.reason;
    return { status, reason: status < 300 ? undefined : reason };
  }
  const { code, message } = answer.failed as { code?: string; message?: string };
  return { status: 0, reason: code ?? message ?? "no answer" };
}

/** 503 with `partner_unavailable` is the outcome of an order; any other 503 is nobody's. */
function isFinal({ status, body }: Answer<unknown>): boolean {
  if (status === 202 || status === 429) return false;
  return status < 500 || (body as Partial<Problem>).reason === "partner_unavailable";
}
