// The refusal of one field, where a schema cannot say it.

import { Refusal } from "@webstore/kit";
import { refusals } from "./refusals.ts";

export function invalidField(field: string, description: string): Refusal {
  return invalidFields([{ field, description }]);
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
