// One payment, as the store knows it. What the store does not keep, the secret with which a shopper
// confirms, is asked from the provider when it is needed, and never given to staff.

import type { Principal } from "@webstore/kit";
import { findPayment } from "./change-payment.ts";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import type { Which } from "./payment-store.ts";

export async function getPayment(
  parts: Parts,
  principal: Principal,
  which: Which,
): Promise<{ payment: Payment; clientSecret: string }> {
  const payment = await findPayment(parts, which);
  const isStaff = principal.kind === "user" && principal.role === "admin";
  if (payment.status !== "requires_action" || isStaff) return { payment, clientSecret: "" };
  const seen = await parts.provider.retrieve(payment);
  return { payment, clientSecret: seen.is === "done" ? seen.intent.clientSecret : "" };
}
