// REST: checkout, and orders afterwards.

import { currentContext, kitRefusals } from "@webstore/kit";
import type { CheckoutResponse, Order } from "@webstore/proto/storefront/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";
import { listOrders } from "./list-orders.ts";
import { orderView } from "./order-view.ts";
import { present } from "./present.ts";
import { type AuditParts, audited } from "./record-audit.ts";
import {
  address,
  addressOf,
  orderJson,
  orderShape,
  orderStatuses,
  pageOf,
  pageSize,
  pageToken,
  quantity,
  text,
  uuid,
} from "./rest-shapes.ts";
import { type Answer, type Route, route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

export type OrderParts = AuditParts & { readonly ports: Pick<Ports, "orders"> };

const orderParams = z.object({ order_id: uuid });
const paymentMethod = z.strictObject({
  token: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,255}$/, "must be a token of the payment provider")
    .meta({ example: "pm_card_visa" }),
});

const paymentActionShape = z
  .strictObject({ client_secret: z.string() })
  .meta({ description: "What the provider's script in the browser needs to have the payment confirmed." });

/** A new order is 201, one that was known already 200, and one whose outcome is not known yet 202. */
function checkoutAnswer({ order, replayed, paymentClientSecret }: CheckoutResponse): Answer {
  const body = orderJson(present(order, "order"));
  const status = body.status === "pending" ? 202 : replayed ? 200 : 201;
  const location = `/orders/${body.order_id}`;
  if (paymentClientSecret === "") return { status, headers: { location }, body };
  // With the secret anybody may confirm the payment, so nothing on the way keeps it.
  return {
    status,
    headers: { location, "cache-control": "no-store" },
    body: { ...body, payment_action: { client_secret: paymentClientSecret } },
  };
}

const orderAnswer = (status: number, order: Order | undefined): Answer => ({
  status,
  body: orderJson(present(order, "order")),
});

export function orderRoutes(storefront: Storefront, parts: OrderParts): Route[] {
  return [
    checkoutRoute(storefront),
    listRoute(parts.ports),
    ...oneOrderRoutes(storefront),
    importRoute(parts),
  ];
}

function checkoutRoute(storefront: Storefront): Route {
  return route("checkout", {
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
      202: {
        description:
          "It takes longer; follow the order. With `payment_action` the shopper's bank must be asked in the browser first.",
        schema: orderShape
          .extend({ payment_action: paymentActionShape.optional() })
          .meta({ id: "PendingOrder" }),
      },
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
  return route("listOrders", {
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
    route("getOrder", {
      tag: "orders",
      summary: "One order. Somebody else's is not found.",
      params: orderParams,
      answers: { 200: { description: "The order.", schema: orderShape } },
      refusals: ["order_not_found"],
      handle: async ({ params }) =>
        orderAnswer(200, (await storefront.getOrder({ orderId: params.order_id })).order),
    }),
    route("cancelOrder", {
      tag: "orders",
      summary: "Ask for an order to be cancelled. The cancellation follows; the order shows it.",
      description:
        "The store keeps a fee of 5 % of what was paid, rounded half to even, or what is left where less is left; " +
        "the rest goes back. An order that is still being placed is given back whole. `fee` and `refunded` of the order say how much.",
      params: orderParams,
      answers: { 202: { description: "Asked for; the order as it is.", schema: orderShape } },
      refusals: ["order_not_found", "order_not_cancellable"],
      handle: async ({ params }) =>
        orderAnswer(202, (await storefront.cancelOrder({ orderId: params.order_id })).order),
    }),
  ];
}

function importRoute(parts: OrderParts): Route {
  return route("importOrder", {
    tag: "orders",
    summary:
      "Take down an order from another channel, new and without prices. Its id makes repeating it safe.",
    body: z.strictObject({
      order_id: uuid,
      customer_id: uuid,
      lines: z
        .array(z.strictObject({ product_id: uuid, quantity: quantity(1) }))
        .min(1)
        .max(100),
      shipping_address: address,
      channel: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/, "must be 1 to 32 of a-z 0-9 -")
        .meta({ example: "phone" }),
    }),
    answers: {
      201: { description: "Taken down.", schema: orderShape },
      200: { description: "The id was known: the order as it is.", schema: orderShape },
    },
    refusals: ["idempotency_key_reused"],
    handle: async ({ body }) => {
      const request = {
        orderId: body.order_id,
        customerId: body.customer_id,
        lines: body.lines.map(({ product_id, quantity }) => ({ productId: product_id, quantity })),
        shippingAddress: addressOf(body.shipping_address),
        channel: body.channel,
      };
      const audit = { action: "ImportOrder", subject: body.order_id, detail: body.channel };
      const { order, replayed } = await audited(parts, audit, () => parts.ports.orders.importOrder(request));
      return orderAnswer(replayed ? 200 : 201, orderView(order));
    },
  });
}

function requireStaff() {
  const { principal } = currentContext();
  if (principal.kind !== "user" || principal.role !== "admin") throw kitRefusals.refuse("permission_denied");
}
