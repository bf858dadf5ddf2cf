// Take note that money of an order went back: what went back in all rises, and the books are told by how much.
//
// Whoever hears of it first notes it; whoever comes later with the same or with less notes nothing. So it does not matter
// how often and in which order it is heard.

import { type Outbox, type Write, writes } from "@webstore/kit";
import { isSold, type Order } from "./order.ts";
import { orderRefunded } from "./order-event.ts";
import type { OrderStore } from "./order-store.ts";
import { timeOf } from "./saga-ports.ts";

/** Nothing when it was noted already, or when the order never was in the books. `order` is as it was found; O4 does the rest. */
export function refundNoted(
  order: Order,
  is: { refundedMinor: bigint; reason: string },
  { store, outbox, nowMs }: { store: OrderStore; outbox: Outbox; nowMs: () => number },
): Write {
  if (!isSold(order) || is.refundedMinor <= order.refundedMinor) return [];
  return writes(
    store.refund(order, { ...is, at: timeOf(nowMs) }),
    outbox.publish(orderRefunded(order, { fromMinor: order.refundedMinor, toMinor: is.refundedMinor })),
  );
}
