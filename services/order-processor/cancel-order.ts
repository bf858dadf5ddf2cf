// Carry out a cancellation that was asked for. The carrying out is a saga of orders, which goes on by itself once it has
// begun; this begins it and sees to its end, so that a cancellation that gets nowhere is found among the dead letters.

import { Outage, type PortsOf } from "@webstore/kit";
import type { OrderStatus } from "@webstore/proto/orders/v1";
import type { orderProcessor } from "./definition.ts";

export type CancelOrderPorts = Pick<PortsOf<typeof orderProcessor>, "cancellations">;

/** `pending` is left to the saga that places the order: it sees that nobody wants it any more, and undoes it. */
const ended: readonly OrderStatus[] = [
  "ORDER_STATUS_CANCELLED",
  "ORDER_STATUS_FAILED",
  "ORDER_STATUS_REFUNDED",
  "ORDER_STATUS_PENDING",
];

export async function cancelOrder(
  { orderId }: { readonly orderId: string },
  { cancellations }: CancelOrderPorts,
): Promise<void> {
  const { order } = await cancellations.executeCancellation({ orderId });
  if (order === undefined || !ended.includes(order.status)) {
    throw new Outage("orders", "the cancellation goes on and has not ended yet");
  }
}
