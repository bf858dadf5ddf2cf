// Process an order that was placed: price it when it came without prices, else verify its price, and set it going
// (`processing`). What the customer is told of it is up to notifications, which hears of the transition.
//
// Invariants:
//   O1. An order is untouched unless its price is right.
//   O2. An order whose cancellation was asked for is left alone, also when that is asked in between.
//   O3. Doing it again changes nothing more: an order that is on its way, or that has ended, is done already.

import { type Log, Outage, type PortsOf, Refusal } from "@webstore/kit";
import type { Order, OrderStatus } from "@webstore/proto/orders/v1";
import type { orderProcessor } from "./definition.ts";
import { differenceFrom, priceProblem, type ToldPrice } from "./order-price.ts";
import { refuse } from "./refusals.ts";

export type ProcessOrderPorts = Pick<PortsOf<typeof orderProcessor>, "orders"> & { readonly log: Log };

/** `told` is undefined for an order from another channel, of whose price the event knows nothing. */
export async function processOrder(
  is: { readonly orderId: string; readonly customerId: string; readonly told: ToldPrice | undefined },
  ports: ProcessOrderPorts,
): Promise<void> {
  const { orders } = ports;
  const found = await read(is.orderId, ports);
  if (found.customerId !== is.customerId) throw refuse("event_invalid");
  if (nextFor(found) === "nothing") return;
  const order = isUnpriced(found) ? await price(found, ports) : found;
  verify(order, is.told, ports.log);
  try {
    await orders.transitionOrder({
      orderId: is.orderId,
      status: "ORDER_STATUS_PROCESSING",
      reason: "",
    });
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== "transition_refused") throw error;
    // It may have moved since it was read: cancelled, or processed by a repeat of this event.
    if (nextFor(await read(is.orderId, ports)) === "nothing") return;
    throw error;
  }
}

const done: readonly OrderStatus[] = [
  "ORDER_STATUS_PROCESSING",
  "ORDER_STATUS_SHIPPED",
  "ORDER_STATUS_DELIVERED",
  "ORDER_STATUS_CANCELLED",
  "ORDER_STATUS_FAILED",
  "ORDER_STATUS_REFUNDED",
];
const due: readonly OrderStatus[] = ["ORDER_STATUS_NEW", "ORDER_STATUS_PAID"];

function nextFor({ status, cancelRequested }: Order): "process" | "nothing" {
  if (done.includes(status) || cancelRequested) return "nothing";
  if (due.includes(status)) return "process";
  // The event is published by the commit that ends `pending`, so what was read was old.
  if (status === "ORDER_STATUS_PENDING") throw new Outage("orders", "the order is still being placed");
  throw refuse("order_not_processable");
}

const isUnpriced = ({ status, priced }: Order) => status === "ORDER_STATUS_NEW" && !priced;

async function read(orderId: string, { orders }: ProcessOrderPorts): Promise<Order> {
  return present((await orders.getOrder({ orderId })).order);
}

async function price({ orderId }: Order, { orders }: ProcessOrderPorts): Promise<Order> {
  return present((await orders.priceOrder({ orderId })).order);
}

function present(order: Order | undefined): Order {
  if (order === undefined) throw new Outage("orders", "orders answered without an order");
  return order;
}

function verify(order: Order, told: ToldPrice | undefined, log: Log): void {
  const problem = priceProblem(order) ?? (told === undefined ? undefined : differenceFrom(order, told));
  if (problem === undefined) return;
  log.error({ order_id: order.orderId, problem }, "the price of an order is not right; it is left as it is");
  throw refuse("price_mismatch");
}
