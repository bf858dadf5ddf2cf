// The CRM API, operation by operation: request → store → answer.

import { type Answer, type Route, refusal, route } from "@webstore/simulator";
import { z } from "zod";
import { activityBody, customerIdShape, listQuery, profileBody } from "./api.ts";
import type { CrmStore, RecordOutcome } from "./crm-store.ts";

const customerParameters = z.strictObject({ customer_id: customerIdShape });
const customerPath = "/v1/customers/{customer_id}";
const activitiesPath = "/v1/customers/{customer_id}/activities";

const noCustomer = refusal(404, "not_found", "There is no such customer.");
const noActivity = refusal(400, "invalid_request", "query.after: the customer has no such activity");

export function crmRoutes(store: CrmStore): readonly Route[] {
  return [
    route({
      method: "PUT",
      path: customerPath,
      parameters: customerParameters,
      body: profileBody,
      handle({ parameters, body }) {
        const { created, customer } = store.putCustomer(parameters.customer_id, body);
        return { status: created ? 201 : 200, body: customer };
      },
    }),
    route({
      method: "GET",
      path: customerPath,
      parameters: customerParameters,
      handle({ parameters }) {
        const customer = store.findCustomer(parameters.customer_id);
        return customer === undefined ? noCustomer : { status: 200, body: customer };
      },
    }),
    route({
      method: "POST",
      path: activitiesPath,
      parameters: customerParameters,
      body: activityBody,
      handle: ({ parameters, body }) => recordAnswer(store.recordActivity(parameters.customer_id, body)),
    }),
    route({
      method: "GET",
      path: activitiesPath,
      parameters: customerParameters,
      query: listQuery,
      handle({ parameters: { customer_id }, query: { limit, after } }) {
        if (store.findCustomer(customer_id) === undefined) return noCustomer;
        const found = store.listActivities(customer_id, { limit: limit + 1, after });
        if (found === undefined) return noActivity;
        const activities = found.slice(0, limit);
        const nextAfter = found.length > limit ? activities.at(-1)?.activity_id : undefined;
        return { status: 200, body: { activities, next_after: nextAfter ?? "" } };
      },
    }),
  ];
}

function recordAnswer(result: RecordOutcome): Answer {
  switch (result.outcome) {
    case "recorded":
      return { status: 201, body: result.activity };
    case "repeated":
      return { status: 200, body: result.activity };
    case "activity_conflict":
      return refusal(409, "activity_conflict", "This activity id was used for another activity.");
  }
}
