// Mails over real SMTP: what arrives, and what is said of what does not.

import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MailTarget } from "./config.ts";
import { smtpTransport } from "./mail-transport.smtp.ts";
import { type Mail, MailNotSent, type MailTransport } from "./mail-transport.ts";
import { type MailServer, openMailServer, type Treatment } from "./testing-mail-server.ts";

const mail = (more: Partial<Mail> = {}): Mail => ({
  messageId: `<${randomUUID()}@shop.example>`,
  from: { name: "WebStore", address: "orders@shop.example" },
  to: "ada.lovelace@example.com",
  subject: "Your order is paid – danke",
  text: "Hello Ada,\n2 × mug: €5\n",
  html: "<p>Hello Ada, 2 × mug: €5</p>",
  date: new Date("2025-11-21T10:00:00Z"),
  ...more,
});
const patient = () => new AbortController().signal;
const target = (port: number, more: object = {}): Extract<MailTarget, { kind: "smtp" }> => ({
  kind: "smtp",
  host: "127.0.0.1",
  port,
  secure: false,
  requireTls: false,
  login: undefined,
  ...more,
});

/** How long a test waits for what comes by itself. */
const soon = { timeout: 10_000 };

let server: MailServer;
let transport: MailTransport;
beforeEach(async () => {
  server = await openMailServer();
  transport = smtpTransport(target(server.port), { connectionsMax: 2 });
});
afterEach(async () => {
  transport.close();
  await server.close();
});

const failureOf = async (sending: Promise<void>): Promise<MailNotSent> => {
  const error = await sending.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MailNotSent);
  return error as MailNotSent;
};

test("a mail arrives as it was, in text and HTML, with our Message-ID", async () => {
  const sent = mail();
  await transport.send(sent, patient());
  expect(server.taken).toHaveLength(1);
  const [{ mail: arrived, to, raw } = { mail: undefined, to: [], raw: "" }] = server.taken;
  expect(arrived).toMatchObject({
    messageId: sent.messageId,
    subject: sent.subject,
    from: sent.from,
    to: [{ address: sent.to }],
    text: expect.stringMatching(/^Hello Ada,\n2 × mug: €5\s*$/),
    date: "2025-11-21T10:00:00.000Z",
  });
  expect(arrived?.html?.trim()).toBe(sent.html);
  expect(to).toEqual([sent.to]);
  expect(raw).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
  expect(raw).not.toMatch(/nodemailer/i);
});

test("a long mail in another script arrives as it was", async () => {
  const text = "これは注文の確認です。\n.\n".repeat(2_000);
  await transport.send(mail({ subject: "ご注文", text, html: `<p>${text}</p>` }), patient());
  const [taken] = server.taken;
  expect(taken?.mail.subject).toBe("ご注文");
  expect(taken?.mail.text?.trim()).toBe(text.trim());
  expect(taken?.mail.html?.trim()).toBe(`<p>${text}</p>`);
});

test("nothing in a header makes another header or another recipient", async () => {
  const evil = "x\r\nBcc: eve@evil.example\r\n\r\nbody";
  await transport.send(
    mail({ subject: evil, from: { name: evil, address: "orders@shop.example" } }),
    patient(),
  );
  const [{ mail: arrived, to } = { mail: undefined, to: [] }] = server.taken;
  expect(to).toEqual(["ada.lovelace@example.com"]);
  expect(arrived?.bcc).toBeUndefined();
  expect(arrived?.headers.map(({ key }) => key)).not.toContain("bcc");
  expect(arrived?.text).toContain("Hello Ada");
});

test("connections are used again", async () => {
  for (let count = 0; count < 10; count += 1) await transport.send(mail(), patient());
  expect(server.taken).toHaveLength(10);
  expect(server.connections()).toBe(1);
});

