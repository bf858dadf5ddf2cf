// The variables of notifications beside the base ones: where mails go, who they are from, and what production
// does not allow.
//
// Invariant C1. A problem with MAIL_URL says what is wrong and never repeats the URL: a password may be in it.

import { type BaseConfig, ConfigError, whole } from "@webstore/kit";
import { z } from "zod";

/** Where mails go. */
export type MailTarget =
  | { readonly kind: "console" }
  | { readonly kind: "none" }
  | {
      readonly kind: "smtp";
      readonly host: string;
      readonly port: number;
      /** TLS from the first byte; otherwise STARTTLS when the server has it. */
      readonly secure: boolean;
      /** Not a word is said to a server that does not encrypt. */
      readonly requireTls: boolean;
      readonly login: { readonly user: string; readonly password: string } | undefined;
    };

export type Mailbox = { readonly name: string; readonly address: string };

const portSubmission = 587;
const portSmtps = 465;
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function targetOf(text: string, context: z.RefinementCtx): MailTarget {
  const problem = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  if (text === "console:") return { kind: "console" };
  if (text === "none:") return { kind: "none" };
  if (!/^smtps?:\/\//.test(text) || !URL.canParse(text))
    return problem("must be console:, none:, smtp://[user:password@]host[:port] or smtps://…");
  const url = new URL(text);
  if (url.hostname === "") return problem("names no host");
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "")
    return problem("has more than a user, a password, a host and a port");
  if ((url.username === "") !== (url.password === ""))
    return problem("has a user without a password, or a password without a user");
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === undefined || password === undefined)
    return problem("has a user or a password that is not percent-encoded");
  const secure = url.protocol === "smtps:";
  return {
    kind: "smtp",
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? portSmtps : portSubmission) : Number(url.port),
    secure,
    // A password goes over the network only when nobody can read it there.
    requireTls: !secure && user !== "" && !loopback.test(url.hostname),
    login: user === "" ? undefined : { user, password },
  };
}

function decoded(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}

const mailboxPattern =
  /^(?:([^<>"\p{Cc}]{0,100}?)\s*<([^\s<>@"\p{Cc}]+@[A-Za-z0-9.-]+)>|([^\s<>@"\p{Cc}]+@[A-Za-z0-9.-]+))$/u;

function mailboxOf(text: string, context: z.RefinementCtx): Mailbox {
  const [, name = "", named, bare] = mailboxPattern.exec(text) ?? [];
  const address = named ?? bare;
  if (address !== undefined) return { name, address };
  context.addIssue({ code: "custom", message: "must be an address, or Name <address>" });
  return z.NEVER;
}

export const notificationsConfig = z.object({
  MAIL_URL: z
    .string()
    .max(1_000)
    .default("console:")
    .transform(targetOf)
    .describe(
      "Where mails go: `console:` prints them, `none:` drops them, `smtp://user:password@host:port` or `smtps://…` sends them.",
    ),
  MAIL_FROM: z
    .string()
    .max(320)
    .default("WebStore <orders@webstore.example>")
    .transform(mailboxOf)
    .describe("Who the mails are from."),
  MAIL_LEASE_MS: whole(60_000, 1_000, 600_000).describe(
    "How long a mail is left to the process that took it on; half of it is all that one attempt may take.",
  ),
});
export type NotificationsConfig = z.output<typeof notificationsConfig>;

export function checkProduction(config: Pick<BaseConfig, "PRODUCTION_ENV"> & NotificationsConfig): void {
  if (!config.PRODUCTION_ENV || config.MAIL_URL.kind !== "console") return;
  throw new ConfigError(
    "MAIL_URL must not be console: in production, where customers' mails would be logged",
  );
}
