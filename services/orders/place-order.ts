// Place an order: reserve the stock, open the order, hold the money, take the money, and say
// that it is paid. Either all of it stands at the end or none does.
//
// Money is held only for an order that exists, and taken last, because taking it is the one step that
// cannot be quietly undone. The prices were fixed before (submit-order.ts), so a replay charges the same.

import { decimalOf, Outage, type Outbox, type PortsOf, Refusal, saga } from "@webstore/kit";
import type { Payment, PaymentStatus } from "@webstore/proto/payments/v1";
import type { orders } from "./definition.ts";
import type { Draft } from "./order.ts";
import { uuidOf } from "./order-id.ts";
import { type OrderStore, orderMoved } from "./order-store.ts";
import { inOurWords, refuse } from "./refusals.ts";

/** A draft, and how it is paid. */
export type PlaceOrderInput = Draft & { readonly paymentMethodToken: string };

export type PlaceOrderPorts = Pick<PortsOf<typeof orders>, "cart" | "inventory" | "payments"> & {
  readonly store: OrderStore;
  readonly outbox: Outbox;
  readonly nowMs: () => number;
};

export const placeOrder = saga<PlaceOrderInput, PlaceOrderPorts>("place-order", {
  version: 1,
  secrets: ["paymentMethodToken"],
  givenUp: () => refuse("partner_unavailable"),
})
  .step("reservation", {
    do: ({ input, inventory }) =>
      inOurs(
        inventory.reserve({
          reservation_id: input.orderId,
          lines: input.lines.map(({ productId, quantity }) => ({ product_id: productId, quantity })),
        }),
      ),
    undo: ({ input, inventory }) => inventory.release({ reservation_id: input.orderId }),
  })
  .write("order", {
    do: ({ input, store, nowMs }) => store.open(input, timeOf(nowMs)),
    undo: ({ input, store, refusal, nowMs }) =>
      store.fail(input.orderId, { reason: refusal.reason, at: timeOf(nowMs) }),
  })
  .step("authorization", {
    do: async ({ input, payments }) => {
      const { payment } = await inOurs(
        payments.createPayment({
          orderId: input.orderId,
          customerId: input.customerId,
          amount: { amountMinor: input.totalMinor, currency: input.currency },
          paymentMethodToken: input.paymentMethodToken,
          country: input.shippingAddress.country,
          description: `Order ${input.orderId}`,
        }),
      );
      return settled(payment);
    },
    undo: ({ input, payments }) => letGo(payments, input.orderId),
  })
  .step("capture", {
    do: async ({ input, payments, authorization }) => {
      // Refused here and not above, so that the authorization is undone (S4).
      if (authorization.status === "PAYMENT_STATUS_REQUIRES_ACTION") throw refuse("payment_action_required");
      const { payment } = await inOurs(payments.capturePayment({ payment: byOrder(input.orderId) }));
      const taken = settled(payment);
      // Staff gave it back before a crash let us say that it is paid.
      if (taken.status === "PAYMENT_STATUS_REFUNDED") throw refuse("order_cancelled");
      return taken;
    },
    undo: ({ input, payments }) => refundIfTaken(payments, input.orderId),
  })
  .step("cartClearing", {
    do: async ({ input, cart }) => {
      const lines = input.lines.map(({ productId, quantity }) => ({ productId, quantity }));
      await cart.clearOrderedLines({ customerId: input.customerId, orderId: input.orderId, lines });
      return { cleared: true };
    },
    // A cart that cannot be emptied now is no reason to give the money back; see cart-clear-due.ts.
    bestEffort: true,
  })
  .write("paid", {
    do: ({ input, store, outbox, capture, cartClearing, nowMs }) => [
      ...store.markPaid(input.orderId, { ...capture, at: timeOf(nowMs) }),
      ...outbox.publish(orderCreated(input)),
      ...(cartClearing === undefined ? outbox.publish(cartClearDue(input)) : []),
    ],
    whenRefused: (what) => (what === orderMoved ? refuse("order_cancelled") : refuse("partner_unavailable")),
  });

/** What the saga keeps of a payment. UNKNOWN is no answer: it is asked for again under the same key. */
function settled(payment: Payment | undefined): Pick<Payment, "paymentId" | "receiptUrl" | "status"> {
  if (payment === undefined || payment.status === "PAYMENT_STATUS_UNKNOWN") {
    throw notAnswered();
  }
  const { paymentId, receiptUrl, status } = payment;
  return { paymentId, receiptUrl, status };
}

const holdsNothing: readonly PaymentStatus[] = [
  "PAYMENT_STATUS_VOIDED",
  "PAYMENT_STATUS_FAILED",
  "PAYMENT_STATUS_REFUNDED",
];

/** Undoes an authorization. A capture that came late may have won: then the money goes back instead. */
async function letGo(payments: PlaceOrderPorts["payments"], orderId: string): Promise<void> {
  try {
    const { payment } = await payments.voidPayment({ payment: byOrder(orderId) });
    if (payment !== undefined && !holdsNothing.includes(payment.status)) throw notAnswered();
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== "payment_not_voidable") throw error;
    await refundIfTaken(payments, orderId);
  }
}

/** Undoes a capture that may or may not have happened; what was only held is left to the void. */
async function refundIfTaken(payments: PlaceOrderPorts["payments"], orderId: string): Promise<void> {
  try {
    const { refund } = await payments.processRefund({
      payment: byOrder(orderId),
      amount: undefined,
      refundId: uuidOf(orderId, "undo-capture"),
      reason: "the order could not be placed",
    });
    if (refund?.settled === false) throw notAnswered();
  } catch (error) {
    const nothingTaken = ["payment_not_refundable", "payment_not_found"];
    if (!(error instanceof Refusal) || !nothingTaken.includes(error.reason)) throw error;
  }
}

function notAnswered(): Outage {
  return new Outage("payments", "the provider has not answered yet");
}

async function inOurs<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw inOurWords(error);
  }
}

function byOrder(orderId: string): { $case: "orderId"; value: string } {
  return { $case: "orderId", value: orderId };
}

function timeOf(nowMs: () => number): string {
  return new Date(nowMs()).toISOString();
}

/** `data` of OrderCreated, as SPEC has it: amounts as decimals, so that any consumer can read them. */
function orderCreated(input: PlaceOrderInput) {
  const decimal = (amountMinor: bigint) => decimalOf(amountMinor, input.currency);
  return {
    topic: "order-events",
    key: input.orderId,
    name: "OrderCreated",
    // One event an order, whoever commits it.
    id: uuidOf(input.orderId, "OrderCreated"),
    data: {
      orderId: input.orderId,
      customerId: input.customerId,
      totalAmount: decimal(input.totalMinor),
      currency: input.currency,
      status: "paid",
      items: input.lines.map((line) => ({
        productId: line.productId,
        quantity: line.quantity,
        unitPrice: decimal(line.unitPriceMinor),
        totalPrice: decimal(line.lineTotalMinor),
      })),
      createdAt: input.placedAt,
    },
  };
}

function cartClearDue(input: PlaceOrderInput) {
  const lines = input.lines.map(({ productId, quantity }) => ({ productId, quantity }));
  return {
    topic: "order-events",
    key: input.orderId,
    name: "CartClearDue",
    id: uuidOf(input.orderId, "CartClearDue"),
    data: { orderId: input.orderId, customerId: input.customerId, lines },
  };
}
