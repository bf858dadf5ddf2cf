// How requests of the `stripe` client reach the provider: over a bounded pool of kept connections.
//
// It is our own, because the client's are either dear or generous. Measured for a create and a capture against the
// simulator, in µs of CPU a call: 140 with this, 180 with node:http, 400 with fetch. And theirs limit
// neither the time of a whole answer nor its size.
//
// Invariants:
//   H1. At most `inHandMax` are in hand. Each is bounded in time and size, and says whether it was sent (E1 and E2 in the
//       kit's http-exchange.ts).

import { ExchangeFailed, exchangeOverHttp, type HttpAnswer } from "@webstore/kit";
import { Pool } from "undici";

type Method = "GET" | "POST" | "DELETE";
type Headers = Record<string, string | string[] | number>;

/** What the `stripe` client asks of its transport. */
export type ProviderHttp = {
  getClientName(): string;
  makeRequest(
    host: string,
    port: string,
    path: string,
    method: string,
    headers: object,
    requestData: string,
    protocol: string,
    timeoutMs: number,
  ): Promise<Answer>;
  close(): Promise<void>;
};

type Answer = {
  getStatusCode(): number;
  getHeaders(): Record<string, string>;
  getRawResponse(): object;
  toStream(): never;
  toJSON(): Promise<unknown>;
};

const connectionsMax = 32;
const inHandMax = 500;
const answerBytesMax = 4 * 1024 * 1024;

/** Whether an error, or what it wraps, says that nothing was sent. */
export function isNotSent(error: unknown): boolean {
  return error instanceof ExchangeFailed && error.isNotSent;
}

export function openProviderHttp(origin: string): ProviderHttp {
  const pool = new Pool(origin, {
    connections: connectionsMax,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  let inHand = 0;
  return {
    getClientName: () => "undici",
    async makeRequest(_host, _port, path, method, headers, body, _protocol, timeoutMs) {
      if (inHand >= inHandMax) throw new ExchangeFailed("TOO_MANY_REQUESTS", true);
      inHand += 1;
      try {
        const request = { path, method: method as Method, headers: headers as Headers, body: body || null };
        return answerOf(await exchangeOverHttp(pool, request, { timeoutMs, answerBytesMax }));
      } catch (error) {
        throw failureOf(error);
      } finally {
        inHand -= 1;
      }
    },
    close: () => pool.destroy(),
  };
}

/** None that makes the client try again by itself. */
function failureOf(error: unknown): unknown {
  if (!(error instanceof ExchangeFailed)) return error;
  const isLost = error.code === "ECONNRESET" || error.code === "EPIPE";
  return isLost ? new ExchangeFailed("CONNECTION_LOST", error.isNotSent) : error;
}

function answerOf({ status, headers, text }: HttpAnswer): Answer {
  return {
    getStatusCode: () => status,
    getHeaders: () => headers,
    getRawResponse: () => ({}),
    toStream: () => {
      throw new Error("answers are not streamed");
    },
    toJSON: async () => JSON.parse(text) as unknown,
  };
}
