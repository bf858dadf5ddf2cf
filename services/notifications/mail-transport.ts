// How a mail leaves. Every implementation promises:
//   T1. `send` resolves when somebody else has taken the mail over, and not before.
//   T2. It is one attempt: nothing is repeated inside.
//   T3. What it throws is MailNotSent, whose message names no address, no password and nothing of the mail.

import type { Mailbox } from "./config.ts";

export type Mail = {
  readonly messageId: string;
  readonly from: Mailbox;
  /** One address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly date: Date;
};

export type MailTransport = {
  /** Gives up at once when `signal` aborts. */
  send(mail: Mail, signal: AbortSignal): Promise<void>;
  /** Ends what is under way. */
  close(): void;
};

export class MailNotSent extends Error {
  override readonly name = "MailNotSent";
  /** Trying again would give the same. */
  readonly final: boolean;
  constructor(message: string, is: { final: boolean }) {
    super(message);
    this.final = is.final;
  }
}
