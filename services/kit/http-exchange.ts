// One HTTP request and its whole answer, over a pool of kept connections.
//
// By undici's own `dispatch`: its `request` makes a stream of every answer, and a signal of its limit, and with both a call
// takes twice the time of the main thread.
//
// Invariants:
//   E1. An exchange takes `timeoutMs` in all, and its answer `answerBytesMax`.
//   E2. A request that is given up before it was written is never written; its error says so (`isNotSent`).

import type { Dispatcher, Pool } from "undici";

export type HttpAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

/** Nothing of the request is in it. */
export class ExchangeFailed extends Error {
  override readonly name = "ExchangeFailed";
  /** ETIMEDOUT, ANSWER_TOO_LARGE, or what the connection says. */
  readonly code: string;
  readonly isNotSent: boolean;

  constructor(code: string, isNotSent: boolean) {
    super(`the request failed: ${code}`);
    this.code = code;
    this.isNotSent = isNotSent;
  }
}

/** The pool is to have no time limits of its own. Throws ExchangeFailed. */
export function exchangeOverHttp(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { timeoutMs, answerBytesMax }: { timeoutMs: number; answerBytesMax: number },
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status = 0;
    let headers: Record<string, string> = {};
    let sending: Dispatcher.DispatchController | undefined;
    let givenUp: ExchangeFailed | undefined;
    const giveUp = (code: string) => {
      givenUp ??= new ExchangeFailed(code, sending === undefined);
      reject(givenUp);
      sending?.abort(givenUp);
    };
    const timer = setTimeout(giveUp, timeoutMs, "ETIMEDOUT");
    pool.dispatch(request, {
      onRequestStart(controller) {
        if (givenUp !== undefined) controller.abort(givenUp);
        else sending = controller;
      },
      onResponseStart(_controller, statusCode, received) {
        status = statusCode;
        headers = received as Record<string, string>;
      },
      onResponseData(_controller, chunk) {
        bytes += chunk.length;
        if (bytes > answerBytesMax) giveUp("ANSWER_TOO_LARGE");
        else chunks.push(chunk);
      },
      onResponseEnd() {
        clearTimeout(timer);
        resolve({ status, headers, text: Buffer.concat(chunks).toString("utf8") });
      },
      onResponseError(_controller, error) {
        clearTimeout(timer);
        reject(givenUp ?? new ExchangeFailed(codeOf(error), sending === undefined));
      },
    });
  });
}

function codeOf({ code }: Error & { code?: unknown }): string {
  return typeof code === "string" ? code : "CONNECTION_FAILED";
}
