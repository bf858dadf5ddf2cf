// The JSON of the REST API: its schemas, from which the OpenAPI document is made, and how the views
// of the storefront contract become it. Names are snake_case; money is a decimal string with its currency;
// what is not known yet is null, never absent.

import { amountPattern, decimalOf } from "@webstore/kit";
import type { Address, Money } from "@webstore/proto/common/v1";
import type { Cart, Line, Order, Price, Product } from "@webstore/proto/storefront/v1";
import { z } from "zod";

// What requests are made of. Bounds are those of the contracts; the services check them again.

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** No control characters but those of plain text: a database cannot keep the others. */
const textPattern = /^[\P{Cc}\t\n\r]*$/u;

export const uuid = z.string().regex(uuidPattern, "must be a UUID in lower case").meta({ format: "uuid" });
export const text = (max: number, min = 1) =>
  z.string().min(min).max(max).regex(textPattern, "must not have control characters");
export const country = z.string().regex(/^[A-Z]{2}$/, "must be an ISO 3166-1 alpha-2 code in upper case");
export const currency = z.string().regex(/^[A-Z]{3}$/, "must be an ISO 4217 code in upper case");
export const amount = z.string().regex(amountPattern, "must be a decimal amount such as 19.99");
export const quantity = (min: number) => z.int().min(min).max(99);
export const money = z.strictObject({ amount, currency }).meta({ id: "GivenMoney" });
export const pageSize = z.coerce.number().int().min(1).max(100).default(20);
export const pageToken = text(512, 0).default("");

export const time = z.iso
  .datetime({ offset: true, error: "must be a time such as 2026-01-02T03:04:05Z" })
  // What is no time at all has been said so.
  .refine((text) => !(Date.parse(text) < 0), "must be 1970 or later")
  .transform((text) => new Date(text))
  .meta({ format: "date-time" });
/** Why staff step in, for the audit log. */
export const reason = text(200);
/** Where it may be left out. */
export const reasonOrNone = text(200, 0).default("");

export const address = z
  .strictObject({
    name: text(100),
    line1: text(200),
    city: text(100),
    postal_code: text(20, 0).default(""),
    country,
  })
  .meta({ id: "GivenAddress" });

export function addressOf(given: z.output<typeof address>): Address {
  const { postal_code: postalCode, ...rest } = given;
  return { ...rest, postalCode };
}

// What answers are made of.

export const priceShape = z
  .strictObject({ amount: z.string(), currency: z.string() })
  .meta({ id: "Money", example: { amount: "19.99", currency: "USD" } });

export const productShape = z
  .strictObject({
    product_id: z.string(),
    name: z.string(),
    description: z.string(),
    price: priceShape,
    tags: z.array(z.string()),
    images: z.array(z.strictObject({ url: z.string(), width: z.int(), height: z.int() })),
    stock: z.int().nullable().describe("How many there are; null while the inventory does not answer."),
  })
  .meta({ id: "Product" });

const lineShape = z
  .strictObject({
    product_id: z.string(),
    name: z.string(),
    quantity: z.int(),
    unit_price: priceShape.nullable(),
    line_total: priceShape.nullable(),
  })
  .meta({ id: "Line" });

export const cartShape = z
  .strictObject({
    lines: z.array(lineShape),
    subtotal: priceShape.nullable().describe("Null for an empty cart."),
  })
  .meta({ id: "Cart" });

export const orderStatuses = [
  "new",
  "pending",
  "paid",
  "processing",
  "shipped",
  "delivered",
  "cancelled",
  "failed",
  "refunded",
] as const;

export const timeShape = z.string().meta({ format: "date-time" }).nullable();

export const orderShape = z
  .strictObject({
    order_id: z.string(),
    customer_id: z.string().optional().describe("For staff."),
    status: z.enum(orderStatuses),
    subtotal: priceShape.nullable(),
    shipping: priceShape.nullable(),
    discount: priceShape.nullable(),
    total: priceShape.nullable(),
    payment_id: z.string().nullable(),
    receipt_url: z.string().nullable(),
    lines: z.array(lineShape),
    history: z.array(z.strictObject({ status: z.enum(orderStatuses), at: timeShape })),
    failure_reason: z.string().nullable().describe("Why it failed: a reason of the checkout."),
    refunded: priceShape.nullable().describe("What went back; null when nothing did."),
    fee: priceShape
      .nullable()
      .describe("What the store kept of it when it was cancelled; null when nothing."),
    cancel_requested: z.boolean(),
    shipping_address: z
      .strictObject({
        name: z.string(),
        line1: z.string(),
        city: z.string(),
        postal_code: z.string(),
        country: z.string(),
      })
      .nullable(),
    created_at: timeShape,
  })
  .meta({ id: "Order" });

export const paymentStatuses = [
  "created",
  "authorized",
  "captured",
  "partially_refunded",
  "refunded",
  "voided",
  "failed",
  "requires_action",
  "disputed",
  "unknown",
] as const;

/** `{"<plural>": [...], "next_page_token": ""}` */
export function pageOf<N extends string>(plural: N, item: z.ZodType) {
  return z.strictObject({ [plural]: z.array(item), next_page_token: z.string() });
}

export const problemShape = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    trace_id: z.string(),
    reason: z.string().describe("Stable; programs decide by it."),
    errors: z
      .array(z.strictObject({ field: z.string(), description: z.string() }))
      .optional()
      .describe("The fields at fault."),
    details: z.record(z.string(), z.string()).optional().describe("Facts, such as the decline code."),
  })
  .meta({ id: "Problem", description: "RFC 9457" });

// From the views to the JSON.

export function productJson(product: Product): z.input<typeof productShape> {
  return {
    product_id: product.productId,
    name: product.name,
    description: product.description,
    price: product.price as Price,
    tags: product.tags,
    images: product.images,
    stock: product.stock ?? null,
  };
}

export function lineJson(line: Line): z.input<typeof lineShape> {
  return {
    product_id: line.productId,
    name: line.name,
    quantity: line.quantity,
    unit_price: line.unitPrice ?? null,
    line_total: line.lineTotal ?? null,
  };
}

export function cartJson(cart: Cart): z.input<typeof cartShape> {
  return { lines: cart.lines.map(lineJson), subtotal: cart.subtotal ?? null };
}

type Status = (typeof orderStatuses)[number];

export function orderJson(order: Order): z.input<typeof orderShape> {
  return {
    order_id: order.orderId,
    status: order.status as Status,
    subtotal: order.subtotal ?? null,
    shipping: order.shipping ?? null,
    discount: order.discount ?? null,
    total: order.total ?? null,
    payment_id: order.paymentId || null,
    receipt_url: order.receiptUrl || null,
    lines: order.lines.map(lineJson),
    history: order.history.map(({ status, at }) => ({ status: status as Status, at: timeJson(at) })),
    failure_reason: order.failureReason || null,
    refunded: order.refunded ?? null,
    fee: order.fee ?? null,
    cancel_requested: order.cancelRequested,
    shipping_address: order.shippingAddress === undefined ? null : addressJson(order.shippingAddress),
    created_at: timeJson(order.createTime),
  };
}

function addressJson({ name, line1, city, postalCode, country }: Address) {
  return { name, line1, city, postal_code: postalCode, country };
}

export function moneyJson({ amountMinor, currency }: Money): Price {
  return { amount: decimalOf(amountMinor, currency), currency };
}

/** What somebody has nothing of is null. */
export function moneyOrNullJson(money: Money | undefined): Price | null {
  return money === undefined ? null : moneyJson(money);
}

export function timeJson(at: Date | undefined): string | null {
  return at?.toISOString() ?? null;
}
