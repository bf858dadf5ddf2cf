// Ask for an order to be cancelled. The asking is durable, with the event that sets the cancellation
// itself in motion (execute-cancellation.ts); giving the money back is not done while the shopper waits.

import { Outage, type Outbox, type Principal, type SagaEngine, WriteRefused } from "@webstore/kit";
import { cancellable, type Order } from "./order.ts";
import { orderCancelRequested } from "./order-event.ts";
import { refuse } from "./refusals.ts";
import { type ShowPorts, showOrder } from "./show-orders.ts";

export async function cancelOrder(
  orderId: string,
  asks: Principal,
  ports: ShowPorts & {
    readonly sagas: Pick<SagaEngine<never>, "wake">;
    readonly outbox: Outbox;
    readonly wakeRelay: () => void;
  },
): Promise<Order> {
  const { store, sagas, outbox, wakeRelay } = ports;
  const order = await showOrder(orderId, asks, ports);
  if (order.cancelRequested) return order;
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