describe("what is not taken", () => {
  test.each<[Treatment, boolean, string]>([
    ["busy", false, "the mail server answered 450 4.2.1 come back later"],
    ["refuse", true, "the mail server answered 550 5.1.1 <[removed]>: there is no [removed] here"],
    ["rejected", true, "the mail server answered 554 5.7.1 no"],
    ["lose", false, "no connection to the mail server (ECONNECTION)"],
    ["drop", false, "no connection to the mail server (ECONNECTION)"],
  ])("because the server does %s, is final: %s", async (treatment, final, message) => {
    server.next(treatment);
    const failure = await failureOf(transport.send(mail(), patient()));
    expect(failure).toMatchObject({ final, message });
    await transport.send(mail(), patient());
    expect(server.taken).toHaveLength(treatment === "drop" ? 2 : 1);
  });

  test("because the server does not answer, is given up when the caller says so", async () => {
    server.next("hang");
    const giveUp = new AbortController();
    const sending = failureOf(transport.send(mail(), giveUp.signal));
    await expect.poll(() => server.received(), soon).toBe(1);
    giveUp.abort();
    const message = "the mail server did not answer in time";
    expect(await sending).toMatchObject({ final: false, message });
    await transport.send(mail(), patient());
  });

  test("because nobody is there, is not final", async () => {
    const nobody = smtpTransport(target(1), { connectionsMax: 1 });
    const message = "no connection to the mail server (ECONNREFUSED)";
    expect(await failureOf(nobody.send(mail(), patient()))).toMatchObject({ final: false, message });
    nobody.close();
  });

  test.each([
    ["says goodbye at once", "554 5.3.2 not today\r\n", /554 5\.3\.2 not today/],
    ["speaks another language", "HTTP/1.1 400 Bad Request\r\n", /no connection|answered/],
  ])("because the server %s, is not final: that is nothing about the mail", async (_, greeting, message) => {
    const odd = await openOddServer((socket) => socket.end(greeting));
    const towards = smtpTransport(target(odd.port), { connectionsMax: 1 });
    const failure = await failureOf(towards.send(mail(), patient()));
    expect(failure).toMatchObject({ final: false, message: expect.stringMatching(message) });
    towards.close();
    odd.close();
  });

  test("because our login is wrong, is not final, and tells neither user nor password", async () => {
    const login = { user: "shopkeeper", password: "hunter2" };
    const guarded = await openMailServer({ login });
    const wrong = { ...login, password: "hunter3" };
    const towards = smtpTransport(target(guarded.port, { login: wrong }), { connectionsMax: 1 });
    const failure = await failureOf(towards.send(mail(), patient()));
    expect(failure).toMatchObject({ final: false, message: "the mail server does not take our login (535)" });
    towards.close();
    const right = smtpTransport(target(guarded.port, { login }), { connectionsMax: 1 });
    await right.send(mail(), patient());
    expect(guarded.taken).toHaveLength(1);
    right.close();
    await guarded.close();
  });

  test("because the server would not encrypt, is not sent: no login and no mail goes over such a line", async () => {
    const guarded = smtpTransport(target(server.port, { requireTls: true }), { connectionsMax: 1 });
    expect(await failureOf(guarded.send(mail(), patient()))).toMatchObject({ final: false });
    expect(server.received()).toBe(0);
    guarded.close();
  });

  test("has a reason of one short line, whatever the server says", async () => {
    const address = "ada.lovelace@example.com";
    const talk = `550 5.7.1 ${address} ADA.LOVELACE <x@y.example> ${"blah ".repeat(150)}\r\n`;
    const odd = await openOddServer((socket) => {
      socket.write("220 hello\r\n");
      socket.on("data", (data) => {
        const isGreeting = /^(EHLO|HELO)/i.test(data.toString());
        socket.write(isGreeting ? "250 hello\r\n" : talk);
      });
    });
    const towards = smtpTransport(target(odd.port), { connectionsMax: 1 });
    const { final, message } = await failureOf(towards.send(mail({ to: address }), patient()));
    expect(final).toBe(true);
    expect(message).not.toMatch(/ada|lovelace|@/i);
    expect(message.length).toBeLessThanOrEqual(400);
    expect(message).not.toMatch(/\p{Cc}/u);
    towards.close();
    odd.close();
  });
});

async function openOddServer(greet: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const odd = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    greet(socket);
  });
  await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    odd.close();
  };
  return { port: (odd.address() as AddressInfo).port, close };
}
