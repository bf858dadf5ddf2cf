// What happens to the money of a disputed payment: withdrawn when the dispute is opened, given back when it is won,
// gone when it is lost.

import type { BalanceTransaction, Charge } from "./charge.ts";
import { balanceTransaction } from "./charge.ts";
import {
  closed,
  type Dispute,
  type DisputeOutcome,
  type DisputePlan,
  newDispute,
  unanswered,
} from "./dispute.ts";
import { emit } from "./event.ts";
import { findPaymentMethod } from "./payment-method.ts";
import type { Work } from "./provider.ts";

/** A line of our balance: stored, and its id. */
export function bookLine(
  work: Work,
  is: {
    category: BalanceTransaction["reporting_category"];
    source: string;
    amount: number;
    currency: string;
  },
): string {
  const id = work.provider.ids.next("txn", work.nowSeconds);
  work.store.balanceTransactions.insert(balanceTransaction({ ...is, id, now: work.nowSeconds }), is.source);
  return id;
}

/** What a dispute can be about. */
export function disputableAmount(charge: Charge): number {
  return charge.captured && !charge.disputed ? charge.amount_captured - charge.amount_refunded : 0;
}

/** The cardholder's bank takes back what is left of a captured charge that was never disputed. */
export function openDispute(work: Work, charge: Charge, plan: DisputePlan = unanswered): Dispute {
  const { provider, store, nowSeconds } = work;
  const amount = disputableAmount(charge);
  const id = provider.ids.next("du", nowSeconds);
  const { currency } = charge;
  const withdrawal = bookLine(work, { category: "dispute", source: id, amount, currency });
  const dispute = newDispute({ id, amount, charge, withdrawal, nowSeconds });
  store.disputes.insert(dispute, charge.id);
  store.charges.update({ ...charge, disputed: true });
  store.standings.disputed(dispute);
  const dueAtMs = work.clockMs + plan.closeAfterMs;
  provider.timers.set({ kind: "close_dispute", subject: id, dueAtMs, details: { outcome: plan.outcome } });
  tell(work, "charge.dispute.created", dispute);
  tell(work, "charge.dispute.funds_withdrawn", dispute);
  return dispute;
}

/** Ends an open dispute. */
export function closeDispute(work: Work, dispute: Dispute, outcome: DisputeOutcome): Dispute {
  const { provider, store } = work;
  const { id, amount, currency } = dispute;
  const reinstatement =
    outcome === "won"
      ? bookLine(work, { category: "dispute_reversal", source: id, amount, currency })
      : undefined;
  const after = closed(dispute, reinstatement);
  store.disputes.update(after);
  store.standings.disputed(after);
  provider.timers.clear("close_dispute", id);
  tell(work, "charge.dispute.closed", after);
  if (outcome === "won") tell(work, "charge.dispute.funds_reinstated", after);
  return after;
}

/** The dispute that the payment's token or a scenario has in store, once it is captured. */
export function scheduleDispute(work: Work, charge: Charge): void {
  const { met, provider } = work;
  const scripted =
    met?.action === "dispute_later"
      ? {
          delayMs: met.delayMs,
          closeAfterMs: met.outcome === undefined ? unanswered.closeAfterMs : met.closeAfterMs,
          outcome: met.outcome === "won" ? ("won" as const) : ("lost" as const),
        }
      : undefined;
  const plan = scripted ?? findPaymentMethod(charge.payment_method)?.dispute;
  if (plan === undefined) return;
  const { delayMs, closeAfterMs, outcome } = plan;
  if (delayMs === 0) {
    openDispute(work, charge, plan);
    return;
  }
  const dueAtMs = work.clockMs + delayMs;
  provider.timers.set({
    kind: "open_dispute",
    subject: charge.id,
    dueAtMs,
    details: { closeAfterMs, outcome },
  });
}

export function tell(
  work: Work,
  type:
    | "charge.dispute.created"
    | "charge.dispute.funds_withdrawn"
    | "charge.dispute.updated"
    | "charge.dispute.closed"
    | "charge.dispute.funds_reinstated",
  dispute: Dispute,
): void {
  const intent = work.store.paymentIntents.find(dispute.payment_intent);
  if (intent !== undefined) emit(work, type, dispute, intent);
}
