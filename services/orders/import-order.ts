// Import an order: take down what another channel has sold, and tell of it. It has no prices yet (price-order.ts), no
// payment and no reservation of stock here: its channel sees to those.

import { invalidRequest, type Outbox, UniqueViolation } from "@webstore/kit";
import type { Address } from "@webstore/proto/common/v1";
import { importedOrder, type Order } from "./order.ts";
import { orderCreated } from "./order-event.ts";
import type { OrderStore } from "./order-store.ts";
import { refuse } from "./refusals.ts";

export type Import = {
  readonly orderId: string;
  readonly customerId: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly shippingAddress: Address;
  readonly channel: string;
};

export async function importOrder(
  asked: Import,
  ports: {
    readonly store: OrderStore;
    readonly outbox: Outbox;
    readonly nowMs: () => number;
    readonly wakeRelay: () => void;
  },
): Promise<{ order: Order; replayed: boolean }> {
  const { store, outbox, nowMs, wakeRelay } = ports;
  const products = new Set(asked.lines.map(({ productId }) => productId));
  if (products.size !== asked.lines.length) throw invalidRequest("lines", "must name a product once");
  const at = new Date(nowMs()).toISOString();
  const order = importedOrder({ ...asked, at });
  try {
    await store.commit(store.open(order), outbox.publish(orderCreated(order, "new", at)));
    wakeRelay();
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    const before = await store.find(asked.orderId);
    if (before === undefined || !isSame(before, asked)) throw refuse("idempotency_key_reused");
    return { order: before, replayed: true };
  }
  return { order: (await store.find(asked.orderId)) ?? order, replayed: false };
}

/** Of what was asked for, that is: what has become of the order since does not matter. */
function isSame(order: Order, asked: Import): boolean {
  return wordsOf(order) === wordsOf(asked);
}

function wordsOf({ customerId, channel, lines, shippingAddress }: Import): string {
  const { name, line1, city, postalCode, country } = shippingAddress;
  const goods = lines.map(({ productId, quantity }) => [productId, quantity]);
  return JSON.stringify([customerId, channel, goods, name, line1, city, postalCode, country]);
}

/** What the contract's rules cannot say. */
