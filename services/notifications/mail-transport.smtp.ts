// Mails by SMTP, over connections that are kept for the next mail.
//
// Invariants:
//   S1. An attempt is bounded: the connection, the greeting, each silence, and by the caller's signal the whole.
//   S2. What the server answers is input. Of it a reason keeps one line, without addresses and without our login.

import { Transform } from "node:stream";
import { createTransport } from "nodemailer";
import type { MailTarget } from "./config.ts";
import { type Mail, MailNotSent, type MailTransport } from "./mail-transport.ts";

const connectTimeoutMs = 10_000;
const greetingTimeoutMs = 10_000;
const silenceTimeoutMs = 20_000;
const nameLookupTimeoutMs = 5_000;
const mailsAConnectionMax = 100;

type SmtpTarget = Extract<MailTarget, { kind: "smtp" }>;

export function smtpTransport(target: SmtpTarget, is: { connectionsMax: number }): MailTransport {
  const { host, port, secure, requireTls, login } = target;
  const transport = createTransport({
    pool: true,
    host,
    port,
    secure,
    requireTLS: requireTls,
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
    maxConnections: is.connectionsMax,
    maxMessages: mailsAConnectionMax,
    // Whoever asked for this attempt decides about the next.
    maxRequeues: 0,
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: greetingTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    dnsTimeout: nameLookupTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.use("stream", (mail, done) => {
    mail.message.transform(inOnePiece);
    done();
  });
  return {
    async send(mail, signal) {
      try {
        await transport.sendMail({ ...messageOf(mail), signal });
      } catch (error) {
        throw notSent(error, mail.to, login);
      }
    },
    close: () => transport.close({ force: true }),
  };
}

/** A mail is made in a dozen pieces, each of which would be a write of its own. */
function inOnePiece(): Transform {
  const pieces: Buffer[] = [];
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
    flush: (done) => done(null, Buffer.concat(pieces)),
  });
}

function messageOf({ messageId, from, to, subject, text, html, date }: Mail) {
  return {
    messageId,
    date,
    from,
    // As an object: a text would be parsed, and might turn out to be several addresses.
    to: { name: "", address: to },
    envelope: { from: from.address, to: [to] },
    subject,
    text,
    html,
    // Otherwise it counts the letters of each text to decide, and decides the same.
    textEncoding: "quoted-printable" as const,
    headers: { "Auto-Submitted": "auto-generated" },
    xMailer: false as const,
  };
}

/** What nodemailer puts on its errors. */
type SmtpError = {
  readonly code?: string;
  readonly message?: string;
  readonly response?: string;
  readonly responseCode?: number;
  readonly permanent?: boolean;
};

function notSent(error: unknown, address: string, login: SmtpTarget["login"]): MailNotSent {
  const { code = "", message = "", response, responseCode, permanent } = error as SmtpError;
  // Our own login, and the connection as a whole, are mended without the mail; only a word on the mail itself is final.
  const final = permanent === true && (code === "EENVELOPE" || code === "EMESSAGE");
  if (code === "EAUTH") {
    return new MailNotSent(`the mail server does not take our login (${responseCode ?? "no answer"})`, {
      final,
    });
  }
  if (response !== undefined && responseCode !== undefined) {
    return new MailNotSent(`the mail server answered ${withoutSecrets(response, address, login)}`, { final });
  }
  if (code === "ETIMEDOUT" || code === "EABORT") {
    return new MailNotSent("the mail server did not answer in time", { final });
  }
  const [system = code] = /\bE[A-Z]{4,}\b/.exec(message) ?? [];
  return new MailNotSent(`no connection to the mail server (${system || "lost"})`, { final });
}

const replyLengthMax = 300;
const hidden = "[removed]";

function withoutSecrets(reply: string, address: string, login: SmtpTarget["login"]): string {
  const secrets = [address, address.slice(0, address.lastIndexOf("@")), login?.user, login?.password];
  const encoded = secrets.map((each) => each && Buffer.from(each).toString("base64"));
  let clean = reply.slice(0, 4 * replyLengthMax).replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
  for (const secret of [...secrets, ...encoded]) {
    // Shorter ones are in half of all words, and tell nothing.
    if (secret && secret.length > 2) clean = clean.replace(new RegExp(RegExp.escape(secret), "gi"), hidden);
  }
  return clean
    .replace(/[^\s<>"',;:()]+@[^\s<>"',;:()]+/g, hidden)
    .slice(0, replyLengthMax)
    .toWellFormed()
    .trim();
}
