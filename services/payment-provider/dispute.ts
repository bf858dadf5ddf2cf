// A dispute: the cardholder's bank takes a payment's money back, and gives it to us again when we win. Pure.
//
//   needs_response → (under_review) → won | lost
//
// Invariants:
//   D1. Its amount is what was left of the charge when it was opened, so that what was refunded and what was lost are
//       together never more than what was captured.
//   D2. Nothing moves a dispute that was won or lost.

import type { Metadata } from "./parameters.ts";

export const disputeStatuses = ["needs_response", "under_review", "won", "lost"] as const;
export type DisputeStatus = (typeof disputeStatuses)[number];
export type DisputeOutcome = "won" | "lost";

export type Dispute = {
  readonly id: string;
  readonly object: "dispute";
  readonly amount: number;
  readonly balance_transactions: readonly string[];
  readonly charge: string;
  readonly created: number;
  readonly currency: string;
  readonly evidence: Readonly<Record<string, string>>;
  readonly evidence_details: {
    readonly due_by: number;
    readonly has_evidence: boolean;
    readonly past_due: boolean;
    readonly submission_count: number;
  };
  readonly is_charge_refundable: boolean;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly payment_intent: string;
  readonly reason: "fraudulent";
  readonly status: DisputeStatus;
};

/** When it is closed if nobody says anything, and how. */
export type DisputePlan = { readonly closeAfterMs: number; readonly outcome: DisputeOutcome };

/** How long we have to answer; an unanswered dispute is lost. */
export const responseMs = 7 * 86_400_000;
export const unanswered: DisputePlan = { closeAfterMs: responseMs, outcome: "lost" };

export function newDispute(is: {
  id: string;
  amount: number;
  charge: { readonly id: string; readonly currency: string; readonly payment_intent: string };
  withdrawal: string;
  nowSeconds: number;
}): Dispute {
  return {
    id: is.id,
    object: "dispute",
    amount: is.amount,
    balance_transactions: [is.withdrawal],
    charge: is.charge.id,
    created: is.nowSeconds,
    currency: is.charge.currency,
    evidence: {},
    evidence_details: {
      due_by: is.nowSeconds + responseMs / 1_000,
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: is.charge.payment_intent,
    reason: "fraudulent",
    status: "needs_response",
  };
}

export function isOpen(dispute: Dispute): boolean {
  return dispute.status !== "won" && dispute.status !== "lost";
}

export function withEvidence(
  dispute: Dispute,
  evidence: Readonly<Record<string, string>>,
  isSubmitted: boolean,
): Dispute {
  const details = dispute.evidence_details;
  const all = { ...dispute.evidence, ...evidence };
  return {
    ...dispute,
    evidence: all,
    evidence_details: {
      ...details,
      has_evidence: Object.keys(all).length > 0,
      submission_count: details.submission_count + (isSubmitted ? 1 : 0),
    },
    status: isSubmitted ? "under_review" : dispute.status,
  };
}

/** What a test's evidence decides, as Stripe's test mode has it. */
export function decidedBy(evidence: Readonly<Record<string, string>>): DisputeOutcome | undefined {
  const text = evidence.uncategorized_text;
  if (text === "winning_evidence") return "won";
  return text === "losing_evidence" ? "lost" : undefined;
}

/** `reinstatement`: the line of our balance that gives the money back, when it was won. */
export function closed(dispute: Dispute, reinstatement: string | undefined): Dispute {
  const won = reinstatement !== undefined;
  return {
    ...dispute,
    balance_transactions: won
      ? [...dispute.balance_transactions, reinstatement]
      : dispute.balance_transactions,
    is_charge_refundable: won,
    status: won ? "won" : "lost",
  };
}
