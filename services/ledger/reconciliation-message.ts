// What orders and payments answer, as the views that are compared; and what was found, as the contract says it.

import type { Money as MoneyMessage } from "@webstore/proto/common/v1";
import type {
  DifferenceKind as DifferenceKindMessage,
  Difference as DifferenceMessage,
  ReconcileResponse,
} from "@webstore/proto/ledger/v1";
import type { Order } from "@webstore/proto/orders/v1";
import type { Payment, ProviderPayment } from "@webstore/proto/payments/v1";
import type { Difference, DifferenceKind } from "./difference.ts";
import type { Comparison } from "./reconciliation-store.ts";
import type { OrderView, PaymentView, ProviderView } from "./reconciliation-view.ts";

const statusIn = <Status extends string>(message: string, prefix: string): Status =>
  message.replace(prefix, "").toLowerCase() as Status;

const soldStatuses: ReadonlySet<OrderView["status"]> = new Set([
  "paid",
  "processing",
  "shipped",
  "delivered",
  "refunded",
]);

export function orderView(order: Order): OrderView {
  const status = statusIn<OrderView["status"]>(order.status, "ORDER_STATUS_");
  const wasPaid = order.history.some((change) => change.status === "ORDER_STATUS_PAID");
  const isOwn = order.channel === "";
  return {
    orderId: order.orderId,
    status,
    sold: wasPaid || status === "paid" || (isOwn && soldStatuses.has(status)),
    cancelRequested: order.cancelRequested,
    currency: order.total?.currency ?? "",
    subtotalMinor: order.subtotal?.amountMinor ?? 0n,
    shippingMinor: order.shipping?.amountMinor ?? 0n,
    discountMinor: order.discount?.amountMinor ?? 0n,
    totalMinor: order.total?.amountMinor ?? 0n,
    refundedMinor: order.refunded?.amountMinor ?? 0n,
    feeMinor: order.fee?.amountMinor ?? 0n,
    createTimeMs: timeOf(order.createTime),
    updateTimeMs: timeOf(order.updateTime),
  };
}

export function paymentView(payment: Payment): PaymentView {
  return {
    paymentId: payment.paymentId,
    orderId: payment.orderId,
    status: statusIn(payment.status, "PAYMENT_STATUS_"),
    givenUp: payment.resolutionGivenUp,
    currency: payment.amount?.currency ?? "",
    amountMinor: payment.amount?.amountMinor ?? 0n,
    capturedMinor: payment.capturedMinor,
    refundedMinor: payment.refundedMinor,
    providerReference: payment.providerReference,
    createTimeMs: timeOf(payment.createTime),
    updateTimeMs: timeOf(payment.updateTime),
  };
}

export function providerView(payment: ProviderPayment): ProviderView {
  return {
    providerReference: payment.providerReference,
    orderId: payment.orderId,
    paymentId: payment.paymentId,
    status: payment.status,
    currency: payment.amount?.currency ?? "",
    amountMinor: payment.amount?.amountMinor ?? 0n,
    capturedMinor: payment.capturedMinor,
    refundedMinor: payment.refundedMinor,
    createTimeMs: timeOf(payment.createTime),
  };
}

const timeOf = (date: Date | undefined): number => date?.getTime() ?? 0;

const kindMessages = {
  missing_in_ledger: "DIFFERENCE_KIND_MISSING_IN_LEDGER",
  missing_in_payments: "DIFFERENCE_KIND_MISSING_IN_PAYMENTS",
  missing_at_provider: "DIFFERENCE_KIND_MISSING_AT_PROVIDER",
  unknown_to_store: "DIFFERENCE_KIND_UNKNOWN_TO_STORE",
  amount: "DIFFERENCE_KIND_AMOUNT",
  status: "DIFFERENCE_KIND_STATUS",
  missing_in_orders: "DIFFERENCE_KIND_MISSING_IN_ORDERS",
  unpaid_order: "DIFFERENCE_KIND_UNPAID_ORDER",
  imbalance: "DIFFERENCE_KIND_IMBALANCE",
} as const satisfies Record<DifferenceKind, DifferenceKindMessage>;

export function comparisonMessage(is: Comparison): ReconcileResponse {
  return {
    differences: is.differences.map(differenceMessage),
    truncated: is.truncated,
    at: new Date(is.atMs),
    ordersCompared: is.ordersCompared,
    paymentsCompared: is.paymentsCompared,
    providerPaymentsCompared: is.providerPaymentsCompared,
  };
}

function differenceMessage({
  kind,
  ledger,
  payments,
  provider,
  orders,
  ...is
}: Difference): DifferenceMessage {
  const money = (side: MoneyMessage | undefined) => side && { ...side };
  return {
    ...is,
    kind: kindMessages[kind],
    ledgerAmount: money(ledger),
    paymentsAmount: money(payments),
    providerAmount: money(provider),
    ordersAmount: money(orders),
  };
}
