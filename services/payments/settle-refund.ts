// How a refund comes to be known: it is asked for under its key as long as that lives, and looked up afterwards. Every
// repeat of ProcessRefund goes through here, and so does whoever resolves payments in the background.

import { changePayment } from "./change-payment.ts";
import { derivedId } from "./derived-id.ts";
import { settledByDisputes } from "./dispute.ts";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import type { Returns } from "./provider.ts";
import {
  findRefund,
  type Refund,
  settledByRefunds,
  withRefundPending,
  withRefundRefused,
  withRefundSettled,
} from "./refund.ts";
import { isKeyAlive } from "./settle-payment.ts";

export type SettledRefund = {
  readonly payment: Payment;
  readonly refund: Refund;
  /** Why the provider refused it now; undefined: it did not. */
  readonly refusedFor: string | undefined;
};

/** Asks for a refund that is `asked` or `owed`, or finds out what became of it. */
export async function settleRefund(parts: Parts, payment: Payment, refundId: string): Promise<SettledRefund> {
  const refund = refundOf(payment, refundId);
  if (refund.status !== "asked" && refund.status !== "owed") {
    return { payment, refund, refusedFor: undefined };
  }
  // One that the provider is still at would only be answered again as it was then.
  const isLookedUp = refund.providerReference !== "" || !isKeyAlive(refund.createTimeMs, parts.nowMs());
  if (isLookedUp) return lookUp(parts, payment, refund);
  const outcome = await parts.provider.refund(payment, refund);
  switch (outcome.is) {
    case "done":
    case "pending": {
      const settle = outcome.is === "done" ? withRefundSettled : withRefundPending;
      const after = await changePayment(parts, payment, (current, nowMs) =>
        settle(current, refundId, outcome.reference, nowMs),
      );
      return { payment: after, refund: refundOf(after, refundId), refusedFor: undefined };
    }
    case "unanswered":
      return { payment, refund, refusedFor: undefined };
    case "obscure":
      return lookUp(parts, payment, refund);
    case "refused":
      return refused(parts, payment, refund, outcome.code);
  }
}

/** Takes down what the provider says of all refunds and disputes. */
export async function settleReturns(parts: Parts, payment: Payment): Promise<Payment | undefined> {
  const returns = await parts.provider.returns(payment);
  if (returns.is === "unanswered") return undefined;
  return changePayment(parts, payment, (current, nowMs) => settledByReturns(current, returns, nowMs));
}

export function settledByReturns(
  payment: Payment,
  { refunds, disputes }: Omit<Returns, "is">,
  nowMs: number,
): Payment {
  const idOf = (kind: string) => (reference: string) => derivedId(payment.paymentId, kind, reference);
  const refunded = settledByRefunds(payment, refunds, idOf("refund"), nowMs);
  return settledByDisputes(refunded, disputes, idOf("dispute"), nowMs);
}

async function lookUp(parts: Parts, payment: Payment, refund: Refund): Promise<SettledRefund> {
  const after = await settleReturns(parts, payment);
  if (after === undefined) return { payment, refund, refusedFor: undefined };
  const found = refundOf(after, refund.refundId);
  const isSame = found.attempt === refund.attempt && found.status === refund.status;
  if (found.status === "refused") return { payment: after, refund: found, refusedFor: "not_taken_up" };
  if (!isSame || found.providerReference !== "")
    return { payment: after, refund: found, refusedFor: undefined };
  return refused(parts, after, found, "not_taken_up");
}

/** The amount is free again; a repeat asks under a new key. */
async function refused(
  parts: Parts,
  payment: Payment,
  { refundId, attempt }: Refund,
  code: string,
): Promise<SettledRefund> {
  const after = await changePayment(parts, payment, (current, nowMs) =>
    findRefund(current, refundId)?.attempt === attempt
      ? withRefundRefused(current, refundId, nowMs)
      : current,
  );
  return { payment: after, refund: refundOf(after, refundId), refusedFor: code };
}

export function refundOf(payment: Payment, refundId: string): Refund {
  const refund = findRefund(payment, refundId);
  if (refund === undefined) throw new Error(`payment ${payment.paymentId} lost a refund`);
  return refund;
}
