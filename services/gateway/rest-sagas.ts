// REST for operators: sagas, and setting a stuck one going again, forwards or back.

import type { Saga, SagaStatus } from "@webstore/proto/ops/v1";
import { z } from "zod";
import type { Ops } from "./ops.ts";
import { present } from "./present.ts";
import { pageOf, pageSize, pageToken, reason, text, timeJson, timeShape, uuid } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const sagaStatuses = ["running", "done", "compensating", "undone", "stuck"] as const;
const journalKinds = [
  "do_started",
  "do_finished",
  "do_failed",
  "undo_started",
  "undo_finished",
  "undo_failed",
] as const;
const idleSecondsMax = 30 * 24 * 3_600;

const sagaShape = z
  .strictObject({
    saga_id: z.string(),
    name: z.string(),
    service: z.string().describe("Which runs it."),
    order_id: z.string(),
    status: z.enum(sagaStatuses),
    step: z.string().nullable().describe("Where it is; null when it has ended."),
    attempts: z.int().describe("How often that step was tried."),
    error_reason: z.string().nullable(),
    lease_until: timeShape.describe("Until when a replica has it in hand; null when none has."),
    created_at: timeShape,
    updated_at: timeShape,
  })
  .meta({ id: "Saga" });

const journalShape = z.array(
  z.strictObject({
    step: z.string(),
    kind: z.enum(journalKinds),
    at: timeShape,
    error_reason: z.string().nullable(),
  }),
);

const sagaParams = z.object({ saga_id: uuid });

export function sagaRoutes(ops: Ops): Route[] {
  return [listRoute(ops), getRoute(ops), ...changeRoutes(ops)];
}

function listRoute(ops: Ops): Route {
  return route("listSagas", {
    tag: "operations",
    summary: "Sagas that match all the filters given, the one that changed last first.",
    query: z.object({
      status: z.enum(sagaStatuses).optional(),
      name: text(100, 0).default(""),
      order_id: uuid.optional(),
      idle_seconds_min: z.coerce
        .number()
        .int()
        .min(0)
        .max(idleSecondsMax)
        .default(0)
        .meta({ description: "Only those that have not changed for so long." }),
      page_size: pageSize,
      page_token: pageToken,
    }),
    answers: { 200: { description: "A page of sagas.", schema: pageOf("sagas", sagaShape) } },
    refusals: [],
    handle: async ({ query }) => {
      const { sagas, nextPageToken } = await ops.listSagas({
        status: `SAGA_STATUS_${(query.status ?? "unspecified").toUpperCase()}` as SagaStatus,
        name: query.name,
        orderId: query.order_id ?? "",
        idleSecondsMin: query.idle_seconds_min,
        pageSize: query.page_size,
        pageToken: query.page_token,
      });
      return { status: 200, body: { sagas: sagas.map(sagaJson), next_page_token: nextPageToken } };
    },
  });
}

function getRoute(ops: Ops): Route {
  return route("getSaga", {
    tag: "operations",
    summary: "One saga with its journal, the oldest line first; at most the last 200.",
    params: sagaParams,
    answers: {
      200: { description: "The saga.", schema: z.strictObject({ saga: sagaShape, journal: journalShape }) },
    },
    refusals: ["saga_not_found"],
    handle: async ({ params }) => {
      const { saga, journal } = await ops.getSaga({ sagaId: params.saga_id });
      const lines = journal.map((line) => ({
        step: line.step,
        kind: line.kind.slice("JOURNAL_KIND_".length).toLowerCase(),
        at: timeJson(line.at),
        error_reason: line.errorReason || null,
      }));
      return { status: 200, body: { saga: sagaJson(present(saga, "saga")), journal: lines } };
    },
  });
}

function changeRoutes(ops: Ops): Route[] {
  const common = {
    tag: "operations",
    params: sagaParams,
    body: z.strictObject({ reason: reason.describe("Why, for the audit log.") }),
    deadlineMs: 7_000,
    answers: {
      200: { description: "The saga as it is now.", schema: z.strictObject({ saga: sagaShape }) },
    },
    refusals: ["saga_not_found", "saga_ended"],
  } as const;
  const answer = ({ saga }: { saga: Saga | undefined }) => ({
    status: 200,
    body: { saga: sagaJson(present(saga, "saga")) },
  });
  return [
    route("retrySaga", {
      ...common,
      summary: "Let a stuck saga go on now, with all its attempts.",
      handle: async ({ params, body }) =>
        answer(await ops.retrySaga({ sagaId: params.saga_id, reason: body.reason })),
    }),
    route("compensateSaga", {
      ...common,
      summary: "Make a saga undo what it did.",
      handle: async ({ params, body }) =>
        answer(await ops.compensateSaga({ sagaId: params.saga_id, reason: body.reason })),
    }),
  ];
}

function sagaJson(saga: Saga): z.input<typeof sagaShape> {
  return {
    saga_id: saga.sagaId,
    name: saga.name,
    service: saga.service,
    order_id: saga.orderId,
    status: saga.status.slice("SAGA_STATUS_".length).toLowerCase() as (typeof sagaStatuses)[number],
    step: saga.step || null,
    attempts: saga.attempts,
    error_reason: saga.errorReason || null,
    lease_until: timeJson(saga.leaseUntil),
    created_at: timeJson(saga.createTime),
    updated_at: timeJson(saga.updateTime),
  };
}
