// What the contract's tests are written against: orders in their world, and a shopper's usual ways in it.

import { randomUUID } from "node:crypto";
import { demoUsers, Outage, Refusal } from "@webstore/kit";
import type { Order, PlaceOrderRequest, PlaceOrderResponse } from "@webstore/proto/orders/v1";
import { vi } from "vitest";
import type { Subject, Who, World } from "../testing-world.ts";

export type Shopper = "ada" | "test";
export const userIdOf = (who: Shopper): string => demoUsers[who].userId;

export const address = {
  name: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  country: "GB",
};

export type Placed = PlaceOrderResponse & { readonly order: Order };

export type Shop = {
  /** Looked up at each call, because tests are declared before anything is open. */
  readonly subject: () => Subject;
  as(who: Who): ReturnType<Subject["as"]>;
  /** A new product, and its id. */
  product(is?: { amountMinor?: bigint; currency?: string; name?: string }): Promise<string>;
  /** Makes this, and nothing else, what is in the cart. */
  fill(who: Shopper, ...lines: (readonly [productId: string, quantity: number])[]): Promise<void>;
  cartOf(who: Shopper): Promise<(readonly [string, number])[]>;
  place(who: Shopper, is?: Partial<PlaceOrderRequest>): Promise<Placed>;
  /** A product in the cart, ordered and paid. */
  placed(who?: Shopper): Promise<Order>;
  one(orderId: string): Promise<Order>;
  /** Waits until the order is opened: its stock is reserved then. */
  untilListed(orderId: string): Promise<void>;
  /** The order once it is in this status. */
  until(orderId: string, status: Order["status"]): Promise<Order>;
};

export function shopOf(subject: () => Subject): Shop {
  const as = (who: Who) => subject().as(who);
  const shop: Shop = {
    subject,
    as,
    product: (is) => newProduct(subject(), is),
    fill: (who, ...lines) => fill(subject(), userIdOf(who), lines),
    async cartOf(who) {
      const { cart } = await subject().cart.getCart({ customerId: userIdOf(who) });
      return (cart?.lines ?? []).map((line) => [line.productId, line.quantity] as const);
    },
    async place(who, is = {}) {
      return (await as(who).placeOrder(request(is))) as Placed;
    },
    async placed(who = "ada") {
      await shop.fill(who, [await shop.product(), 1]);
      return (await shop.place(who)).order;
    },
    one: async (orderId) => (await as("service").getOrder({ orderId })).order as Order,
    untilListed: (orderId) =>
      vi.waitFor(
        async () => {
          const filter = { status: "ORDER_STATUS_UNSPECIFIED", customerId: "", pageToken: "" } as const;
          const { orders } = await as("service").listOrders({ ...filter, pageSize: 100 });
          if (!orders.some((order) => order.orderId === orderId)) throw new Error("it is not opened yet");
        },
        { timeout: 10_000, interval: 10 },
      ),
    until: (orderId, status) =>
      vi.waitFor(
        async () => {
          const order = await shop.one(orderId);
          if (order.status !== status) throw new Error(`the order is ${order.status}`);
          return order;
        },
        { timeout: 10_000, interval: 20 },
      ),
  };
  return shop;
}

export function request(is: Partial<PlaceOrderRequest> = {}): PlaceOrderRequest {
  return {
    idempotencyKey: randomUUID(),
    paymentMethodToken: "pm_card_visa",
    shippingAddress: address,
    coupon: "",
    ...is,
  };
}

async function newProduct(
  { catalog }: World,
  is: { amountMinor?: bigint; currency?: string; name?: string } = {},
): Promise<string> {
  const { amountMinor = 14_50n, currency = "USD", name = "Mug" } = is;
  const productId = randomUUID();
  await catalog.createProduct({
    productId,
    name,
    description: "",
    price: { amountMinor, currency },
    tags: [],
  });
  return productId;
}

async function fill(
  { cart }: World,
  customerId: string,
  lines: readonly (readonly [productId: string, quantity: number])[],
): Promise<void> {
  const { cart: before } = await cart.getCart({ customerId });
  for (const { productId } of before?.lines ?? []) await cart.removeItem({ customerId, productId });
  for (const [productId, quantity] of lines) await cart.addItem({ customerId, productId, quantity });
}

/** That this ends in no answer. */
export async function outageOf(answer: Promise<unknown>): Promise<Outage> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Outage) return error;
  throw new Error("it was answered", { cause: error });
}

/** The refusal that this ends in. */
export async function refusalOf(answer: Promise<unknown>): Promise<Refusal> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("it was not refused");
}
