// Set how many of a product are in the cart; none of it takes the line out.

import type { Principal } from "@webstore/kit";
import { type Cart, cartOf, emptyCart, setQuantity } from "./cart.ts";
import type { CartStore } from "./cart-store.ts";
import { refusals } from "./refusals.ts";

export async function updateItem(
  { store, nowMs }: { store: CartStore; nowMs: () => number },
  principal: Principal,
  is: { customerId: string; productId: string; quantity: number },
): Promise<Cart> {
  const { customerId, visible } = cartOf(principal, is.customerId);
  const line = { productId: is.productId, quantity: is.quantity, nowMs: nowMs() };
  const cart = visible ? await store.setQuantity(customerId, line) : setQuantity(emptyCart(customerId), line);
  if (cart === undefined) throw refusals.refuse("line_not_found");
  return cart;
}
