// A store and its provider that agree, as orders, payments and the provider would tell it, with the events that they
// would have published. Tests put faults into it. Ids and times are counted, so a world is the same every time.

import { decimalOf, type Event } from "@webstore/kit";
import type { Order, OrderStatus } from "@webstore/proto/orders/v1";
import type { Payment, PaymentStatus, ProviderPayment } from "@webstore/proto/payments/v1";
import { bookingOf } from "./booking.ts";
import type { Entry } from "./entry.ts";
import { orderView, paymentView, providerView } from "./reconciliation-message.ts";
import type { Views } from "./reconciliation-view.ts";
import { type Amounts, type Open, orderOf, paymentOf, providerOf } from "./testing-messages.ts";

export type Published = { readonly topic: "order-events" | "payment-topic"; readonly event: Event };

export type Sale = {
  readonly order: Open<Order>;
  readonly payment: Open<Payment>;
  readonly provider: Open<ProviderPayment>;
};

type Teller = ReturnType<typeof openTeller>;
export type World = ReturnType<typeof openWorld>;

export const worldNowMs = Date.UTC(2026, 0, 31, 12);
const minuteMs = 60_000;
const usual: Amounts = { subtotalMinor: 40_00n, shippingMinor: 5_99n, discountMinor: 4_00n, currency: "USD" };

export function openWorld(startMs = worldNowMs - 30 * 24 * 60 * minuteMs) {
  const teller = openTeller(startMs);
  const { orders, payments, provider, events, newId } = teller;
  return { orders, payments, provider, events, newId, ...salesOf(teller), ...attemptsOf(teller) };
}

function openTeller(startMs: number) {
  let made = 0;
  let timeMs = startMs;
  const orders: Sale["order"][] = [];
  const payments: Sale["payment"][] = [];
  const provider: Sale["provider"][] = [];
  const events: Published[] = [];

  const newId = () => `20000000-0000-4000-8000-${String(++made).padStart(12, "0")}`;
  const tick = () => {
    timeMs += minuteMs;
    return new Date(timeMs);
  };
  const say = (topic: Published["topic"], name: string, data: Record<string, string | object>) => {
    const occurredAt = tick().toISOString();
    events.push({ topic, event: { id: newId(), name, data, occurredAt, traceparent: "" } });
  };
  const sayMoney = (name: string, { payment }: Sale, amountMinor: bigint) => {
    const { paymentId, orderId, customerId } = payment;
    const currency = payment.amount?.currency ?? "";
    const amount = decimalOf(amountMinor, currency);
    say("payment-topic", name, { paymentId, orderId, customerId, amount, currency, refundId: newId() });
  };
  const sayOrder = (name: string, { order }: Sale, data: Record<string, string>) => {
    const { orderId, customerId, total } = order;
    say("order-events", name, { orderId, customerId, currency: total?.currency ?? "", ...data });
  };

  /** An order, its payment and what the provider has of it, none of which has any money yet. */
  function begin(is: Partial<Amounts> = {}): Sale {
    const amounts = { ...usual, ...is };
    const at = tick();
    const order = orderOf(newId(), amounts, at);
    const payment = paymentOf(newId(), order, new Date(at.getTime() + 40));
    const listed = providerOf(payment, new Date(at.getTime() + 90));
    orders.push(order);
    payments.push(payment);
    provider.push(listed);
    return { order, payment, provider: listed };
  }

  function move(sale: Sale, order: OrderStatus, payment?: PaymentStatus, word?: string): void {
    const at = tick();
    sale.order.status = order;
    sale.order.history = [...sale.order.history, { status: order, at, reason: "" }];
    sale.order.updateTime = at;
    if (payment === undefined) return;
    sale.payment.status = payment;
    sale.payment.updateTime = at;
    sale.provider.status = word ?? sale.provider.status;
  }

  function capture(sale: Sale): void {
    const totalMinor = sale.order.total?.amountMinor ?? 0n;
    sale.payment.status = "PAYMENT_STATUS_CAPTURED";
    sale.payment.capturedMinor = totalMinor;
    sale.provider.status = "succeeded";
    sale.provider.capturedMinor = totalMinor;
    sayMoney("PaymentDone", sale, totalMinor);
  }

  function giveBack(sale: Sale, amountMinor: bigint): void {
    const { payment, provider: listed } = sale;
    payment.refundedMinor += amountMinor;
    listed.refundedMinor += amountMinor;
    const isAll = payment.refundedMinor === payment.capturedMinor;
    payment.status = isAll ? "PAYMENT_STATUS_REFUNDED" : "PAYMENT_STATUS_PARTIALLY_REFUNDED";
    payment.updateTime = tick();
    sayMoney("PaymentRefunded", sale, amountMinor);
  }

  return { orders, payments, provider, events, newId, begin, move, capture, giveBack, say, sayOrder };
}

