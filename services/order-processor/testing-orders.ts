// Orders for tests: one with a price that is right, and a service of a few that a test puts there in any status, for what
// the fake of orders cannot be brought to.

import { randomUUID } from "node:crypto";
import { Refusal } from "@webstore/kit";
import type { Order, OrderStatus } from "@webstore/proto/orders/v1";
import type { ToldPrice } from "./order-price.ts";
import type { ProcessOrderPorts } from "./process-order.ts";

export const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

/** Two mugs at 12.50 and a pot at 20.00: 45.00, 5.99 for the delivery, less 4.50. */
export function orderWith(is: Partial<Order> = {}): Order {
  return {
    orderId: randomUUID(),
    customerId: randomUUID(),
    status: "ORDER_STATUS_PAID",
    lines: [lineOf("Mug", 2, 12_50n), lineOf("Pot", 1, 20_00n)],
    subtotal: usd(45_00n),
    shipping: usd(5_99n),
    discount: usd(4_50n),
    total: usd(46_49n),
    shippingAddress: undefined,
    paymentId: "",
    receiptUrl: "",
    failureReason: "",
    history: [],
    createTime: undefined,
    country: "US",
    coupon: "",
    campaign: "welcome",
    refunded: usd(0n),
    updateTime: undefined,
    cancelRequested: false,
    fee: usd(0n),
    channel: "",
    priced: true,
    ...is,
  };
}

function lineOf(name: string, quantity: number, unitMinor: bigint): Order["lines"][number] {
  const productId = randomUUID();
  return {
    productId,
    name,
    quantity,
    unitPrice: usd(unitMinor),
    lineTotal: usd(unitMinor * BigInt(quantity)),
  };
}

/** What its event tells of the price of `orderWith`. */
export const toldOf = ({ lines: [mug, pot] }: Order): ToldPrice => ({
  currency: "USD",
  totalAmount: "46.49",
  items: [
    { productId: mug?.productId ?? "", quantity: 2, unitPrice: "12.50", totalPrice: "25.00" },
    { productId: pot?.productId ?? "", quantity: 1, unitPrice: "20.00", totalPrice: "20.00" },
  ],
  amounts: { subtotal: "45.00", shipping: "5.99", discount: "4.50" },
});

export const refused = (reason: string) =>
  new Refusal({ service: "orders", reason, code: "FAILED_PRECONDITION", message: reason });

export type FewOrders = {
  readonly orders: ProcessOrderPorts["orders"];
  put(order: Order): Order;
  statusOf(order: Order): OrderStatus | undefined;
  /** Every call, by the name of its method. */
  readonly calls: string[];
  /** Happens before the next call of a method. */
  before(method: string, happens: () => void): void;
};

export function fewOrders(): FewOrders {
  const kept = new Map<string, Order>();
  const calls: string[] = [];
  const befores = new Map<string, () => void>();
  const called = (method: string, orderId: string): Order => {
    calls.push(method);
    befores.get(method)?.();
    befores.delete(method);
    const order = kept.get(orderId);
    if (order === undefined) throw refused("order_not_found");
    return order;
  };
  const put = (order: Order) => {
    kept.set(order.orderId, order);
    return order;
  };
  const isMovable = ({ status, cancelRequested, priced }: Order) =>
    !cancelRequested && (status === "ORDER_STATUS_PAID" || (status === "ORDER_STATUS_NEW" && priced));
  return {
    calls,
    put,
    before: (method, happens) => void befores.set(method, happens),
    statusOf: ({ orderId }) => kept.get(orderId)?.status,
    orders: {
      getOrder: async ({ orderId }) => ({ order: called("getOrder", orderId) }),
      priceOrder: async ({ orderId }) => {
        const { lines, subtotal, shipping, discount, total } = orderWith();
        const prices = { lines, subtotal, shipping, discount, total, priced: true };
        return { order: put({ ...called("priceOrder", orderId), ...prices }) };
      },
      transitionOrder: async ({ orderId, status }) => {
        const order = called("transitionOrder", orderId);
        if (order.status === status) return { order };
        if (!isMovable(order)) throw refused("transition_refused");
        return { order: put({ ...order, status }) };
      },
    },
  };
}
