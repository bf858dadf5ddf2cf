// Payments and refunds as the contract's messages.

import { invalidRequest } from "@webstore/kit";
import type {
  Payment as PaymentMessage,
  ProviderPayment as ProviderPaymentMessage,
  Refund as RefundMessage,
  PaymentStatus as StatusMessage,
} from "@webstore/proto/payments/v1";
import type { Payment, PaymentStatus } from "./payment.ts";
import type { Which } from "./payment-store.ts";
import type { ListedPayment } from "./provider.ts";
import type { Refund } from "./refund.ts";
import { isGivenUp } from "./resolution.ts";

export const statusMessages = {
  created: "PAYMENT_STATUS_CREATED",
  authorized: "PAYMENT_STATUS_AUTHORIZED",
  captured: "PAYMENT_STATUS_CAPTURED",
  partially_refunded: "PAYMENT_STATUS_PARTIALLY_REFUNDED",
  refunded: "PAYMENT_STATUS_REFUNDED",
  voided: "PAYMENT_STATUS_VOIDED",
  failed: "PAYMENT_STATUS_FAILED",
  requires_action: "PAYMENT_STATUS_REQUIRES_ACTION",
  disputed: "PAYMENT_STATUS_DISPUTED",
  unknown: "PAYMENT_STATUS_UNKNOWN",
} as const satisfies Record<PaymentStatus, StatusMessage>;

const statuses = new Map<StatusMessage, PaymentStatus>(
  (Object.keys(statusMessages) as PaymentStatus[]).map((status) => [statusMessages[status], status]),
);

export function paymentMessage(payment: Payment, clientSecret = ""): PaymentMessage {
  const { amountMinor, currency } = payment;
  return {
    paymentId: payment.paymentId,
    orderId: payment.orderId,
    customerId: payment.customerId,
    status: statusMessages[payment.status],
    amount: { amountMinor, currency },
    capturedMinor: payment.capturedMinor,
    refundedMinor: payment.refundedMinor,
    providerReference: payment.providerReference,
    clientSecret,
    receiptUrl: payment.receiptUrl,
    declineCode: payment.declineCode,
    cardBrand: payment.cardBrand,
    history: payment.history.map(({ status, atMs }) => ({
      status: statusMessages[status],
      at: new Date(atMs),
    })),
    createTime: new Date(payment.createTimeMs),
    updateTime: new Date(payment.updateTimeMs),
    country: payment.country,
    resolutionGivenUp: isGivenUp(payment),
  };
}

export function refundMessage(refund: Refund, currency: string): RefundMessage {
  return {
    refundId: refund.refundId,
    amount: { amountMinor: refund.amountMinor, currency },
    providerReference: refund.providerReference,
    reason: refund.reason,
    createTime: new Date(refund.createTimeMs),
    settled: refund.status === "settled",
  };
}

export function providerPaymentMessage(listed: ListedPayment): ProviderPaymentMessage {
  const { reference, amountMinor, currency, createTimeMs, ...rest } = listed;
  const createTime = new Date(createTimeMs);
  return { ...rest, providerReference: reference, amount: { amountMinor, currency }, createTime };
}

/** Which status a filter names; undefined: any. */
export function statusIn(message: StatusMessage): PaymentStatus | undefined {
  const status = statuses.get(message);
  if (status === undefined && message !== "PAYMENT_STATUS_UNSPECIFIED") {
    throw invalidRequest("status", "is not a status of payments");
  }
  return status;
}

type WhichMessage = { payment: { $case: "paymentId" | "orderId"; value: string } | undefined };

export function whichIn({ payment }: WhichMessage): Which {
  if (payment === undefined) throw invalidRequest("payment", "is required");
  return payment.$case === "orderId" ? { orderId: payment.value } : { paymentId: payment.value };
}
