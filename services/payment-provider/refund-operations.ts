// Gives captured money back: the whole of it, or a part, any number of times, never more than was
// taken.

import { ApiError, invalidRequest, noSuch, unexpectedState } from "./api-error.ts";
import type { Charge } from "./charge.ts";
import { bookLine } from "./charge-back.ts";
import { emit } from "./event.ts";
import { checkExpand, withExpanded } from "./expansion.ts";
import {
  mergeMetadata,
  missing,
  only,
  readAmount,
  readChoice,
  readMetadata,
  readText,
} from "./parameters.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import { findPaymentMethod } from "./payment-method.ts";
import type { Operation, Store, Work } from "./provider.ts";
import { type Refund, type RefundPlan, refundedCharge, refundReasons, settledRefund } from "./refund.ts";

const createParams = new Set(["payment_intent", "charge", "amount", "reason", "metadata", "expand"]);

function intentIdOf(store: Store, chargeId: string): string {
  const charge = store.charges.find(chargeId);
  if (charge === undefined) throw noSuch("charge", chargeId, "charge", 404);
  return charge.payment_intent;
}

function takenCharge(work: Work, intentId: string): { intent: PaymentIntent; charge: Charge } {
  const intent = work.store.paymentIntents.find(intentId);
  if (intent === undefined) throw noSuch("payment_intent", intentId, "payment_intent", 404);
  const charge = work.store.charges.find(intent.latest_charge ?? "");
  if (charge?.captured) return { intent, charge };
  throw unexpectedState(
    intent,
    `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`,
  );
}

function checkRefundable(store: Store, charge: Charge, amount: number): void {
  const left = charge.amount_captured - charge.amount_refunded;
  if (charge.disputed && store.disputes.newestOf(charge.id)?.status !== "won") {
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: "charge_disputed",
    });
  }
  if (left === 0) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: "charge_already_refunded",
    });
  }
  if (amount > left) {
    throw invalidRequest(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, {
      param: "amount",
      code: "amount_too_large",
    });
  }
}

const plans: Partial<Record<string, Omit<RefundPlan, "delayMs">>> = {
  refund_pending_then_succeeded: { starts: "pending", ends: "succeeded" },
  refund_pending_then_failed: { starts: "pending", ends: "failed" },
  refund_succeeded_then_failed: { starts: "succeeded", ends: "failed" },
};

function planOf({ met }: Work, charge: Charge): RefundPlan | undefined {
  const scripted = plans[met?.action ?? ""];
  if (met !== undefined && scripted !== undefined) return { ...scripted, delayMs: met.delayMs };
  return findPaymentMethod(charge.payment_method)?.refund;
}

type RefundParams = Pick<Refund, "amount" | "metadata" | "reason">;

function makeRefund(work: Work, is: RefundParams, charge: Charge, intent: PaymentIntent): Refund {
  const { store, provider, nowSeconds: now } = work;
  const { currency } = charge;
  const { amount, metadata, reason } = is;
  const plan = planOf(work, charge);
  const isPending = plan?.starts === "pending";
  const id = provider.ids.next("re", now);
  const refund: Refund = {
    id,
    object: "refund",
    amount,
    balance_transaction: bookLine(work, { category: "refund", source: id, amount, currency }),
    charge: charge.id,
    created: now,
    currency,
    metadata,
    payment_intent: intent.id,
    payment_method: charge.payment_method,
    ...(isPending ? { pending_reason: "processing" as const } : {}),
    reason,
    status: isPending ? "pending" : "succeeded",
  };
  const after = refundedCharge(charge, amount);
  store.refunds.insert(refund, charge.id);
  store.charges.update(after);
  store.standings.refunded(after, isPending ? amount : 0);
  if (plan !== undefined) {
    const details = { outcome: plan.ends };
    provider.timers.set({
      kind: "settle_refund",
      subject: id,
      dueAtMs: work.clockMs + plan.delayMs,
      details,
    });
  }
  emit(work, "refund.created", refund, intent);
  emit(work, "charge.refunded", after, intent);
  return refund;
}

/** What became of a refund in the end. One that failed has given its money back to us. */
export function settleRefund(work: Work, refund: Refund, outcome: "succeeded" | "failed"): void {
  const { store } = work;
  const charge = store.charges.find(refund.charge);
  const intent = store.paymentIntents.find(refund.payment_intent);
  if (charge === undefined || intent === undefined || refund.status === "failed") return;
  const { id: source, amount, currency } = refund;
  const failed = outcome === "failed";
  const line = failed ? bookLine(work, { category: "refund_failure", source, amount, currency }) : undefined;
  const after = settledRefund(refund, line);
  const chargeAfter = failed ? refundedCharge(charge, -amount) : charge;
  store.refunds.update(after);
  if (failed) store.charges.update(chargeAfter);
  store.standings.refunded(chargeAfter, refund.status === "pending" ? -amount : 0);
  emit(work, failed ? "refund.failed" : "refund.updated", after, intent);
}

export const createRefund: Operation = {
  scenarioName: "refund",
  forShoppers: false,
  parse(params) {
    only(params, createParams);
    const sentIntentId = readText(params, "payment_intent", 255);
    const chargeId = readText(params, "charge", 255);
    if (sentIntentId === undefined && chargeId === undefined) throw missing("payment_intent");
    const sentAmount = readAmount(params, "amount");
    const reason = readChoice(params, "reason", refundReasons) ?? null;
    const metadata = mergeMetadata({}, readMetadata(params));
    const expand = checkExpand(params);
    return {
      about: sentIntentId ?? chargeId,
      attempts: true,
      execute(work) {
        const { store } = work;
        const { intent, charge } = takenCharge(work, sentIntentId ?? intentIdOf(store, chargeId ?? ""));
        if (chargeId !== undefined && chargeId !== charge.id) throw noSuch("charge", chargeId, "charge", 404);
        const amount = sentAmount ?? charge.amount_captured - charge.amount_refunded;
        checkRefundable(store, charge, amount);
        if (work.met?.action === "decline") {
          const message = "Insufficient funds in your account to refund this charge.";
          throw new ApiError(400, { type: "invalid_request_error", code: "balance_insufficient", message });
        }
        const refund = makeRefund(work, { amount, metadata, reason }, charge, intent);
        return withExpanded(store, refund, expand);
      },
    };
  },
};
