// What an attempt to pay leaves behind: the charge, and the lines of our balance. All pure; the operations
// decide when.
//
// Invariants:
//   C1. amount_refunded ≤ amount_captured ≤ amount.
//   C2. Each capture, refund, failure of a refund, dispute and won dispute has exactly one balance transaction.

import type { Metadata } from "./parameters.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import type { Decline, PaymentMethod } from "./payment-method.ts";

export type Charge = {
  readonly id: string;
  readonly object: "charge";
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly balance_transaction: string | null;
  readonly captured: boolean;
  readonly created: number;
  readonly currency: string;
  readonly customer: null;
  readonly description: string | null;
  readonly disputed: boolean;
  readonly failure_code: string | null;
  readonly failure_message: string | null;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly outcome: {
    readonly network_status: "approved_by_network" | "declined_by_network";
    readonly reason: string | null;
    readonly type: "authorized" | "issuer_declined";
  };
  readonly paid: boolean;
  readonly payment_intent: string;
  readonly payment_method: string;
  readonly payment_method_details: {
    readonly type: "card";
    readonly card: {
      readonly brand: string;
      /** When the authorization ends by itself, in real time; only while it may be captured. */
      readonly capture_before?: number;
      readonly country: "US";
      readonly exp_month: 12;
      readonly exp_year: 2034;
      readonly funding: string;
      readonly last4: string;
      readonly network: string;
    };
  };
  readonly receipt_email: string | null;
  readonly receipt_url: string | null;
  readonly refunded: boolean;
  readonly status: "succeeded" | "failed";
};

export type BalanceTransaction = {
  readonly id: string;
  readonly object: "balance_transaction";
  readonly amount: number;
  readonly available_on: number;
  readonly created: number;
  readonly currency: string;
  readonly fee: number;
  readonly net: number;
  readonly reporting_category: "charge" | "refund" | "refund_failure" | "dispute" | "dispute_reversal";
  readonly source: string;
  readonly status: "available";
  readonly type: "charge" | "refund" | "refund_failure" | "adjustment";
};

/** A charge as the network answered it: authorized, or declined for `decline`. */
export function newCharge(is: {
  id: string;
  intent: PaymentIntent;
  method: PaymentMethod;
  decline: Decline | undefined;
  receiptUrl: string;
  captureBefore: number | undefined;
  now: number;
}): Charge {
  const { intent, method, decline, captureBefore } = is;
  const paid = decline === undefined;
  const { brand, last4, funding } = method.card;
  return {
    id: is.id,
    object: "charge",
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    balance_transaction: null,
    captured: false,
    created: is.now,
    currency: intent.currency,
    customer: null,
    description: intent.description,
    disputed: false,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    livemode: false,
    metadata: intent.metadata,
    outcome: {
      network_status: paid ? "approved_by_network" : "declined_by_network",
      reason: decline?.declineCode ?? null,
      type: paid ? "authorized" : "issuer_declined",
    },
    paid,
    payment_intent: intent.id,
    payment_method: method.token,
    payment_method_details: {
      type: "card",
      card: {
        brand,
        ...(captureBefore === undefined ? {} : { capture_before: captureBefore }),
        country: "US",
        exp_month: 12,
        exp_year: 2034,
        funding,
        last4,
        network: brand,
      },
    },
    receipt_email: intent.receipt_email,
    receipt_url: paid ? is.receiptUrl : null,
    refunded: false,
    status: paid ? "succeeded" : "failed",
  };
}

/** What a movement means for our balance: `amount` of it comes (1) or goes (-1), and what it costs us. */
const lines = {
  charge: {
    type: "charge",
    sign: 1,
    feeOf: (amount: number) => Math.round((amount * 29) / 1_000) + 30,
  },
  // A refund gives no fee back, and neither does its failure.
  refund: { type: "refund", sign: -1, feeOf: () => 0 },
  refund_failure: { type: "refund_failure", sign: 1, feeOf: () => 0 },
  dispute: { type: "adjustment", sign: -1, feeOf: () => 15_00 },
  dispute_reversal: { type: "adjustment", sign: 1, feeOf: () => -15_00 },
} as const;

export function balanceTransaction(is: {
  id: string;
  category: BalanceTransaction["reporting_category"];
  source: string;
  /** Without its sign. */
  amount: number;
  currency: string;
  now: number;
}): BalanceTransaction {
  const { type, sign, feeOf } = lines[is.category];
  const amount = sign * is.amount;
  const fee = feeOf(is.amount);
  return {
    id: is.id,
    object: "balance_transaction",
    amount,
    available_on: is.now,
    created: is.now,
    currency: is.currency,
    fee,
    net: amount - fee,
    reporting_category: is.category,
    source: is.source,
    status: "available",
    type,
  };
}

export function capturedCharge(charge: Charge, amount: number, balanceTransactionId: string): Charge {
  return { ...charge, captured: true, amount_captured: amount, balance_transaction: balanceTransactionId };
}
