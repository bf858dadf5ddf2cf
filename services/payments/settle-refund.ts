// How a refund comes to be known: it is asked for under its key as long as that lives, and looked up afterwards. Every
// repeat of ProcessRefund goes through here, and so does whoever resolves payments in the background.

import { uuidOf } from "@webstore/kit";
import { changePayment } from "./change-payment.ts";
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

const notTakenUp = "not_taken_up";

/** What the provider refuses for good. Everything else, such as an empty account of ours, may be better later. */
export const finalRefusals: ReadonlyMap<string, "payment_not_refundable" | "refund_exceeds_captured"> =
  new Map([
    ["charge_already_refunded", "payment_not_refundable"],
    ["charge_disputed", "payment_not_refundable"],
    ["amount_too_large", "refund_exceeds_captured"],
  ]);

/**
 * Asks for a refund that is `asked` or `owed`, or finds out what became of it. `isTold`: who asked for this attempt hears
 * how it ends, and nobody was answered before.
 */
export async function settleRefund(
  parts: Parts,
  payment: Payment,
  refundId: string,
  is: { isTold: boolean },
): Promise<SettledRefund> {
  const refund = refundOf(payment, refundId);
  if (refund.status !== "asked" && refund.status !== "owed") {
    return { payment, refund, refusedFor: undefined };
  }
  // One that the provider is still at would only be answered again as it was then.
  if (refund.providerReference !== "") return lookUp(parts, payment, refund, is);
  if (!isKeyAlive(refund.createTimeMs, parts.nowMs())) {
    const seen = await lookUp(parts, payment, refund, is);
    // Its new key need not grow old as well before it is used.
    const isRenewed = seen.refusedFor === notTakenUp && seen.refund.attempt === refund.attempt + 1;
    return isRenewed ? settleRefund(parts, seen.payment, refundId, is) : seen;
  }
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
      return lookUp(parts, payment, refund, is);
    case "refused":
      return refused(parts, payment, refund, { ...is, code: outcome.code });
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
  const idOf = (kind: string) => (reference: string) => uuidOf(payment.paymentId, kind, reference);
  const refunded = settledByRefunds(payment, refunds, idOf("refund"), nowMs);
  return settledByDisputes(refunded, disputes, idOf("dispute"), nowMs);
}

async function lookUp(
  parts: Parts,
  payment: Payment,
  refund: Refund,
  is: { isTold: boolean },
): Promise<SettledRefund> {
  const after = await settleReturns(parts, payment);
  if (after === undefined) return { payment, refund, refusedFor: undefined };
  const found = refundOf(after, refund.refundId);
  const isSame = found.attempt === refund.attempt && found.status === refund.status;
  if (found.status === "refused") return { payment: after, refund: found, refusedFor: notTakenUp };
  // A dispute that was lost took what was left for it.
  if (found.status === "failed") return { payment: after, refund: found, refusedFor: "charge_disputed" };
  if (!isSame || found.providerReference !== "")
    return { payment: after, refund: found, refusedFor: undefined };
  return refused(parts, after, found, { ...is, code: notTakenUp });
}

async function refused(
  parts: Parts,
  payment: Payment,
  { refundId, attempt }: Refund,
  { isTold, code }: { isTold: boolean; code: string },
): Promise<SettledRefund> {
  const refusal = isTold ? "told" : finalRefusals.has(code) ? "final" : "passing";
  if (!isTold) {
    const about = { order_id: payment.orderId, payment_id: payment.paymentId, refund_id: refundId };
    parts.log.warn({ ...about, attempt, code, refusal }, "the provider refused a refund that was asked for");
  }
  const after = await changePayment(parts, payment, (current, nowMs) =>
    findRefund(current, refundId)?.attempt === attempt
      ? withRefundRefused(current, refundId, refusal, nowMs)
      : current,
  );
  return { payment: after, refund: refundOf(after, refundId), refusedFor: code };
}

export function refundOf(payment: Payment, refundId: string): Refund {
  const refund = findRefund(payment, refundId);
  if (refund === undefined) throw new Error(`payment ${payment.paymentId} lost a refund`);
  return refund;
}
