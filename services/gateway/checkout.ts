// Order what is in the cart and pay for it. The saga is the orders service's; this asks for it and shows its order.

import type { CheckoutRequest, CheckoutResponse } from "@webstore/proto/storefront/v1";
import type { Ports } from "./definition.ts";
import { orderView } from "./order-view.ts";

export async function checkout(
  { orders }: Pick<Ports, "orders">,
  request: CheckoutRequest,
  /** How long a shopper waits for the outcome; after that the order is shown as pending. */
  waitMs: number,
): Promise<CheckoutResponse> {
  const { order, replayed, paymentClientSecret } = await orders.placeOrder({
    idempotencyKey: request.idempotencyKey,
    paymentMethodToken: request.paymentMethod?.token ?? "",
    shippingAddress: request.shippingAddress,
    coupon: request.coupon,
    waitMs,
  });
  return { order: orderView(order), replayed, paymentClientSecret };
}
