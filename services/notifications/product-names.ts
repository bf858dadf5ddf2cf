// What the products of an order were called when they were ordered. Orders is asked once for all mails of an order that go
// out soon after each other.
//
// Invariants:
//   P1. Only names that orders has told are kept: an order's lines keep those they were bought under. That it did not
//       answer, or does not know the order, is forgotten at once.
//   P2. At most `ordersMax` orders are kept; the one that was asked for first is forgotten first.

import { type PortsOf, Refusal } from "@webstore/kit";
import type { GetOrderResponse } from "@webstore/proto/orders/v1";
import type { notifications } from "./definition.ts";
import type { ProductNames } from "./letter.ts";

/** Throws what orders throws. Empty for an order that it does not know: the mail is worth more than the names in it. */
export type NamesOf = (orderId: string) => Promise<ProductNames>;

const ordersMax = 300;

export function productNames({ orders }: Pick<PortsOf<typeof notifications>, "orders">): NamesOf {
  const kept = new Map<string, Promise<ProductNames>>();

  function ask(orderId: string): Promise<ProductNames> {
    const names = namesIn(orders.getOrder({ orderId }));
    kept.set(orderId, names);
    if (kept.size > ordersMax) kept.delete(kept.keys().next().value ?? orderId);
    return names;
  }

  return async (orderId) => {
    try {
      return await (kept.get(orderId) ?? ask(orderId));
    } catch (error) {
      kept.delete(orderId);
      if (error instanceof Refusal && error.reason === "order_not_found") return new Map();
      throw error;
    }
  };
}

async function namesIn(asked: Promise<GetOrderResponse>): Promise<ProductNames> {
  const { order } = await asked;
  return new Map(order?.lines.map(({ productId, name }) => [productId, name]));
}