/** What is left of a payment. */
const leftOf = ({ payment }: Sale) => payment.capturedMinor - payment.refundedMinor;

/** What becomes of orders that are sold. */
function salesOf({ begin, move, capture, giveBack, say, sayOrder }: Teller) {
  const sales = {
    sell(is: Partial<Amounts> = {}): Sale {
      const sale = begin(is);
      const { order } = sale;
      capture(sale);
      move(sale, "ORDER_STATUS_PAID");
      const currency = order.total?.currency ?? "";
      const decimal = (money: Order["total"]) => decimalOf(money?.amountMinor ?? 0n, currency);
      const { subtotal, shipping, discount } = order;
      const amounts = {
        subtotal: decimal(subtotal),
        shipping: decimal(shipping),
        discount: decimal(discount),
      };
      say("order-events", "OrderCreated", {
        orderId: order.orderId,
        customerId: order.customerId,
        status: "paid",
        totalAmount: decimal(order.total),
        currency,
        amounts,
        items: [],
      });
      return sale;
    },

    deliver(sale: Sale): void {
      if (sale.order.status !== "ORDER_STATUS_PAID") return;
      move(sale, "ORDER_STATUS_PROCESSING");
      sayOrder("OrderProcessing", sale, {});
      move(sale, "ORDER_STATUS_SHIPPED");
    },

    /** By staff, or a dispute that was lost; at most what is left. */
    refund(sale: Sale, wantedMinor: bigint): void {
      const leftMinor = leftOf(sale);
      const amountMinor = wantedMinor < leftMinor ? wantedMinor : leftMinor;
      if (amountMinor === 0n) return;
      giveBack(sale, amountMinor);
      const { order, payment } = sale;
      const currency = order.total?.currency ?? "";
      order.refunded = { amountMinor: payment.refundedMinor, currency };
      const isAll = payment.refundedMinor === payment.capturedMinor;
      if (isAll && order.status !== "ORDER_STATUS_CANCELLED") move(sale, "ORDER_STATUS_REFUNDED");
      const [amount, refundedTotal] = [amountMinor, payment.refundedMinor].map((minor) =>
        decimalOf(minor, currency),
      );
      const feeMinor = order.fee?.amountMinor ?? 0n;
      const keptMinor = leftOf(sale);
      const feeBackMinor = feeMinor > keptMinor ? feeMinor - keptMinor : 0n;
      if (feeBackMinor > 0n) order.fee = { amountMinor: keptMinor, currency };
      const feeAmount = decimalOf(feeBackMinor, currency);
      sayOrder("OrderRefunded", sale, {
        amount: amount ?? "",
        refundedTotal: refundedTotal ?? "",
        feeAmount,
      });
    },

    cancel(sale: Sale): void {
      const { order } = sale;
      if (order.status !== "ORDER_STATUS_PAID" && order.status !== "ORDER_STATUS_PROCESSING") return;
      order.cancelRequested = true;
      const totalMinor = order.total?.amountMinor ?? 0n;
      const currency = order.total?.currency ?? "";
      const backMinor = totalMinor - totalMinor / 20n - sale.payment.refundedMinor;
      const status = order.status;
      if (backMinor > 0n) sales.refund(sale, backMinor);
      order.status = status;
      move(sale, "ORDER_STATUS_CANCELLED");
      const feeMinor = leftOf(sale);
      order.fee = { amountMinor: feeMinor, currency };
      const refundAmount = decimalOf(backMinor > 0n ? backMinor : 0n, currency);
      sayOrder("OrderCancelled", sale, { refundAmount, feeAmount: decimalOf(feeMinor, currency) });
    },

    /** Its payment's money comes back only if the store loses. */
    dispute(sale: Sale, isLost: boolean): void {
      if (leftOf(sale) === 0n) return;
      sale.payment.status = "PAYMENT_STATUS_DISPUTED";
      if (isLost) sales.refund(sale, leftOf(sale));
    },
  };
  return sales;
}

