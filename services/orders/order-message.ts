// Orders as the contract shows them.

import type { Order as OrderMessage, OrderStatus } from "@webstore/proto/orders/v1";
import { type Order, type Status, statuses } from "./order.ts";

export function messageOf(order: Order): OrderMessage {
  const money = (amountMinor: bigint) => ({ amountMinor, currency: order.currency });
  return {
    orderId: order.orderId,
    customerId: order.customerId,
    status: statusMessageOf(order.status),
    lines: order.lines.map(({ productId, name, quantity, unitPriceMinor, lineTotalMinor }) => ({
      productId,
      name,
      quantity,
      unitPrice: money(unitPriceMinor),
      lineTotal: money(lineTotalMinor),
    })),
    subtotal: money(order.subtotalMinor),
    shipping: money(order.shippingMinor),
    discount: money(order.discountMinor),
    total: money(order.totalMinor),
    shippingAddress: order.shippingAddress,
    paymentId: order.paymentId,
    receiptUrl: order.receiptUrl,
    failureReason: order.failureReason,
    history: order.history.map(({ status, at, reason }) => ({
      status: statusMessageOf(status),
      at: new Date(at),
      reason,
    })),
    createTime: order.createdAt,
    country: order.shippingAddress.country,
    coupon: order.coupon,
    campaign: order.campaign,
    refunded: money(order.refundedMinor),
    updateTime: order.updatedAt,
    cancelRequested: order.cancelRequested,
    fee: money(order.feeMinor),
    channel: order.channel,
    priced: order.priced,
  };
}

export function statusMessageOf(status: Status): OrderStatus {
  return `ORDER_STATUS_${status.toUpperCase()}` as OrderStatus;
}

/** `undefined` for UNSPECIFIED, which means any. */
export function statusOf(message: OrderStatus): Status | undefined {
  return statuses.find((status) => statusMessageOf(status) === message);
}
