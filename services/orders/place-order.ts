// Place an order: reserve the stock, open the order, hold the money, take the money, and say
// that it is paid. Either all of it stands at the end or none does.
//
// Money is held only for an order that exists, and taken last, because taking it is the one step that
// cannot be quietly undone. The prices were fixed before (submit-order.ts), so a replay charges the same.
//
// Two may come between, and the saga alone decides what becomes of the order then:
//   a cancellation   is noted at the order, and seen by the last write at the latest, which does not say `paid` then:
//                    all is undone, and all of the money goes back, without a fee
//   the shopper      whose bank wants them to confirm: the saga waits, is woken when payments hears of it
//                    (update-order-payment-status.ts), and looks itself now and then; it does not wait for ever

import { Outage, Refusal, type Saga, saga, uuidOf, Waiting } from "@webstore/kit";
import { type Draft, openedOrder } from "./order.ts";
import { cartClearDue, orderCancelled, orderCreated } from "./order-event.ts";
import { orderMoved } from "./order-store.ts";
import { refuse } from "./refusals.ts";
import {
  aboutTheRest,
  byOrder,
  holdsNothing,
  inOurs,
  notAnswered,
  type SagaPorts,
  settled,
  timeOf,
} from "./saga-ports.ts";

/** A draft, and how it is paid. */
export type PlaceOrderInput = Draft & { readonly paymentMethodToken: string };

/** How long a shopper has to confirm a payment, from when they ordered, and how often that is looked for. */
export const confirmationMaxMs = 15 * 60_000;
const confirmationLookMs = 15_000;

export const placeOrder = saga<PlaceOrderInput, SagaPorts>("place-order", {
  // 2: the capture waits for the shopper's confirmation, which it refused in 1.
  version: 2,
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
    do: ({ input, store, nowMs }) => store.open(openedOrder(input, timeOf(nowMs))),
    undo: ({ input, store, outbox, refusal: { reason }, nowMs }) => {
      const at = timeOf(nowMs);
      if (reason !== "order_cancelled") return store.fail(input.orderId, { to: "failed", reason, at });
      return [
        ...store.fail(input.orderId, { to: "cancelled", reason, at }),
        ...outbox.publish(orderCancelled(input, { refundMinor: 0n, feeMinor: 0n })),
      ];
    },
  })
  .step("authorization", {
    do: async ({ input, payments }) => settled(await authorized(input, payments)),
    undo: ({ input, payments }) => letGo(payments, input.orderId),
  })
  .step("capture", {
    do: async ({ authorization, ...scope }) => {
      const { input, payments } = scope;
      // Waited for and refused here and not above, so that the authorization is undone (S4).
      if (authorization.status === "PAYMENT_STATUS_REQUIRES_ACTION") await confirmed(scope);
      const { payment } = await inOurs(payments.capturePayment({ payment: byOrder(input.orderId) }));
      const taken = settled(payment);
      // Staff gave it back before a crash let us say that it is paid.
      if (taken.status === "PAYMENT_STATUS_REFUNDED") throw refuse("order_cancelled");
      return taken;
    },
    // Undone with the authorization: who lets go of that finds out whether the money was taken, also when it was late.
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
      ...outbox.publish(orderCreated(input, "paid", input.placedAt)),
      ...(cartClearing === undefined ? outbox.publish(cartClearDue(input)) : []),
    ],
    whenRefused: (what) => (what === orderMoved ? refuse("order_cancelled") : refuse("partner_unavailable")),
    answer: (rows, { store }) => store.givenBy(rows),
  });

/**
 * What version 1 began is finished by the same steps: their names, their order and their results are those of version 1.
 * A process that knows only version 1 leaves version 2 alone, for it would refuse whom the saga waits for.
 */
export const placeOrderBefore: Saga<PlaceOrderInput, SagaPorts> = {
  ...placeOrder,
  options: { ...placeOrder.options, version: 1 },
};

async function authorized(input: PlaceOrderInput, payments: SagaPorts["payments"]) {
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
  return payment;
}

/** Ends when the shopper has confirmed the payment. Asking for it again makes payments ask the provider. */
async function confirmed(
  scope: Pick<SagaPorts, "payments" | "store" | "nowMs"> & { readonly input: PlaceOrderInput },
): Promise<void> {
  const { input, payments, store, nowMs } = scope;
  try {
    const { status } = settled(await authorized(input, payments));
    if (status !== "PAYMENT_STATUS_REQUIRES_ACTION") return;
  } catch (error) {
    // Who does not answer now may answer later; there is time until the confirmation is late.
    if (!(error instanceof Outage)) throw error;
  }
  // Not from the input, but safe: a refusal is committed before anything is undone, and whoever goes on goes on.
  if ((await store.find(input.orderId))?.cancelRequested) throw refuse("order_cancelled");
  if (nowMs() >= Date.parse(input.placedAt) + confirmationMaxMs) throw refuse("payment_action_required");
  throw new Waiting("the shopper's confirmation", { retryAfterMs: confirmationLookMs });
}

/** Undoes an authorization. Money that was taken, perhaps by a capture that came late, goes back instead. */
async function letGo(payments: SagaPorts["payments"], orderId: string): Promise<void> {
  try {
    const { payment } = await payments.voidPayment({ payment: byOrder(orderId) });
    if (payment !== undefined && !holdsNothing.includes(payment.status)) throw notAnswered();
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== "payment_not_voidable") throw error;
    await giveBack(payments, orderId);
  }
}

/**
 * Certain only when all of it went back. A refund of somebody else may be on its way and not come through; then what it
 * leaves is given back, too, so every amount from which it goes on has a refund of its own.
 */
async function giveBack(payments: SagaPorts["payments"], orderId: string): Promise<void> {
  const { refundedMinor, leftMinor } = await takenBy(payments, orderId);
  if (leftMinor === 0n) return;
  try {
    await payments.processRefund({
      payment: byOrder(orderId),
      amount: undefined,
      refundId: uuidOf(orderId, "undo-capture", refundedMinor.toString()),
      reason: "the order could not be placed",
    });
  } catch (error) {
    if (!(error instanceof Refusal) || !aboutTheRest.includes(error.reason)) throw error;
  }
  // Disputed, or a refund is on its way: it is not given back before that has ended.
  if ((await takenBy(payments, orderId)).leftMinor > 0n)
    throw notAnswered("the money cannot be given back yet");
}

async function takenBy(payments: SagaPorts["payments"], orderId: string) {
  const { payment } = await payments.getPayment({ payment: byOrder(orderId) });
  if (payment === undefined) throw notAnswered();
  const { capturedMinor, refundedMinor } = payment;
  return { refundedMinor, leftMinor: capturedMinor - refundedMinor };
}
