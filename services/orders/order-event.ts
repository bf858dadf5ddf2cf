// The events of orders, as SPEC has them: amounts are decimal strings, so that any consumer can read them.
//
// Invariant E1: an event's id is computed from the order and from what happened, and whatever happens to an order
// happens once. So whoever publishes it again publishes the same event, and consumers know it by its id.

import { decimalOf, type Outbox, uuidOf } from "@webstore/kit";
import type { Order, Status } from "./order.ts";

type Event = Parameters<Outbox["publish"]>[0];
type Whose = Pick<Order, "orderId" | "customerId">;
type Ordered = Whose &
  Pick<Order, "currency" | "lines" | "subtotalMinor" | "shippingMinor" | "discountMinor" | "totalMinor">;

function event(order: Whose, name: string, data: object, ...more: string[]): Event {
  const { orderId, customerId } = order;
  return {
    topic: "order-events",
    key: orderId,
    name,
    id: uuidOf(orderId, name, ...more),
    data: { orderId, customerId, ...data },
  };
}

/** What is ordered, and for how much. */
function goodsOf({ lines, currency, totalMinor }: Ordered) {
  return {
    totalAmount: decimalOf(totalMinor, currency),
    currency,
    items: lines.map((line) => ({
      productId: line.productId,
      quantity: line.quantity,
      unitPrice: decimalOf(line.unitPriceMinor, currency),
      totalPrice: decimalOf(line.lineTotalMinor, currency),
    })),
  };
}

/** `paid`: the store has sold it. `new`: another channel took it down, and it has no prices yet. */
export function orderCreated(order: Ordered, status: "paid" | "new", createdAt: string): Event {
  const amounts = {
    subtotal: decimalOf(order.subtotalMinor, order.currency),
    shipping: decimalOf(order.shippingMinor, order.currency),
    discount: decimalOf(order.discountMinor, order.currency),
  };
  return event(order, "OrderCreated", { ...goodsOf(order), status, amounts, createdAt });
}

/** `because`: what has come since it was asked for, and may let it be carried out now. */
export function orderCancelRequested(order: Whose, ...because: string[]): Event {
  return event(order, "OrderCancelRequested", {}, ...because);
}

const movedNames: Partial<Record<Status, string>> = {
  processing: "OrderProcessing",
  shipped: "OrderShipped",
  delivered: "OrderDelivered",
};

/** An order is moved to each of these once, so the name is all of the event's id. */
export function orderMovedTo(order: Ordered, to: Status): Event {
  const name = movedNames[to];
  if (name === undefined) throw new Error(`nobody is told of an order that is ${to}`);
  return event(order, name, goodsOf(order));
}

/** `refundMinor` went back for the cancellation, `feeMinor` was kept; nothing of either when it was cancelled before it was paid. */
export function orderCancelled(
  order: Whose & Pick<Order, "currency">,
  is: { refundMinor: bigint; feeMinor: bigint },
): Event {
  const { currency } = order;
  return event(order, "OrderCancelled", {
    currency,
    refundAmount: decimalOf(is.refundMinor, currency),
    feeAmount: decimalOf(is.feeMinor, currency),
  });
}

/** What went back rose from `fromMinor` to `toMinor`; of that, `feeAmount` was kept as a fee before. */
export function orderRefunded(
  order: Whose & Pick<Order, "currency" | "totalMinor" | "feeMinor">,
  is: { fromMinor: bigint; toMinor: bigint },
): Event {
  const { currency } = order;
  const amount = decimalOf(is.toMinor - is.fromMinor, currency);
  const refundedTotal = decimalOf(is.toMinor, currency);
  const leftMinor = order.totalMinor - is.toMinor;
  const feeBackMinor = order.feeMinor > leftMinor ? order.feeMinor - leftMinor : 0n;
  const fee = feeBackMinor > 0n ? { feeAmount: decimalOf(feeBackMinor, currency) } : {};
  // It rises from one amount once, and each rise begins where the one before it ended.
  return event(order, "OrderRefunded", { currency, amount, refundedTotal, ...fee }, is.fromMinor.toString());
}

export function cartClearDue(order: Whose & Pick<Order, "lines">): Event {
  const lines = order.lines.map(({ productId, quantity }) => ({ productId, quantity }));
  return event(order, "CartClearDue", { lines });
}
