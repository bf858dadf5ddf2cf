// An order as the shopper sees it.

import type { Money } from "@webstore/proto/common/v1";
import type { Order as KeptOrder, OrderStatus } from "@webstore/proto/orders/v1";
import type { Order, Price } from "@webstore/proto/storefront/v1";
import { priceOf } from "./money.ts";
import { present } from "./present.ts";

export function orderView(kept: KeptOrder | undefined): Order {
  const order = present(kept, "order");
  return {
    orderId: order.orderId,
    status: statusName(order.status),
    lines: order.lines.map(({ productId, name, quantity, unitPrice, lineTotal }) => ({
      productId,
      name,
      quantity,
      unitPrice: price(unitPrice),
      lineTotal: price(lineTotal),
    })),
    subtotal: price(order.subtotal),
    shipping: price(order.shipping),
    discount: price(order.discount),
    total: price(order.total),
    paymentId: order.paymentId,
    receiptUrl: order.receiptUrl,
    history: order.history.map(({ status, at }) => ({ status: statusName(status), at })),
    failureReason: order.failureReason,
    createTime: order.createTime,
    shippingAddress: order.shippingAddress,
    refunded: someOf(order.refunded),
    fee: someOf(order.fee),
    cancelRequested: order.cancelRequested,
  };
}

/** An order from another channel has no prices yet. */
function price(money: Money | undefined): Price | undefined {
  return money === undefined ? undefined : priceOf(money);
}

/** Nothing at all is not shown as 0.00. */
function someOf(money: Money | undefined): Price | undefined {
  return money === undefined || money.amountMinor === 0n ? undefined : priceOf(money);
}

/** `ORDER_STATUS_PAID` is `paid` outside. */
export function statusName(status: OrderStatus): string {
  return status.slice("ORDER_STATUS_".length).toLowerCase();
}
