// Ask for an order to be cancelled. The asking is durable, with the event that sets the cancellation
// itself in motion; giving the money back is not done while the shopper waits.

import { type Outbox, type Principal, WriteRefused } from "@webstore/kit";
import { cancellable, type Order } from "./order.ts";
import { uuidOf } from "./order-id.ts";
import { refuse } from "./refusals.ts";
import { type ShowPorts, showOrder } from "./show-orders.ts";

export async function cancelOrder(
  orderId: string,
  asks: Principal,
  ports: ShowPorts & { readonly outbox: Outbox; readonly wakeRelay: () => void },
): Promise<Order> {
  const { store, outbox, wakeRelay } = ports;
  const order = await showOrder(orderId, asks, ports);
  if (order.cancelRequested) return order;
  if (!cancellable.includes(order.status)) throw refuse("order_not_cancellable");

  const requested = outbox.publish({
    topic: "order-events",
    key: orderId,
    name: "OrderCancelRequested",
    id: uuidOf(orderId, "OrderCancelRequested"),
    data: { orderId, customerId: order.customerId },
  });
  try {
    await store.commit(store.requestCancel(orderId), requested);
    wakeRelay();
  } catch (error) {
    if (!(error instanceof WriteRefused)) throw error;
    // It moved meanwhile: somebody else asked, or it can no longer be cancelled.
  }
  const now = await showOrder(orderId, asks, ports);
  if (!now.cancelRequested) throw refuse("order_not_cancellable");
  return now;
}
