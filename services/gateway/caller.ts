// Who asks, for the use cases that must name them.

import { currentContext, kitRefusals } from "@webstore/kit";

/** The user's id, a UUID. Only for RPCs and routes that admit nobody without one. */
export function callerId(): string {
  const { principal } = currentContext();
  if (principal.kind !== "user") throw kitRefusals.refuse("unauthenticated");
  return principal.userId;
}
