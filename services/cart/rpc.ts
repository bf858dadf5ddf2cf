// The cart contract, method by method.

import { currentContext, type HandlersOf } from "@webstore/kit";
import type { Cart as CartMessage, CartServiceDefinition } from "@webstore/proto/cart/v1";
import { type AddItemParts, addItem } from "./add-item.ts";
import type { Cart } from "./cart.ts";
import { getCart } from "./get-cart.ts";
import { updateItem } from "./update-item.ts";

export function rpc(parts: AddItemParts): HandlersOf<typeof CartServiceDefinition> {
  const { store, nowMs } = parts;
  return {
    addItem: async (request) => ({ cart: cartMessage(await addItem(parts, currentContext(), request)) }),
    getCart: async ({ customerId }) => ({
      cart: cartMessage(await getCart(store, currentContext().principal, customerId)),
    }),
    updateItem: async (request) => ({
      cart: cartMessage(await updateItem(parts, currentContext().principal, request)),
    }),
    removeItem: async (request) => ({
      cart: cartMessage(await updateItem(parts, currentContext().principal, { ...request, quantity: 0 })),
    }),
    clearOrderedLines: async ({ customerId, orderId, lines }) => ({
      cart: cartMessage(await store.clearOrdered(customerId, { orderId, lines, nowMs: nowMs() })),
    }),
  };
}

function cartMessage({ customerId, lines, currency, updateTimeMs }: Cart): CartMessage {
  const updateTime = updateTimeMs === undefined ? undefined : new Date(updateTimeMs);
  return { customerId, lines: [...lines], currency, updateTime };
}
