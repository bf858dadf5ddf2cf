// REST for operators: what staff did.

import { z } from "zod";
import type { Ops } from "./ops.ts";
import { pageOf, pageSize, pageToken, text, timeJson, timeShape, uuid } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const entryShape = z
  .strictObject({
    audit_entry_id: z.string(),
    actor_id: z.string().describe("Who."),
    action: z.string().describe("What, such as `RetrySaga`."),
    subject: z.string().nullable().describe("The id of what it was done to."),
    detail: z.string().nullable(),
    at: timeShape,
  })
  .meta({ id: "AuditEntry" });

export function auditRoutes(ops: Ops): Route[] {
  return [
    route("listAuditEntries", {
      tag: "operations",
      summary: "What staff asked for, the newest first.",
      query: z.object({
        actor_id: uuid.optional(),
        subject: text(100, 0).default("").meta({ description: "The id of what it was done to." }),
        page_size: pageSize,
        page_token: pageToken,
      }),
      answers: { 200: { description: "A page of entries.", schema: pageOf("entries", entryShape) } },
      refusals: [],
      handle: async ({ query }) => {
        const { entries, nextPageToken } = await ops.listAuditEntries({
          actorId: query.actor_id ?? "",
          subject: query.subject,
          pageSize: query.page_size,
          pageToken: query.page_token,
        });
        const items = entries.map((entry) => ({
          audit_entry_id: entry.auditEntryId,
          actor_id: entry.actorId,
          action: entry.action,
          subject: entry.subject || null,
          detail: entry.detail || null,
          at: timeJson(entry.at),
        }));
        return { status: 200, body: { entries: items, next_page_token: nextPageToken } };
      },
    }),
  ];
}
