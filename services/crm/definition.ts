// What the CRM company offers us. A service that needs it lists it under `partners` and
// gets one typed function an operation.

import { definePartner, operation } from "@webstore/kit";
import { z } from "zod";
import {
  activityAnswer,
  activityFields,
  activityIdShape,
  activityListAnswer,
  customerAnswer,
  customerIdShape,
  pageLimitMax,
  profileBody,
} from "./api.ts";

export const crm = definePartner({
  name: "crm",
  port: 3002,
  operations: {
    /** Replaces the whole profile. */
    putCustomer: operation({
      method: "PUT",
      path: "/v1/customers/{customer_id}",
      repeatable: true,
      request: z.strictObject({ customer_id: customerIdShape, ...profileBody.shape }),
      response: customerAnswer,
      refusals: ["invalid_request"],
    }),
    getCustomer: operation({
      method: "GET",
      path: "/v1/customers/{customer_id}",
      repeatable: true,
      request: z.strictObject({ customer_id: customerIdShape }),
      response: customerAnswer,
      refusals: ["invalid_request", "not_found"],
    }),
    /** The activity id is the caller's: repeating it records nothing more. It also opens the customer. */
    recordActivity: operation({
      method: "POST",
      path: "/v1/customers/{customer_id}/activities",
      repeatable: true,
      request: z.strictObject({ customer_id: customerIdShape, ...activityFields }),
      response: activityAnswer,
      refusals: ["invalid_request", "activity_conflict"],
    }),
    listActivities: operation({
      method: "GET",
      path: "/v1/customers/{customer_id}/activities",
      repeatable: true,
      request: z.strictObject({
        customer_id: customerIdShape,
        limit: z.int().min(1).max(pageLimitMax).optional(),
        after: activityIdShape.optional(),
      }),
      response: activityListAnswer,
      refusals: ["invalid_request", "not_found"],
    }),
  },
});
