// What the tests of orders need: a draft, and a shop around the saga whose standing can be told.
// The stock is the inventory company's simulator, over HTTP; the orders are in Postgres; payments and the
// cart are their services' own fakes, which are held to the same contracts as the services.

import { randomUUID } from "node:crypto";
import { fakeCart } from "@webstore/cart/fake";
import { inventory } from "@webstore/inventory/definition";
import type { Postgres } from "@webstore/kit";
import {
  migrationsFrom,
  openOutbox,
  outboxMigrations,
  sagaMigrations,
  testPartner,
} from "@webstore/kit/testing";
import { fakePayments } from "@webstore/payments/fake";
import type { Draft } from "./order.ts";
import { postgresOrderStore } from "./order-store.postgres.ts";
import { defaultPriceRules, priceOf } from "./pricing.ts";
import type { SagaPorts } from "./saga-ports.ts";

export const orderMigrations = [
  ...sagaMigrations,
  ...outboxMigrations,
  ...migrationsFrom(new URL("./migrations/", import.meta.url)),
];

/** Two mugs at 12.50: 25.00 and 5.99 for the delivery, less 2.50. */
export function draftOrder(is: { quantity?: number } = {}): Draft {
  const mugs = { productId: randomUUID(), name: "Mug", quantity: is.quantity ?? 2, unitPriceMinor: 12_50n };
  return {
    orderId: randomUUID(),
    customerId: randomUUID(),
    ...priceOf([mugs], "USD", defaultPriceRules),
    coupon: "",
    shippingAddress: {
      name: "Ada",
      line1: "1 Main St",
      city: "Springfield",
      postalCode: "12345",
      country: "US",
    },
    placedAt: "2026-01-02T03:04:05.000Z",
  };
}

export function shop(postgres: Postgres, inventoryUrl: string, is: { fundsMinor?: bigint } = {}) {
  const payments = fakePayments(is);
  const cart = fakeCart();
  const stock = testPartner(inventory, inventoryUrl);
  const nowMs = () => Date.parse("2026-01-02T03:04:06.000Z");
  const ports: SagaPorts = {
    payments,
    cart,
    inventory: stock,
    store: postgresOrderStore(postgres),
    outbox: openOutbox({ nowMs, newId: randomUUID }),
    nowMs,
  };
  return { ports, payments, cart, stock, standingOf: standingOf(postgres, payments, stock) };
}

/** What stands of an order anywhere: all of it, or nothing. */
function standingOf(
  postgres: Postgres,
  payments: ReturnType<typeof fakePayments>,
  stock: ReturnType<typeof testPartner<typeof inventory.operations>>,
) {
  return async (orderId: string) => {
    const reservation = await stock.getReservation({ reservation_id: orderId }).catch(() => undefined);
    const [order] = await postgres.query<{ status: string }>(
      "select status from orders where order_id = $1",
      [orderId],
    );
    const events = await postgres.query("select 1 from outbox where key = $1", [orderId]);
    return {
      reserved: reservation?.status === "reserved",
      ...payments.standing(),
      status: order?.status ?? "none",
      events: events.length,
    };
  };
}
