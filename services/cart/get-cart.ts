// The cart, for whoever may see it; anybody else finds it empty.

import type { Principal } from "@webstore/kit";
import { type Cart, cartOf, emptyCart } from "./cart.ts";
import type { CartStore } from "./cart-store.ts";

export async function getCart(store: CartStore, principal: Principal, askedId: string): Promise<Cart> {
  const { customerId, visible } = cartOf(principal, askedId);
  return visible ? store.get(customerId) : emptyCart(customerId);
}
