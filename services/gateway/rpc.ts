// The storefront contract, method by method. One set of handlers serves all three faces: gRPC directly,
// Connect through connect.ts, REST through the rest-*.ts files.

import type { HandlersOf } from "@webstore/kit";
import type { StorefrontServiceDefinition } from "@webstore/proto/storefront/v1";
import { cancelOrder } from "./cancel-order.ts";
import { cartView } from "./cart-view.ts";
import { checkout } from "./checkout.ts";
import type { Ports } from "./definition.ts";
import { listOrders } from "./list-orders.ts";
import { listProducts } from "./list-products.ts";
import { orderView } from "./order-view.ts";
import { present } from "./present.ts";
import { oneProductView } from "./product-view.ts";

export type Storefront = HandlersOf<typeof StorefrontServiceDefinition>;

/** `currency`: what the price filters speak of. */
export function rpc(
  ports: Ports,
  { currency, checkoutWaitMs, newId }: { currency: string; checkoutWaitMs: number; newId: () => string },
): Storefront {
  // A shopper is whoever the token names, so no request names a customer.
  const customerId = "";
  return {
    register: (request) => ports.identity.register(request),
    login: async (request) => present((await ports.identity.login(request)).tokens, "tokens"),
    refresh: async (request) => present((await ports.identity.refresh(request)).tokens, "tokens"),

    listProducts: (request) => listProducts(ports, request, { currency }),
    getProduct: async (request) => {
      const { product } = await ports.catalog.getProduct(request);
      return { product: await oneProductView(ports, product) };
    },

    addToCart: async (request) => {
      const { cart } = await ports.cart.addItem({ customerId, ...request });
      return { cart: await cartView(ports, cart) };
    },
    getCart: async () => {
      const { cart } = await ports.cart.getCart({ customerId });
      return { cart: await cartView(ports, cart) };
    },
    updateCartItem: async (request) => {
      const { cart } = await ports.cart.updateItem({ customerId, ...request });
      return { cart: await cartView(ports, cart) };
    },
    removeCartItem: async (request) => {
      const { cart } = await ports.cart.removeItem({ customerId, ...request });
      return { cart: await cartView(ports, cart) };
    },

    checkout: (request) => checkout(ports, request, checkoutWaitMs),
    listOrders: async ({ pageSize, pageToken }) => {
      const own = { all: false, customerId: undefined, status: undefined };
      const { orders, nextPageToken } = await listOrders(ports, { ...own, pageSize, pageToken });
      return { orders: orders.map(orderView), nextPageToken };
    },
    getOrder: async (request) => ({ order: orderView((await ports.orders.getOrder(request)).order) }),
    cancelOrder: (request) => cancelOrder({ ports, newId }, request),
  };
}
