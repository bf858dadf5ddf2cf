// A real SMTP server that keeps what it is sent, as the customers' mailboxes would.
//
// Invariant M1. A mail is known by its Message-ID. A mailbox shows one that came twice once, and so does this.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";

export type Mail = {
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** How often it came. */
  readonly times: number;
};

export type MailServer = {
  readonly url: string;
  mails(): readonly Mail[];
  /** Everything that came, as it came. */
  raw(): string;
  close(): Promise<void>;
};

const messageBytesMax = 1_000_000;

/** With `keep` false it takes mails and forgets them: reading them would cost what the bench measures. */
export async function openMailServer({ keep = true } = {}): Promise<MailServer> {
  const byId = new Map<string, Mail>();
  const raw: string[] = [];

  async function take(text: string, to: string): Promise<void> {
    raw.push(text);
    const { messageId = "", subject = "", text: plain = "", html = "" } = await PostalMime.parse(text);
    const times = (byId.get(messageId)?.times ?? 0) + 1;
    byId.set(messageId, { messageId, to, subject, text: plain, html, times });
  }

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    size: messageBytesMax,
    onData(stream, session, done) {
      if (!keep) {
        stream.resume().once("end", () => done());
        return;
      }
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        const to = session.envelope.rcptTo.map(({ address }) => address).join(",");
        take(Buffer.concat(parts).toString("utf8"), to).then(() => done(), done);
      });
    },
  });
  // A store that is killed in the middle of a mail is not this server's problem.
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails: () => [...byId.values()],
    raw: () => raw.join("\n"),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
