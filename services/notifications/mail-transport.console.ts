// Mails for a developer: printed, each as one block, the address masked.

import type { MailTransport } from "./mail-transport.ts";
import { masked } from "./notification.ts";

const rule = "─".repeat(72);

/** `write` gets each mail whole, so that mails do not mix. */
export function consoleTransport(write: (text: string) => void): MailTransport {
  return {
    async send({ from, to, subject, text }) {
      const head = [`From: ${from.name || from.address}`, `To: ${masked(to)}`, `Subject: ${subject}`];
      write(`${[rule, ...head, "", text.trimEnd(), rule].join("\n")}\n`);
    },
    close: () => {},
  };
}
