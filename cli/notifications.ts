// `webstore notifications`: the mails that customers were sent.

import { randomUUID } from "node:crypto";
import { Argument, type Command, Option } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { limitOption, upTo, uuidOf } from "./options.ts";
import { age, say, sayJson, table } from "./print.ts";

type Notification = {
  readonly notification_id: string;
  readonly kind: string;
  readonly recipient_masked: string | null;
  readonly status: string;
  readonly error_reason: string | null;
  readonly created_at: string;
};

export function addNotifications(program: Command): void {
  const notifications = program.command("notifications").description("mails to customers");
  notifications
    .command("list")
    .description("list mails, the newest first")
    .addOption(new Option("--order <id>", "about this order").argParser(uuidOf))
    .addOption(new Option("--customer <id>", "to this customer").argParser(uuidOf))
    .addOption(new Option("--status <status>", "in this status").choices(["pending", "sent", "failed"]))
    .addOption(limitOption())
    .action(list);
  notifications
    .command("resend")
    .description("send a mail once more, to the customer's address of today")
    .addArgument(new Argument("<id>", "the notification's").argParser(uuidOf))
    .action(resend);
}

async function list(
  is: { order?: string; customer?: string; status?: string; limit: number },
  command: Command,
): Promise<void> {
  const store = await connect(command);
  const { items, more } = await upTo<Notification>(is.limit, async ({ pageSize, pageToken }) => {
    const query = {
      order_id: is.order,
      customer_id: is.customer,
      status: is.status,
      page_size: String(pageSize),
      page_token: pageToken,
    };
    const page = await store.rest<{ notifications: Notification[]; next_page_token: string }>(
      "GET",
      "/notifications",
      { query },
    );
    return { items: page.notifications, next: page.next_page_token };
  });
  if (globalsOf(command).json) {
    sayJson({ notifications: items, more });
    return;
  }
  if (items.length === 0) {
    say("No mail matches.");
    return;
  }
  const nowMs = Date.now();
  const columns = [
    { title: "ID", of: (mail: Notification) => mail.notification_id },
    { title: "AGE", right: true, of: (mail: Notification) => age(Date.parse(mail.created_at), nowMs) },
    { title: "KIND", of: (mail: Notification) => mail.kind },
    { title: "STATUS", of: (mail: Notification) => mail.status },
    { title: "TO", cut: true, of: (mail: Notification) => mail.error_reason ?? mail.recipient_masked ?? "" },
  ] as const;
  say(...table(columns, items));
  if (more) say(`There are more than ${items.length}; --limit shows more of them.`);
}

async function resend(id: string, _is: object, command: Command): Promise<void> {
  const store = await connect(command);
  const headers = { "idempotency-key": randomUUID() };
  const answer = await store.rest<{ notification: Notification }>("POST", `/notifications/${id}/resend`, {
    headers,
  });
  if (globalsOf(command).json) sayJson(answer);
  else say(`It will be sent as ${answer.notification.notification_id}.`);
}
