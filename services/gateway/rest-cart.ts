// REST: the caller's cart. Every change answers the cart as it is then.

import type { Cart } from "@webstore/proto/storefront/v1";
import { z } from "zod";
import { present } from "./present.ts";
import { cartJson, cartShape, quantity, uuid } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

const answers = { 200: { description: "The cart as it is now.", schema: cartShape } };
const item = z.object({ product_id: uuid });

const cartAnswer = ({ cart }: { cart: Cart | undefined }) => ({
  status: 200,
  body: cartJson(present(cart, "cart")),
});

export function cartRoutes(storefront: Storefront): Route[] {
  return [
    route("addToCart", {
      tag: "cart",
      summary: "Put more of a product into the cart. With an Idempotency-Key it may be repeated.",
      body: z.strictObject({ product_id: uuid, quantity: quantity(1) }),
      idempotencyKey: "optional",
      answers,
      refusals: ["product_not_found", "quantity_too_large", "cart_full", "currency_mismatch"],
      handle: async ({ body }) =>
        cartAnswer(await storefront.addToCart({ productId: body.product_id, quantity: body.quantity })),
    }),
    route("getCart", {
      tag: "cart",
      summary: "The cart, at the prices of now.",
      answers,
      refusals: [],
      handle: async () => cartAnswer(await storefront.getCart({})),
    }),
    route("updateCartItem", {
      tag: "cart",
      summary: "Set how many of a product are in the cart; 0 takes it out.",
      params: item,
      body: z.strictObject({ quantity: quantity(0) }),
      answers,
      refusals: ["line_not_found"],
      handle: async ({ params, body }) =>
        cartAnswer(
          await storefront.updateCartItem({ productId: params.product_id, quantity: body.quantity }),
        ),
    }),
    route("removeCartItem", {
      tag: "cart",
      summary: "Take a product out of the cart.",
      params: item,
      answers,
      refusals: [],
      handle: async ({ params }) =>
        cartAnswer(await storefront.removeCartItem({ productId: params.product_id })),
    }),
  ];
}
