// Ask for an order to be cancelled. The asking is durable, with the event that sets the cancellation
// itself in motion (execute-cancellation.ts); giving the money back is not done while the shopper waits.
//
// Who asks again changes nothing, unless the cancellation was refused or turned back by an operator: then it is set in
// motion anew, for money may have gone back already, and nothing else moves the order.

import { Outage, type Outbox, type Principal, type SagaEngine, WriteRefused } from "@webstore/kit";
import { cancellationId, refusedAttempts } from "./execute-cancellation.ts";
import { cancellable, type Order } from "./order.ts";
import { orderCancelRequested } from "./order-event.ts";
import { refuse } from "./refusals.ts";
import { type ShowPorts, showOrder } from "./show-orders.ts";

type Ports = ShowPorts & {
  readonly sagas: Pick<SagaEngine<never>, "wake">;
  readonly outbox: Outbox;
  readonly wakeRelay: () => void;
};

/** How many attempts may have been refused for asking to make another; more are left to what payments has to tell. */
const refusedMax = 10;

export async function cancelOrder(orderId: string, asks: Principal, ports: Ports): Promise<Order> {
  const { store, sagas, outbox, wakeRelay } = ports;
  const order = await showOrder(orderId, asks, ports);
  if (order.cancelRequested) {
    await askAgain(order, ports);
    return order;
  }
  if (!cancellable.includes(order.status)) throw refuse("order_not_cancellable");

  try {
    await store.commit(store.requestCancel(orderId), outbox.publish(orderCancelRequested(order)));
    wakeRelay();
    // It may wait for the shopper to confirm the payment, which nobody will do now.
    if (order.status === "pending") await sagas.wake(orderId);
  } catch (error) {
    if (!(error instanceof WriteRefused)) throw error;
    // It moved meanwhile: somebody else asked, or it can no longer be cancelled.
  }
  const now = await showOrder(orderId, asks, ports);
  if (now.cancelRequested) return now;
  if (cancellable.includes(now.status)) throw new Outage("orders", "the order is just being opened");
  throw refuse("order_not_cancellable");
}

/** One event for each attempt, however often it is asked for. */
async function askAgain(order: Order, { store, sagas, outbox, wakeRelay }: Ports): Promise<void> {
  // While it is `pending` the saga that places it sees to it.
  if (order.status === "pending" || !cancellable.includes(order.status)) return;
  const refused = await refusedAttempts(order.orderId, sagas);
  if (refused === 0 || refused > refusedMax) return;
  const next = cancellationId(order.orderId, refused + 1);
  await store.commit(outbox.publish(orderCancelRequested(order, next)));
  wakeRelay();
}
