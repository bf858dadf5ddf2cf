// What an attempt to pay leaves behind: the charge, its refunds and disputes, and the lines of our
// balance that they make. All pure; the operations decide when.
//
// Invariants:
//   C1. amount_refunded ≤ amount_captured ≤ amount.
//   C2. Each capture and each refund has exactly one balance transaction.

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

export const refundReasons = ["duplicate", "fraudulent", "requested_by_customer"] as const;

export type Refund = {
  readonly id: string;
  readonly object: "refund";
  readonly amount: number;
  readonly balance_transaction: string;
  readonly charge: string;
  readonly created: number;
  readonly currency: string;
  readonly metadata: Metadata;
  readonly payment_intent: string;
  readonly payment_method: string;
  readonly reason: (typeof refundReasons)[number] | null;
  readonly status: "succeeded";
};

export type Dispute = {
  readonly id: string;
  readonly object: "dispute";
  readonly amount: number;
  readonly charge: string;
  readonly created: number;
  readonly currency: string;
  readonly is_charge_refundable: false;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly payment_intent: string;
  readonly reason: "fraudulent";
  readonly status: "needs_response";
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
  readonly reporting_category: "charge" | "refund";
  readonly source: string;
  readonly status: "available";
  readonly type: "charge" | "refund";
};

/** A charge as the network answered it: authorized, or declined for `decline`. */
export function newCharge(is: {
  id: string;
  intent: PaymentIntent;
  method: PaymentMethod;
  decline: Decline | undefined;
  receiptUrl: string;
  now: number;
}): Charge {
  const { intent, method, decline } = is;
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
      card: { brand, country: "US", exp_month: 12, exp_year: 2034, funding, last4, network: brand },
    },
    receipt_email: intent.receipt_email,
    receipt_url: paid ? is.receiptUrl : null,
    refunded: false,
    status: paid ? "succeeded" : "failed",
  };
}

/** 2.9 % and 30 minor units, kept back from each capture; a refund gives no fee back. */
export function balanceTransaction(is: {
  id: string;
  type: "charge" | "refund";
  source: string;
  amount: number;
  currency: string;
  now: number;
}): BalanceTransaction {
  const captured = is.type === "charge";
  const fee = captured ? Math.round((is.amount * 29) / 1_000) + 30 : 0;
  const amount = captured ? is.amount : -is.amount;
  return {
    id: is.id,
    object: "balance_transaction",
    amount,
    available_on: is.now,
    created: is.now,
    currency: is.currency,
    fee,
    net: amount - fee,
    reporting_category: is.type,
    source: is.source,
    status: "available",
    type: is.type,
  };
}

export function capturedCharge(charge: Charge, amount: number, balanceTransactionId: string): Charge {
  return { ...charge, captured: true, amount_captured: amount, balance_transaction: balanceTransactionId };
}

export function refundedCharge(charge: Charge, amount: number): Charge {
  const amountRefunded = charge.amount_refunded + amount;
  return { ...charge, amount_refunded: amountRefunded, refunded: amountRefunded === charge.amount_captured };
}
