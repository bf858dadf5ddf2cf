// Orders, payments and the provider's payments as messages of the contracts, before any money has moved.

import type { Order } from "@webstore/proto/orders/v1";
import type { Payment, ProviderPayment } from "@webstore/proto/payments/v1";

/** What tests may change of it afterwards. */
export type Open<T> = { -readonly [K in keyof T]: T[K] };

export type Amounts = {
  readonly subtotalMinor: bigint;
  readonly shippingMinor: bigint;
  readonly discountMinor: bigint;
  readonly currency: string;
};

export function orderOf(orderId: string, is: Amounts, at: Date): Open<Order> {
  const money = (amountMinor: bigint) => ({ amountMinor, currency: is.currency });
  return {
    orderId,
    customerId: "10000000-0000-4000-8000-000000000001",
    status: "ORDER_STATUS_PENDING",
    lines: [],
    subtotal: money(is.subtotalMinor),
    shipping: money(is.shippingMinor),
    discount: money(is.discountMinor),
    total: money(is.subtotalMinor + is.shippingMinor - is.discountMinor),
    shippingAddress: undefined,
    paymentId: "",
    receiptUrl: "",
    failureReason: "",
    history: [{ status: "ORDER_STATUS_PENDING", at, reason: "" }],
    createTime: at,
    country: "US",
    coupon: "",
    campaign: "",
    refunded: money(0n),
    updateTime: at,
    cancelRequested: false,
    fee: money(0n),
    channel: "",
    priced: true,
  };
}

export function paymentOf(paymentId: string, order: Order, at: Date): Open<Payment> {
  return {
    paymentId,
    orderId: order.orderId,
    customerId: order.customerId,
    status: "PAYMENT_STATUS_CREATED",
    amount: order.total,
    capturedMinor: 0n,
    refundedMinor: 0n,
    providerReference: `pi_${paymentId.slice(-6)}`,
    clientSecret: "",
    receiptUrl: "",
    declineCode: "",
    cardBrand: "visa",
    history: [],
    createTime: at,
    updateTime: at,
    country: "US",
    resolutionGivenUp: false,
  };
}

export function providerOf(payment: Payment, at: Date): Open<ProviderPayment> {
  return {
    providerReference: payment.providerReference,
    orderId: payment.orderId,
    paymentId: payment.paymentId,
    status: "requires_payment_method",
    amount: payment.amount,
    capturedMinor: 0n,
    refundedMinor: 0n,
    createTime: at,
  };
}
