// Refund a payment: give back all that is left of it, or a part.
//
// Two commits: the refund with its key before the provider is asked, and what came of it, with its event.

import { invalidRequest, Outage, type Refusal } from "@webstore/kit";
import { changePayment, withPayment } from "./change-payment.ts";
import { checkText } from "./check-text.ts";
import type { Parts } from "./parts.ts";
import { isTaken, type Payment } from "./payment.ts";
import type { Amount } from "./payment-amount.ts";
import type { Which } from "./payment-store.ts";
import { findRefund, type Refund, refundableMinor, refundsMax, withRefundAsked } from "./refund.ts";
import { refusals } from "./refusals.ts";
import { settleUnknown } from "./settle-payment.ts";
import { finalRefusals, settleRefund } from "./settle-refund.ts";

export type ProcessRefund = {
  readonly which: Which;
  /** Undefined: all that is left. */
  readonly amount: Amount | undefined;
  readonly refundId: string;
  readonly reason: string;
};

export type ProcessedRefund = { readonly payment: Payment; readonly refund: Refund };

export function processRefund(parts: Parts, asked: ProcessRefund): Promise<ProcessedRefund> {
  if (asked.amount?.amountMinor === 0n) throw invalidRequest("amount", "must be more than 0");
  checkText("reason", asked.reason);
  return withPayment(parts, asked.which, async (found) => {
    const payment = await settleUnknown(parts, found);
    const before = findRefund(payment, asked.refundId);
    if (before?.status === "settled" || before?.status === "owed") return { payment, refund: before };
    if (payment.status === "unknown") throw new Outage("payment-provider", "the provider has not answered");
    let isTold = false;
    const asking = await changePayment(parts, payment, (current, nowMs) => {
      const after = askFor(current, asked, nowMs);
      isTold = after !== current;
      return after;
    });
    return refundAsked(parts, asking, asked.refundId, { isTold });
  });
}

/** The payment with the refund asked for; one that is on its way already is left as it is. */
function askFor(payment: Payment, { refundId, amount, reason }: ProcessRefund, nowMs: number): Payment {
  const before = findRefund(payment, refundId);
  const isOver = before === undefined || before.status === "refused" || before.status === "failed";
  if (!isOver) return payment;
  const leftMinor = refundableMinor(payment);
  const isFull = before === undefined && payment.refunds.length >= refundsMax;
  if (!isTaken(payment) || payment.status === "disputed" || leftMinor === 0n || isFull) {
    throw refusals.refuse("payment_not_refundable");
  }
  const isOther = amount !== undefined && amount.currency !== payment.currency;
  const amountMinor = amount?.amountMinor ?? leftMinor;
  if (isOther || amountMinor > leftMinor) throw refusals.refuse("refund_exceeds_captured");
  return withRefundAsked(payment, { refundId, amountMinor, reason }, nowMs);
}

async function refundAsked(
  parts: Parts,
  payment: Payment,
  refundId: string,
  is: { isTold: boolean },
): Promise<ProcessedRefund> {
  const settled = await settleRefund(parts, payment, refundId, is);
  const { status } = settled.refund;
  // One that is still open is asked for again by whoever resolves payments, whatever the provider says now.
  if (settled.refusedFor !== undefined && (status === "refused" || status === "failed")) {
    throw refusalBy(settled.refusedFor);
  }
  return settled;
}

function refusalBy(code: string): Refusal | Outage {
  const reason = finalRefusals.get(code);
  if (reason !== undefined) return refusals.refuse(reason);
  return new Outage("payment-provider", `the provider did not take the refund up: ${code || "no reason"}`);
}
