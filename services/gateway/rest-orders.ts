// REST: checkout, and orders afterwards.

import { currentContext, kitRefusals } from "@webstore/kit";
import type { CheckoutResponse, Order } from "@webstore/proto/storefront/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import { listOrders } from "./list-orders.ts";
import { orderView } from "./order-view.ts";
import { present } from "./present.ts";
import {
  address,
  addressOf,
  orderJson,
  orderShape,
  orderStatuses,
  pageOf,
  pageSize,
  pageToken,
  text,
  uuid,
} from "./rest-shapes.ts";
import { type Answer, type Route, route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

const orderParams = z.object({ order_id: uuid });
const paymentMethod = z.strictObject({
  token: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,255}$/, "must be a token of the payment provider")
    .meta({ example: "pm_card_visa" }),
});

/** A new order is 201, one that was known already 200, and one whose outcome is not known yet 202. */
function checkoutAnswer({ order, replayed }: CheckoutResponse): Answer {
  const body = orderJson(present(order, "order"));
  const status = body.status === "pending" ? 202 : replayed ? 200 : 201;
  return { status, headers: { location: `/orders/${body.order_id}` }, body };
}

const orderAnswer = (status: number, order: Order | undefined): Answer => ({
  status,
  body: orderJson(present(order, "order")),
});

export function orderRoutes(storefront: Storefront, ports: Pick<Ports, "orders">): Route[] {
  return [checkoutRoute(storefront), listRoute(ports), ...oneOrderRoutes(storefront)];
}

function checkoutRoute(storefront: Storefront): Route {
  return route({
    method: "POST",
    path: "/checkout",
    access: "user",
    name: "checkout",
    tag: "orders",
    summary: "Order what is in the cart and pay for it. The same Idempotency-Key answers the same order.",
    body: z.strictObject({
      payment_method: paymentMethod,
      shipping_address: address,
      coupon: text(32).optional(),
    }),
    idempotencyKey: "required",
    deadlineMs: 16_000,
    answers: {
      201: { description: "Ordered and paid.", schema: orderShape },
      200: { description: "The key was known: the order as it is.", schema: orderShape },
      202: { description: "It takes longer; follow the order.", schema: orderShape },
    },
    refusals: [
      "cart_empty",
      "product_not_found",
      "out_of_stock",
      "amount_too_large",
      "amount_too_small",
      "currency_mismatch",
      "coupon_invalid",
      "card_declined",
      "payment_action_required",
      "idempotency_key_reused",
      "partner_unavailable",
      "order_cancelled",
    ],
    handle: async ({ body, idempotencyKey }) =>
      checkoutAnswer(
        await storefront.checkout({
          idempotencyKey: present(idempotencyKey, "idempotency key"),
          paymentMethod: body.payment_method,
          shippingAddress: addressOf(body.shipping_address),
          coupon: body.coupon ?? "",
        }),
      ),
  });
}

function listRoute(ports: Pick<Ports, "orders">): Route {
  return route({
    method: "GET",
    path: "/orders",
    access: "user",
    name: "listOrders",
    tag: "orders",
    summary: "The caller's orders, the newest first; for staff, with `all`, everybody's.",
    query: z.object({
      all: z.stringbool().default(false).meta({ description: "Everybody's orders. Staff only." }),
      customer_id: uuid.optional().meta({ description: "Those of one customer. Staff only, with `all`." }),
      status: z.enum(orderStatuses).optional(),
      page_size: pageSize,
      page_token: pageToken,
    }),
    answers: { 200: { description: "A page of orders.", schema: pageOf("orders", orderShape) } },
    refusals: [],
    handle: async ({ query }) => {
      if (query.all || query.customer_id !== undefined) requireStaff();
      const { orders, nextPageToken } = await listOrders(ports, {
        all: query.all,
        customerId: query.customer_id,
        status: query.status,
        pageSize: query.page_size,
        pageToken: query.page_token,
      });
      const items = orders.map((order) => ({
        ...orderJson(orderView(order)),
        customer_id: order.customerId,
      }));
      return { status: 200, body: { orders: items, next_page_token: nextPageToken } };
    },
  });
}

function oneOrderRoutes(storefront: Storefront): Route[] {
  return [
    route({
      method: "GET",
      path: "/orders/:order_id",
      access: "user",
      name: "getOrder",
      tag: "orders",
      summary: "One order. Somebody else's is not found.",
      params: orderParams,
      answers: { 200: { description: "The order.", schema: orderShape } },
      refusals: ["order_not_found"],
      handle: async ({ params }) =>
        orderAnswer(200, (await storefront.getOrder({ orderId: params.order_id })).order),
    }),
    route({
      method: "POST",
      path: "/orders/:order_id/cancel",
      access: "user",
      name: "cancelOrder",
      tag: "orders",
      summary: "Ask for an order to be cancelled. The cancellation follows; the order shows it.",
      params: orderParams,
      answers: { 202: { description: "Asked for; the order as it is.", schema: orderShape } },
      refusals: ["order_not_found", "order_not_cancellable"],
      handle: async ({ params }) =>
        orderAnswer(202, (await storefront.cancelOrder({ orderId: params.order_id })).order),
    }),
  ];
}

function requireStaff() {
  const { principal } = currentContext();
  if (principal.kind !== "user" || principal.role !== "admin") throw kitRefusals.refuse("permission_denied");
}
