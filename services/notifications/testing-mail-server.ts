// A mail server for tests, real SMTP on a port of its own. It keeps what it takes, and treats the next mails as it is
// told to.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerSession } from "smtp-server";

/** What becomes of a mail:
 *  busy     its recipient is put off (450)
 *  refuse   its recipient is refused (550), in words that name the address
 *  rejected it is refused when it is all there (554)
 *  hang     it is all there, and nothing is answered
 *  lose     it is all there, and the connection is cut: the server has not taken it
 *  drop     it is all there and is taken, and the connection is cut before the answer */
export type Treatment = "take" | "busy" | "refuse" | "rejected" | "hang" | "lose" | "drop";

export type TakenMail = { readonly raw: string; readonly to: readonly string[]; readonly mail: Email };

export type MailServer = {
  readonly port: number;
  readonly url: string;
  /** In the order in which they were taken. */
  readonly taken: readonly TakenMail[];
  /** How many mails came all the way to their last byte. */
  received(): number;
  /** How many connections were made. */
  connections(): number;
  /** For the next mails, one each; then they are taken again. */
  next(...treatments: Treatment[]): void;
  /** Lets go of those that hang: their connections are cut. */
  letGo(): void;
  close(): Promise<void>;
};

/** `recipient`: the server knows for whom a mail will be. `complete`: it has all of it, and has not answered. */
export type Moment = "recipient" | "complete";

/** `login`: who may send; without it everybody. The server goes on when `at` has resolved. */
export async function openMailServer(
  is: { login?: { user: string; password: string }; at?: (moment: Moment) => Promise<void> } = {},
): Promise<MailServer> {
  const taken: TakenMail[] = [];
  const treatments: Treatment[] = [];
  const bySession = new Map<string, Treatment>();
  let received = 0;
  let connections = 0;
  const hanging: (() => void)[] = [];

  const finish = async (session: SMTPServerSession, raw: string, done: (error?: Error) => void) => {
    received += 1;
    const treatment = bySession.get(session.id) ?? "take";
    await is.at?.("complete");
    if (treatment === "rejected") return done(reply(554, "5.7.1 no"));
    if (treatment === "take" || treatment === "drop") {
      const to = session.envelope.rcptTo.map(({ address }) => address);
      taken.push({ raw, to, mail: await PostalMime.parse(raw) });
    }
    if (treatment === "take") return done();
    if (treatment === "hang") return void hanging.push(() => cut(session));
    cut(session);
  };
  const cut = (session: SMTPServerSession) => {
    for (const connection of server.connections)
      if (connection.id === session.id) connection._socket.destroy();
  };

  const server = new SMTPServer({
    authOptional: is.login === undefined,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    closeTimeout: 100,
    onConnect(_session, done) {
      connections += 1;
      done();
    },
    onAuth: ({ username, password }, _session, done) =>
      username === is.login?.user && password === is.login?.password
        ? done(null, { user: username })
        : done(reply(535, `5.7.8 ${username} with ${password} is not welcome`)),
    onRcptTo({ address }, session, done) {
      const treatment = treatments.shift() ?? "take";
      bySession.set(session.id, treatment);
      if (treatment === "busy") return done(reply(450, "4.2.1 come back later"));
      if (treatment === "refuse") return done(reply(550, `5.1.1 <${address}>: there is no ${address} here`));
      (is.at?.("recipient") ?? Promise.resolve()).then(() => done(), done);
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => void finish(session, Buffer.concat(parts).toString("utf8"), done));
    },
  });
  // Clients that are killed in the middle are what these tests are about.
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  const letGo = () => {
    for (const release of hanging.splice(0)) release();
  };
  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    taken,
    received: () => received,
    connections: () => connections,
    next: (...more) => void treatments.push(...more),
    letGo,
    async close() {
      letGo();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function reply(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}
