// The id of an order is computed, so that whoever computes it again has the same one.

import { uuidOf } from "@webstore/kit";

/** The caller's idempotency key is the order's identity; two customers who chose the same key have two orders. */
export function orderIdOf(customerId: string, idempotencyKey: string): string {
  return uuidOf("order", customerId, idempotencyKey);
}