/** Orders that come to nothing, and those that are not paid here. */
function attemptsOf({ payments, provider, begin, move, capture, giveBack, sayOrder }: Teller) {
  const attempts = {
    /** Taken, and given back when the order came to nothing: it failed, or was cancelled while it was placed. */
    undo(status: "ORDER_STATUS_FAILED" | "ORDER_STATUS_CANCELLED" = "ORDER_STATUS_FAILED"): Sale {
      const sale = begin();
      capture(sale);
      giveBack(sale, sale.payment.capturedMinor);
      move(sale, status);
      if (status === "ORDER_STATUS_CANCELLED") {
        sayOrder("OrderCancelled", sale, { refundAmount: "0.00", feeAmount: "0.00" });
      }
      return sale;
    },

    decline(): Sale {
      const sale = begin();
      move(sale, "ORDER_STATUS_FAILED", "PAYMENT_STATUS_FAILED", "requires_payment_method");
      return sale;
    },

    release(): Sale {
      const sale = begin();
      move(sale, "ORDER_STATUS_FAILED", "PAYMENT_STATUS_VOIDED", "canceled");
      return sale;
    },

    /** Held, while the order is still being placed. */
    hold(): Sale {
      const sale = begin();
      move(sale, "ORDER_STATUS_PENDING", "PAYMENT_STATUS_AUTHORIZED", "requires_capture");
      return sale;
    },

    /** It failed before anybody asked for money. */
    fail(): Open<Order> {
      const { order } = begin();
      payments.pop();
      provider.pop();
      order.status = "ORDER_STATUS_FAILED";
      return order;
    },

    /** From another channel: never paid here. */
    import(): Open<Order> {
      const order = attempts.fail();
      Object.assign(order, { status: "ORDER_STATUS_PROCESSING", channel: "phone" });
      return order;
    },
  };
  return attempts;
}

/** The entries that the events make, as the books would have them. */
export function entriesOf(events: readonly Published[]): Entry[] {
  return events.flatMap(({ event }, index) => {
    const bookable = /^(Order(Created|Refunded|Cancelled)|Payment)/.test(event.name);
    const booking = bookable ? bookingOf(event) : undefined;
    if (booking === undefined) return [];
    const { lines, ...is } = booking;
    const common = { ...is, position: BigInt(index), createTimeMs: booking.occurredAtMs };
    return lines.map((each, at) => ({ ...common, ...each, line: at + 1 }));
  });
}

/** Every order from its four sides; what names no order stands alone. */
export function viewsOf(world: World, entries = entriesOf(world.events)): Views[] {
  const orderIds = new Set(
    [...world.orders, ...world.payments, ...world.provider, ...entries].map(({ orderId }) => orderId),
  );
  return [...orderIds].map((orderId) => {
    const of = <T extends { readonly orderId: string }>(all: readonly T[]) =>
      all.filter((each) => each.orderId === orderId);
    return {
      orderId,
      order: of(world.orders).map(orderView)[0],
      payments: of(world.payments).map(paymentView),
      provider: of(world.provider).map(providerView),
      entries: of(entries),
    };
  });
}
