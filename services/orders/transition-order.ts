// Move an order on, as the people who pack and ship it do, and tell of it. The places of the saga and of the money
// (paid, cancelled, refunded, …) are not theirs to set.

import { type Outbox, WriteRefused } from "@webstore/kit";
import { movedByHand, type Order, type Status } from "./order.ts";
import { orderMovedTo } from "./order-event.ts";
import type { OrderStore } from "./order-store.ts";
import { refuse } from "./refusals.ts";

const byHand: readonly Status[] = ["processing", "shipped", "delivered"];
const triesMax = 3;

export async function transitionOrder(
  is: { orderId: string; to: Status | undefined; reason: string },
  ports: { store: OrderStore; outbox: Outbox; nowMs: () => number; wakeRelay: () => void },
): Promise<Order> {
  const { store, outbox, nowMs, wakeRelay } = ports;
  const { orderId, to, reason } = is;
  if (to === undefined || !byHand.includes(to)) throw refuse("transition_refused");
  for (let attempt = 1; ; attempt += 1) {
    const order = await store.find(orderId);
    if (order === undefined) throw refuse("order_not_found");
    const answer = movedByHand(order, to);
    if (answer === "none") return order;
    if (answer === "refused") throw refuse("transition_refused");
    const at = new Date(nowMs()).toISOString();
    try {
      const move = { from: order.status, to, reason, at };
      const moved = await store.commitMove(orderId, move, outbox.publish(orderMovedTo(order, to)));
      wakeRelay();
      return moved;
    } catch (error) {
      // It moved between the look and the change: look again.
      if (!(error instanceof WriteRefused) || attempt >= triesMax) throw error;
    }
  }
}
