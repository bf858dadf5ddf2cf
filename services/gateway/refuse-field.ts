// The refusal of one field, where a schema cannot say it.

import { Refusal } from "@webstore/kit";
import { refusals } from "./refusals.ts";

export function invalidField(field: string, description: string): Refusal {
  return invalidFields([{ field, description }]);
}

/** Where a service says only that the request is wrong: what is left to be wrong is the token, for the rest is checked here. */
export function namingPageToken<T>(pageToken: string, answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    const isUnnamed =
      error instanceof Refusal && error.reason === "invalid_request" && error.violations.length === 0;
    throw isUnnamed && pageToken !== "" ? invalidField("page_token", "is not one of ours") : error;
  });
}

export function invalidFields(violations: Refusal["violations"]): Refusal {
  const { code, caller } = refusals.entries.invalid_request;
  return new Refusal({
    service: refusals.service,
    reason: "invalid_request",
    code,
    message: caller,
    violations,
  });
}
