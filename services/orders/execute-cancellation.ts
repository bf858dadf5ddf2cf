// Carry out a cancellation that was asked for: the money less the fee goes back, that is noted and told, the stock is
// released, and the order is cancelled.
//
// Once money has gone back there is no way but forward, so only the first two steps can be refused, and nothing has
// happened then but that it is in the history why not. The others are patient: they are tried for ever.
//
// Between the refund and the end any time may pass, and more may go back in it. So the fee of the refund is what is kept
// at most; what is kept is decided with the last write, from the order as that write finds it, and told with it.
//
// Who may be doing something else at the same time, and why it comes out right:
//   the saga that places the order   has the order alone while it is `pending` (place-order.ts)
//   who packs and ships              does not move an order whose cancellation is asked for (D1 in order.ts)
//   another cancellation             is the same saga
//   staff who refund                 may be first or second; how much is left is read from payments, which never gives
//                                    back more than there is, and the refund has one id, so it is made once
//   a dispute that is lost           as staff who refund all that is left

import {
  currentContext,
  Outage,
  Refusal,
  type Saga,
  type SagaEngine,
  saga,
  uuidOf,
  WriteRefused,
} from "@webstore/kit";
import type { GetPaymentResponse } from "@webstore/proto/payments/v1";
import { keptFee, nextOf, type Settlement, type Standing } from "./cancellation.ts";
import { refundNoted } from "./note-refund.ts";
import { endings, type Order } from "./order.ts";
import { orderCancelled } from "./order-event.ts";
import type { OrderStore } from "./order-store.ts";
import { refuse } from "./refusals.ts";
import { aboutTheRest, byOrder, holdsNothing, notAnswered, type SagaPorts, timeOf } from "./saga-ports.ts";
import { findOrder } from "./show-orders.ts";

export type CancelOrderInput = Pick<Order, "orderId" | "customerId" | "currency">;

export const cancelOrderSaga = saga<CancelOrderInput, SagaPorts>("cancel-order", {
  // 2: the order is cancelled by a step, which looks at the order again; in 1 it was a write of the saga.
  version: 2,
  givenUp: () => refuse("order_not_cancellable"),
})
  .write("request", {
    do: ({ input, store }) => store.expectCancellable(input.orderId),
    undo: ({ input, store, refusal, nowMs }) =>
      store.noteNotCancelled(input.orderId, {
        reason: `not cancelled: ${refusal.details.cause ?? refusal.reason}`,
        at: timeOf(nowMs),
      }),
    whenRefused: () => refuse("order_not_cancellable"),
  })
  .step("refund", {
    patient: true,
    do: ({ input, payments }) => giveBack(input, payments),
  })
  .step("refundNoting", {
    patient: true,
    do: async ({ input, refund, ...ports }) => {
      const order = await found(input, ports.store);
      const { refundedMinor } = refund;
      const noted = refundNoted(order, { refundedMinor, reason: "cancelled" }, ports);
      if (noted.length > 0) await ports.store.commit(noted).catch(overtaken);
      return { refundedMinor };
    },
  })
  .step("release", {
    patient: true,
    do: async ({ input, inventory }) => {
      await inventory.release({ reservation_id: input.orderId }).catch((error: unknown) => {
        // The money has gone back: it is tried until it is done, and a person sees that it is not.
        throw error instanceof Refusal ? new Outage("inventory", `it refuses: ${error.reason}`) : error;
      });
      return { released: true };
    },
  })
  .step("cancelled", {
    patient: true,
    do: async ({ input, refund, store, outbox, nowMs }) => {
      const order = await found(input, store);
      if (order.status === "cancelled") return { feeMinor: order.feeMinor };
      const { refundMinor } = refund;
      const feeMinor = keptFee(order, refund.feeMinor);
      const cancel = store.cancel(order, { feeMinor, reason: "", at: timeOf(nowMs) });
      const told = outbox.publish(orderCancelled(input, { refundMinor, feeMinor }));
      await store.commit(cancel, told).catch(overtaken);
      return { feeMinor };
    },
  });

/**
 * What version 1 began is finished by the steps of version 2: their names, their order and what is kept of them are those of
 * version 1. A process that knows only version 1 leaves version 2 alone, for it would take an order that is cancelled
 * already for one that cannot be.
 */
export const cancelOrderBefore: Saga<CancelOrderInput, SagaPorts> = {
  ...cancelOrderSaga,
  options: { ...cancelOrderSaga.options, version: 1 },
};

async function found({ orderId }: CancelOrderInput, store: OrderStore): Promise<Order> {
  const order = await store.find(orderId);
  if (order === undefined) throw new Error("the order is gone");
  return order;
}

/** Somebody noted a refund in between: look again. */
function overtaken(error: unknown): never {
  throw error instanceof WriteRefused ? new Outage("orders", "the order has just changed") : error;
}

const roundsMax = 5;

