// One exchange over HTTP, against a server that does what the test says.

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ExchangeFailed, exchangeOverHttp } from "./http-exchange.ts";

const limits = { timeoutMs: 10_000, answerBytesMax: 1_000 };
const request = { method: "POST", path: "/x", body: "asked" } as const;

let server: Server;
let pool: Pool;
let asked: string[];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  asked = [];
  server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    incoming.resume().once("end", () => answer(response));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
});
afterEach(async () => {
  await pool.destroy();
  server.closeAllConnections();
  server.close();
});

const failureOf = (is: Partial<typeof limits> = {}): Promise<ExchangeFailed> =>
  exchangeOverHttp(pool, request, { ...limits, ...is }).then(
    () => expect.unreachable("it was answered"),
    (error: unknown) => {
      if (error instanceof ExchangeFailed) return error;
      throw error;
    },
  );

test("the whole answer is given, in however many pieces it comes", async () => {
  answer = (response) => {
    response.writeHead(418, { "x-kind": "teapot" });
    response.write("Zo");
    response.end(Buffer.from("ë"));
  };
  const given = await exchangeOverHttp(pool, request, limits);
  expect(given).toMatchObject({ status: 418, text: "Zoë", headers: { "x-kind": "teapot" } });
  expect(asked).toEqual(["POST /x"]);
});

test.each([
  ["nothing", () => {}],
  ["half an answer", (response: ServerResponse) => void response.writeHead(200).write("half")],
])("one that is answered with %s ends in time, and may have been done (E1)", async (_, given) => {
  answer = given;
  expect(await failureOf({ timeoutMs: 50 })).toMatchObject({ code: "ETIMEDOUT", isNotSent: false });
});

test("an answer that is too large is not read to its end (E1)", async () => {
  answer = (response) => void response.end("x".repeat(1_001));
  expect(await failureOf()).toMatchObject({ code: "ANSWER_TOO_LARGE", isNotSent: false });
  answer = (response) => void response.end("x".repeat(1_000));
  expect((await exchangeOverHttp(pool, request, limits)).text).toHaveLength(1_000);
});

test("one that waits for a connection until its time is over is never written, and says so (E2)", async () => {
  const { promise: begun, resolve } = Promise.withResolvers<ServerResponse>();
  answer = resolve;
  const first = exchangeOverHttp(pool, request, limits);
  const response = await begun;
  expect(await failureOf({ timeoutMs: 20 })).toMatchObject({ code: "ETIMEDOUT", isNotSent: true });
  answer = (again) => void again.end("second");
  response.end("first");
  expect((await first).text).toBe("first");
  expect((await exchangeOverHttp(pool, request, limits)).text).toBe("second");
  expect(asked).toHaveLength(2);
});

test("a connection that is lost under way may have done it; one that is refused has not", async () => {
  answer = (response) => response.socket?.destroy();
  expect(await failureOf()).toMatchObject({ isNotSent: false });
  await pool.destroy();
  pool = new Pool("http://127.0.0.1:1");
  expect(await failureOf()).toMatchObject({ code: "ECONNREFUSED", isNotSent: true });
});
