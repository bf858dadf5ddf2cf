// `webstore audit`: what staff did.

import { toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type AuditEntry, AuditEntrySchema } from "@webstore/proto/es/ops/v1";
import { type Command, Option } from "commander";
import { connect, globalsOf } from "./connection.ts";
import { limitOption, upTo, uuidOf } from "./options.ts";
import { plain, say, sayJson, timeText } from "./print.ts";

export function addAudit(program: Command): void {
  program
    .command("audit")
    .description("what staff asked for, the newest first")
    .addOption(new Option("--actor <id>", "by this user").argParser(uuidOf))
    .option("--subject <id>", "done to this, such as an order's or a saga's id")
    .addOption(limitOption())
    .action(audit);
}

async function audit(
  is: { actor?: string; subject?: string; limit: number },
  command: Command,
): Promise<void> {
  const { ops } = await connect(command);
  const { items, more } = await upTo<AuditEntry>(is.limit, async (page) => {
    const request = { actorId: is.actor ?? "", subject: is.subject ?? "", ...page };
    const { entries, nextPageToken } = await ops.listAuditEntries(request);
    return { items: entries, next: nextPageToken };
  });
  if (globalsOf(command).json) {
    const json = { useProtoFieldName: true, alwaysEmitImplicit: true };
    sayJson({ entries: items.map((entry) => toJson(AuditEntrySchema, entry, json)), more });
    return;
  }
  if (items.length === 0) {
    say("Nothing was done that matches.");
    return;
  }
  // Only here: reading the kit takes longer than most commands.
  const { demoUsers } = await import("@webstore/kit");
  const names = new Map<string, string>(
    Object.values(demoUsers).map(({ userId, username }) => [userId, `${username} (${userId})`]),
  );
  // Three ids do not fit side by side, so each entry has two lines.
  for (const { at, actorId, action, subject, detail } of items) {
    const why = detail.trim() === "" ? "" : `: ${detail.trim()}`;
    say(`${timeText(at && timestampMs(at))}  ${plain(`${action} ${subject}`)}`.trimEnd());
    say(`  by ${plain(`${names.get(actorId) ?? actorId}${why}`)}`);
  }
  if (more) say(`There are more than ${items.length}; --limit shows more of them.`);
}
