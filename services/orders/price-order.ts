// Price an order that came without prices. One that has prices keeps them, whatever the catalog says by now.

import { type PortsOf, WriteRefused } from "@webstore/kit";
import type { orders } from "./definition.ts";
import type { Order } from "./order.ts";
import type { OrderStore } from "./order-store.ts";
import { priceLines } from "./price-lines.ts";
import type { PriceRules } from "./pricing.ts";
import { refuse } from "./refusals.ts";

export async function priceOrder(
  orderId: string,
  ports: Pick<PortsOf<typeof orders>, "catalog"> & {
    readonly store: OrderStore;
    readonly rules: PriceRules;
  },
): Promise<Order> {
  const { store } = ports;
  const order = await found(orderId, store);
  // One that ended before it was priced costs nothing for ever.
  if (order.priced || order.status !== "new") return order;
  const price = await priceLines(order.lines, ports);
  try {
    await store.commit(store.price(orderId, price));
  } catch (error) {
    // Somebody else priced it, or it ended; theirs stands.
    if (!(error instanceof WriteRefused)) throw error;
  }
  return found(orderId, store);
}

async function found(orderId: string, store: OrderStore): Promise<Order> {
  const order = await store.find(orderId);
  if (order === undefined) throw refuse("order_not_found");
  return order;
}
