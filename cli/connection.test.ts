// The way to the store: a store that is not there, something else in its place, and who is let in.

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { fails, identityUrl, useCli, webstore } from "./testing-cli.ts";

useCli();

/** A place where nobody listens any more. */
async function deserted(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

test("a store that is not there is said so, with what to do", async () => {
  const url = await deserted();
  const words = `unreachable: there is no store at ${url}; start one with \`npm start\``;
  await fails(`dlq list --url ${url}`, 1, words);
  await fails(`ledger balances --url ${url}`, 1, words);
  const identity = identityUrl();
  for (const command of ["ledger balances", "dlq list"]) {
    await fails(`${command} --url ${identity}`, 1, `no_store: what answers at ${identity} is no WebStore`);
  }
});

const strangers: [string, (socket: Socket) => void][] = [
  ["an empty JSON", (socket) => socket.end(answerOf("200 OK", "application/json", "{}"))],
  ["an empty message", (socket) => socket.end(answerOf("200 OK", "application/proto", ""))],
  ["a page", (socket) => socket.end(answerOf("200 OK", "text/html", "<p>Hello"))],
  [
    "a failure of its own",
    (socket) => socket.end(answerOf("500 Oh", "application/json", '{"code":"internal"}')),
  ],
  ["another protocol", (socket) => socket.end("SSH-2.0-OpenSSH\r\n")],
];
const answerOf = (status: string, type: string, body: string) =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;

test.each(strangers)("who answers with %s is no store", async (_, answer) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => answer(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    for (const command of ["dlq list", "ledger balances"]) {
      await fails(`${command} --url ${url}`, 1, `webstore: no_store: what answers at ${url} is no WebStore`);
    }
  } finally {
    server.close();
  }
});

test("a store on this machine is spoken to as the demo's admin, without a token", async () => {
  const { status, out } = await webstore("sagas list", { env: { WEBSTORE_TOKEN: "" } });
  expect([status, out]).toEqual([0, expect.stringMatching("place-order")]);
  await fails("sagas list --url https://store.example", 2, "a store on another machine needs a token", {
    env: { WEBSTORE_TOKEN: "" },
  });
});

test("only staff get anything; a token that is none is not repeated", async () => {
  const needsAdmin = /permission_denied: .* This needs the role admin; /;
  await fails("dlq list --token user-token-123", 1, needsAdmin);
  await fails("ledger balances", 1, needsAdmin, { env: { WEBSTORE_TOKEN: "user-token-123" } });
  await fails("dlq list --token stale", 1, /unauthenticated: .* Get one with `webstore login`\./);
  const { err } = await fails("dlq list", 2, "the token is not one", { env: { WEBSTORE_TOKEN: "se\ncret" } });
  expect(err).not.toMatch(/cret/);
});

test("a login prints a token and nothing else, which then opens the desk", async () => {
  const { status, out, err } = await webstore("login grace", { stdin: "webstore-demo\n" });
  expect([status, err]).toEqual([0, ""]);
  expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const listed = await webstore("sagas list", { env: { WEBSTORE_TOKEN: out.trim() } });
  expect(listed.status).toBe(0);
  await fails("login grace", 1, "invalid_credentials", { stdin: "wrong\n" });
  await fails("login grace", 2, "there is no password", { stdin: "" });
});
