// REST for operators: the messages that were given up, and sending them on their way again.

import type { DeadLetter, DeadLetterFilter, DeadLetterStatus } from "@webstore/proto/ops/v1";
import { z } from "zod";
import type { Ops } from "./ops.ts";
import { present } from "./present.ts";
import {
  pageOf,
  pageSize,
  pageToken,
  reasonOrNone,
  text,
  time,
  timeJson,
  timeShape,
  uuid,
} from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const letterStatuses = ["dead", "scheduled", "redriven"] as const;

const letterShape = z
  .strictObject({
    dead_letter_id: z.string(),
    source_topic: z.string(),
    source_partition: z.int(),
    source_offset: z.string().describe("A whole number, too large for some clients."),
    event_name: z.string().nullable().describe("Null when the message is no event."),
    key_text: z.string().nullable().describe("The message's key, most often the order's id."),
    correlation_id: z.string().nullable(),
    consumer_group: z.string().nullable().meta({ description: "Who gave it up, and gets it again." }),
    error_reason: z.string(),
    attempts: z.int(),
    redrives: z.int().describe("How often it was redriven before it came back here."),
    status: z.enum(letterStatuses),
    created_at: timeShape,
  })
  .meta({ id: "DeadLetter" });

const filterFields = {
  source_topic: text(100, 0).default(""),
  event_name: text(100, 0).default(""),
  error_contains: text(100, 0).default("").meta({ description: "In the reason." }),
  status: z.enum(letterStatuses).optional(),
  since: time.optional().meta({ description: "Came at or after this." }),
  before: time.optional().meta({ description: "Came before this." }),
};
const givenFilter = z.strictObject({
  dead_letter_ids: z.array(uuid).max(100).default([]),
  ...filterFields,
});

export function deadLetterRoutes(ops: Ops): Route[] {
  return [listRoute(ops), getRoute(ops), redriveRoute(ops)];
}

function listRoute(ops: Ops): Route {
  return route("listDeadLetters", {
    tag: "operations",
    summary: "Dead letters that match all the filters given, the newest first, without their content.",
    query: z.object({ ...filterFields, page_size: pageSize, page_token: pageToken }),
    answers: { 200: { description: "A page of them.", schema: pageOf("dead_letters", letterShape) } },
    refusals: [],
    handle: async ({ query }) => {
      const { deadLetters, nextPageToken } = await ops.listDeadLetters({
        filter: filterOf({ ...query, dead_letter_ids: [] }),
        pageSize: query.page_size,
        pageToken: query.page_token,
      });
      return {
        status: 200,
        body: { dead_letters: deadLetters.map(letterJson), next_page_token: nextPageToken },
      };
    },
  });
}

function getRoute(ops: Ops): Route {
  return route("getDeadLetter", {
    tag: "operations",
    summary: "One dead letter with its content.",
    params: z.object({ dead_letter_id: uuid }),
    answers: {
      200: {
        description: "The dead letter.",
        schema: z.strictObject({
          dead_letter: letterShape,
          key_base64: z.string(),
          value_base64: z.string().describe("The message byte for byte."),
          value_text: z.string().nullable().describe("The same as text; null when it is none."),
        }),
      },
    },
    refusals: ["dead_letter_not_found"],
    handle: async ({ params }) => {
      const { deadLetter, key, value } = await ops.getDeadLetter({ deadLetterId: params.dead_letter_id });
      const body = {
        dead_letter: letterJson(present(deadLetter, "dead letter")),
        key_base64: Buffer.from(key).toString("base64"),
        value_base64: Buffer.from(value).toString("base64"),
        value_text: textOf(value),
      };
      // It is somebody's order.
      return { status: 200, headers: { "cache-control": "no-store" }, body };
    },
  });
}

function redriveRoute(ops: Ops): Route {
  return route("redriveDeadLetters", {
    tag: "operations",
    summary:
      "Publish the dead letters that match again, the oldest first, at a rate. None goes round for ever.",
    body: z.strictObject({
      filter: givenFilter.describe("It must name ids, a topic or an event."),
      dry_run: z.boolean().default(false).describe("Only count."),
      rate_per_second: z.int().min(1).max(100).default(10),
      letters_max: z.int().min(1).max(1_000).default(100),
      reason: reasonOrNone.describe("Why, for the audit log."),
    }),
    deadlineMs: 12_000,
    answers: {
      200: {
        description: "How many match, how many go, and how many do not because they came back too often.",
        schema: z.strictObject({ matched: z.int(), scheduled: z.int(), looping: z.int() }),
      },
    },
    refusals: [],
    handle: async ({ body }) => {
      const { matched, scheduled, looping } = await ops.redriveDeadLetters({
        filter: filterOf(body.filter),
        dryRun: body.dry_run,
        ratePerSecond: body.rate_per_second,
        lettersMax: body.letters_max,
        reason: body.reason,
      });
      return { status: 200, body: { matched, scheduled, looping } };
    },
  });
}

function filterOf(given: z.output<typeof givenFilter>): DeadLetterFilter {
  return {
    deadLetterIds: given.dead_letter_ids,
    sourceTopic: given.source_topic,
    eventName: given.event_name,
    errorContains: given.error_contains,
    status: `DEAD_LETTER_STATUS_${(given.status ?? "unspecified").toUpperCase()}` as DeadLetterStatus,
    createdSince: given.since,
    createdBefore: given.before,
  };
}

function letterJson(letter: DeadLetter): z.input<typeof letterShape> {
  return {
    dead_letter_id: letter.deadLetterId,
    source_topic: letter.sourceTopic,
    source_partition: letter.sourcePartition,
    source_offset: letter.sourceOffset.toString(),
    event_name: letter.eventName || null,
    key_text: letter.keyText || null,
    correlation_id: letter.correlationId || null,
    consumer_group: letter.consumerGroup || null,
    error_reason: letter.errorReason,
    attempts: letter.attempts,
    redrives: letter.redrives,
    status: letter.status
      .slice("DEAD_LETTER_STATUS_".length)
      .toLowerCase() as (typeof letterStatuses)[number],
    created_at: timeJson(letter.createTime),
  };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
