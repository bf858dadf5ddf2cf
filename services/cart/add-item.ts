// Put more of a product into the cart, if it can be bought.

import { kitRefusals, type PortsOf, type RequestContext } from "@webstore/kit";
import { additionKey, type Cart, cartOf } from "./cart.ts";
import type { CartStore } from "./cart-store.ts";
import type { cart } from "./definition.ts";
import { refusals } from "./refusals.ts";

export type AddItemParts = {
  store: CartStore;
  ports: PortsOf<typeof cart>;
  onAdded: (productId: string) => void;
  nowMs: () => number;
};

export async function addItem(
  { store, ports, onAdded, nowMs }: AddItemParts,
  { principal, idempotencyKey }: RequestContext,
  is: { customerId: string; productId: string; quantity: number },
): Promise<Cart> {
  const { customerId, visible } = cartOf(principal, is.customerId);
  if (!visible) throw kitRefusals.refuse("permission_denied");
  const { products } = await ports.catalog.batchGetProducts({ productIds: [is.productId] });
  const product = products.find(({ productId, active }) => active && productId === is.productId);

  // The store refuses, even what the catalog does not sell: only it knows whether this repeats an add that stands.
  const { outcome, cart } = await store.add(customerId, {
    productId: is.productId,
    quantity: is.quantity,
    currency: product?.price?.currency,
    key: additionKey(idempotencyKey, is),
    nowMs: nowMs(),
  });
  if (outcome === "repeated") return cart;
  if (outcome !== "added") throw refusals.refuse(outcome);
  onAdded(is.productId);
  return cart;
}
