// Carts in memory.

import { add, type Cart, clearOrdered, emptyCart, type KeptCart, setQuantity } from "./cart.ts";
import type { CartStore } from "./cart-store.ts";

export function memoryCartStore(): CartStore {
  const carts = new Map<string, KeptCart>();
  const get = (customerId: string) => carts.get(customerId) ?? emptyCart(customerId);
  const put = (cart: KeptCart) => {
    carts.set(cart.customerId, cart);
    return shown(cart);
  };

  return {
    get: async (customerId) => shown(get(customerId)),
    async add(customerId, addition) {
      const { outcome, cart } = add(get(customerId), addition);
      return { outcome, cart: put(cart) };
    },
    async setQuantity(customerId, line) {
      const cart = setQuantity(get(customerId), line);
      return cart === undefined ? undefined : put(cart);
    },
    clearOrdered: async (customerId, order) => put(clearOrdered(get(customerId), order)),
  };
}

function shown({ customerId, lines, currency, updateTimeMs }: KeptCart): Cart {
  return { customerId, lines, currency, updateTimeMs };
}
