// What one order looks like from its four sides, and what the books have of it. Pure.

import type { BookedEvent, Entry } from "./entry.ts";

export type Money = { readonly amountMinor: bigint; readonly currency: string };

/** As the order knows itself. */
export type OrderView = {
  readonly orderId: string;
  readonly status:
    | "new"
    | "pending"
    | "paid"
    | "processing"
    | "shipped"
    | "delivered"
    | "cancelled"
    | "failed"
    | "refunded";
  /** It was paid here, now or before. An order from another channel never is. */
  readonly sold: boolean;
  readonly cancelRequested: boolean;
  readonly currency: string;
  readonly subtotalMinor: bigint;
  readonly shippingMinor: bigint;
  readonly discountMinor: bigint;
  readonly totalMinor: bigint;
  readonly refundedMinor: bigint;
  readonly feeMinor: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
};

export type PaymentView = {
  readonly paymentId: string;
  readonly orderId: string;
  readonly status:
    | "created"
    | "authorized"
    | "captured"
    | "partially_refunded"
    | "refunded"
    | "voided"
    | "failed"
    | "requires_action"
    | "disputed"
    | "unknown";
  readonly givenUp: boolean;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly capturedMinor: bigint;
  readonly refundedMinor: bigint;
  /** Empty until the provider has answered. */
  readonly providerReference: string;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
};

/** As it stands in the provider's own list. */
export type ProviderView = {
  readonly providerReference: string;
  /** Empty when the provider was not told. */
  readonly orderId: string;
  readonly paymentId: string;
  /** The provider's word. */
  readonly status: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly capturedMinor: bigint;
  readonly refundedMinor: bigint;
  readonly createTimeMs: number;
};

/** One order from its four sides; empty where a side knows nothing of it. */
export type Views = {
  /** Empty for a payment at the provider that names no order. */
  readonly orderId: string;
  readonly order: OrderView | undefined;
  readonly payments: readonly PaymentView[];
  readonly provider: readonly ProviderView[];
  readonly entries: readonly Entry[];
};

/** A hold is money that the provider keeps for the store and has not taken yet. */
export const isHeld = ({ status }: ProviderView): boolean => status === "requires_capture";

/** The provider's view of this payment: by its reference; by the payment's id while the reference is not known yet. */
export function providerViewOf(
  payment: PaymentView,
  provider: readonly ProviderView[],
): ProviderView | undefined {
  const { providerReference, paymentId } = payment;
  if (providerReference === "") return provider.find((each) => each.paymentId === paymentId);
  return provider.find((each) => each.providerReference === providerReference);
}

/** What the entries of one order say, each number 0 or more when all is well. */
export type Books = {
  readonly currency: string;
  /** The sale, as it was booked. */
  readonly sale: {
    readonly totalMinor: bigint;
    readonly subtotalMinor: bigint;
    readonly shippingMinor: bigint;
    readonly discountMinor: bigint;
  };
  readonly captured: (paymentId: string) => bigint;
  readonly refunded: (paymentId: string) => bigint;
  /** The payments that the books have money of. */
  readonly paymentIds: readonly string[];
  /** What the order took note of as given back. */
  readonly notedMinor: bigint;
  readonly feeMinor: bigint;
  readonly receivableMinor: bigint;
  /** Entries in a currency that is not the order's. */
  readonly foreign: readonly Entry[];
};

export function booksOf(all: readonly Entry[], currency: string): Books {
  const entries = all.filter((entry) => entry.currency === currency);
  const sum = (event: BookedEvent | undefined, account: Entry["account"], is: (entry: Entry) => boolean) => {
    let sumMinor = 0n;
    for (const entry of entries) {
      const fits = (event === undefined || entry.event === event) && entry.account === account;
      if (fits && is(entry)) sumMinor += entry.amountMinor;
    }
    return sumMinor;
  };
  const any = () => true;
  const paymentIds = entries.flatMap(({ paymentId }) => (paymentId === undefined ? [] : [paymentId]));
  return {
    currency,
    sale: {
      totalMinor: sum("order_created", "customer_receivable", any),
      subtotalMinor: -sum("order_created", "revenue", any),
      shippingMinor: -sum("order_created", "shipping", any),
      discountMinor: sum("order_created", "discount", any),
    },
    captured: (paymentId) =>
      sum("payment_captured", "provider_clearing", (entry) => entry.paymentId === paymentId),
    refunded: (paymentId) =>
      -sum("payment_refunded", "provider_clearing", (entry) => entry.paymentId === paymentId),
    paymentIds: [...new Set(paymentIds)],
    notedMinor: -sum("order_refunded", "customer_receivable", any),
    // What is left of it: a lost dispute may take it, too.
    feeMinor: -sum(undefined, "fees", any),
    receivableMinor: sum(undefined, "customer_receivable", any),
    foreign: all.filter((entry) => entry.currency !== currency),
  };
}
