// The kit's own refusal of a request that is not valid, for what the contract's rules cannot say.

import { Refusal } from "@webstore/kit";

export function invalidRequest(field: string, description: string): Refusal {
  return new Refusal({
    service: "kit",
    reason: "invalid_request",
    code: "INVALID_ARGUMENT",
    message: `The request is not valid: ${field} ${description}.`,
    violations: [{ field, description }],
  });
}
