// Capture a payment: take the money that is held.
//
// Its key was stored when the payment was authorized, so that only the outcome has to be committed. Whether it is
// captured, voided or neither is decided by the provider alone, however many ask at once.

import { findPayment, withPayment } from "./change-payment.ts";
import type { Parts } from "./parts.ts";
import { isTaken, type Payment } from "./payment.ts";
import type { Which } from "./payment-store.ts";
import { refusals } from "./refusals.ts";
import { leaveUnknown, lookUpRefused, settle, settleUnknown } from "./settle-payment.ts";

export function capturePayment(parts: Parts, which: Which): Promise<Payment> {
  // Mostly the authorization was here, a moment ago; its outcome need not be read again (recent-payments.ts, M1).
  const orderId = "orderId" in which ? which.orderId : undefined;
  if (orderId === undefined) return withPayment(parts, which, (found) => captureFound(parts, found));
  return parts.inTurn(orderId, async () =>
    captureFound(parts, parts.recent.takeAuthorized(orderId) ?? (await findPayment(parts, which))),
  );
}

async function captureFound(parts: Parts, found: Payment): Promise<Payment> {
  // An unanswered capture is made again under its key; what else is unknown is asked for first.
  const payment = found.asked === "capture" ? found : await settleUnknown(parts, found);
  if (isTaken(payment)) return payment;
  const isUnclear = payment.status === "unknown" && payment.asked !== "capture";
  if (payment.voidWanted) throw refusals.refuse("payment_not_capturable");
  if (isUnclear) return payment;
  if (payment.status !== "authorized" && payment.status !== "unknown") {
    throw refusals.refuse("payment_not_capturable");
  }
  const after = await capture(parts, payment);
  if (isTaken(after) || after.status === "unknown") return after;
  throw refusals.refuse("payment_not_capturable");
}

async function capture(parts: Parts, payment: Payment): Promise<Payment> {
  const outcome = await parts.provider.capture(payment);
  if (outcome.is === "done") return settle(parts, payment, outcome.intent);
  if (outcome.is === "unanswered") return leaveUnknown(parts, payment, "capture");
  return lookUpRefused(parts, payment, "capture");
}