/** Gives back what is to be given back. Refused, with the `cause`, when that cannot be. */
async function giveBack(input: CancelOrderInput, payments: SagaPorts["payments"]): Promise<Settlement> {
  const { orderId, currency } = input;
  const refundId = cancelRefundId(orderId);
  let standing = await standingAt(orderId, payments);
  for (let round = 1; round <= roundsMax; round += 1) {
    const next = nextOf(standing);
    if (next.is === "settled") return next.settlement;
    if (next.is === "wait") throw notAnswered("it is not certain yet how much is left");
    if (next.is === "disputed") throw refuse("order_not_cancellable", { cause: "payment_disputed" });
    const amount = { amountMinor: next.amountMinor, currency };
    const asked = { payment: byOrder(orderId), amount, refundId, reason: "the order was cancelled" };
    const refused = await payments.processRefund(asked).then(
      ({ refund }) => {
        if (refund?.settled !== true) throw notAnswered();
        return undefined;
      },
      (error: unknown) => {
        if (error instanceof Refusal && aboutTheRest.includes(error.reason)) return error;
        throw error;
      },
    );
    const now = await standingAt(orderId, payments);
    // Nobody came in between, so it is meant.
    if (refused !== undefined && isSame(standing, now))
      throw refuse("order_not_cancellable", { cause: refused.reason });
    standing = now;
  }
  throw notAnswered("others refund at the same time");
}

export function cancelRefundId(orderId: string): string {
  return uuidOf(orderId, "cancel-refund");
}

const nothing: Standing = {
  capturedMinor: 0n,
  refundedMinor: 0n,
  own: undefined,
  othersUnderWay: false,
  disputed: false,
  certain: true,
};

/** How the money stands; an order from another channel has none here. */
async function standingAt(orderId: string, payments: SagaPorts["payments"]): Promise<Standing> {
  let answer: GetPaymentResponse;
  try {
    answer = await payments.getPayment({ payment: byOrder(orderId) });
  } catch (error) {
    if (error instanceof Refusal && error.reason === "payment_not_found") return nothing;
    throw error;
  }
  const { payment, refunds } = answer;
  if (payment === undefined) throw notAnswered();
  const own = refunds.find(({ refundId }) => refundId === cancelRefundId(orderId));
  return {
    capturedMinor: payment.capturedMinor,
    refundedMinor: payment.refundedMinor,
    own: own && { amountMinor: own.amount?.amountMinor ?? 0n, settled: own.settled },
    othersUnderWay: refunds.some((refund) => !refund.settled && refund !== own),
    disputed: payment.status === "PAYMENT_STATUS_DISPUTED",
    certain: payment.capturedMinor > 0n || holdsNothing.includes(payment.status),
  };
}

function isSame(one: Standing, other: Standing): boolean {
  return (
    one.capturedMinor === other.capturedMinor &&
    one.refundedMinor === other.refundedMinor &&
    one.own?.settled === other.own?.settled &&
    one.othersUnderWay === other.othersUnderWay &&
    one.disputed === other.disputed
  );
}

const waitMs = 10_000;
/** A cancellation that was refused, such as one of a disputed payment, may be carried out when it is asked for again. */
const attemptsMax = 20;

export async function executeCancellation(
  orderId: string,
  ports: {
    readonly store: OrderStore;
    readonly sagas: SagaEngine<SagaPorts>;
    readonly wakeRelay: () => void;
  },
): Promise<Order> {
  const order = await findOrder(orderId, ports);
  if (endings.includes(order.status)) return order;
  if (order.status === "pending") {
    // Its saga sees to it, also when it waits for the shopper.
    if (order.cancelRequested) await ports.sagas.wake(orderId);
    return order;
  }
  if (!order.cancelRequested) throw refuse("order_not_cancellable");
  await cancelled(order, ports.sagas);
  ports.wakeRelay();
  return findOrder(orderId, ports);
}

/** Begins it, or finds it begun; refused when it is. */
async function cancelled(order: Order, sagas: SagaEngine<SagaPorts>): Promise<void> {
  const { orderId, customerId, currency } = order;
  const traceparent = currentContext().span?.traceparent ?? "";
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const id = cancellationId(orderId, attempt);
    if ((await sagas.find(id))?.status === "refused") continue;
    const input = { orderId, customerId, currency };
    await sagas.begin(cancelOrderSaga, { id, requestHash: orderId, input, traceparent });
    const outcome = await sagas.settle(id, waitMs);
    if (outcome?.status === "refused") break;
    return;
  }
  throw refuse("order_not_cancellable");
}

export function cancellationId(orderId: string, attempt: number): string {
  return uuidOf(orderId, "cancel-order", attempt.toString());
}

/** How many attempts there were, when all of them were refused; 0 when one is under way, or done. */
export async function refusedAttempts(
  orderId: string,
  sagas: Pick<SagaEngine<never>, "find">,
): Promise<number> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const saga = await sagas.find(cancellationId(orderId, attempt));
    if (saga === undefined) return attempt - 1;
    if (saga.status !== "refused") return 0;
  }
  return attemptsMax;
}

/** Those of all attempts that there may have been. */
export function cancellationIds(orderId: string): string[] {
  return Array.from({ length: attemptsMax }, (_, index) => cancellationId(orderId, index + 1));
}
