// What the tests of orders need: a draft, and a shop around the saga whose standing can be told.
// The stock is the inventory company's simulator, over HTTP; the orders are in Postgres; payments and the
// cart are their services' own fakes, which are held to the same contracts as the services.

import { randomUUID } from "node:crypto";
import { fakeCart } from "@webstore/cart/fake";
import { inventory } from "@webstore/inventory/definition";
import type { Postgres, Saga } from "@webstore/kit";
import {
  migrationsFrom,
  openOutbox,
  outboxMigrations,
  sagaMigrations,
  testPartner,
  type Visit,
  type Visited,
  visitSaga,
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

export const placedAtMs = Date.parse("2026-01-02T03:04:05.000Z");

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
    placedAt: new Date(placedAtMs).toISOString(),
  };
}

export function shop(
  postgres: Postgres,
  inventoryUrl: string,
  { nowMs = () => placedAtMs + 1_000, ...funds }: { fundsMinor?: bigint; nowMs?: () => number } = {},
) {
  const payments = fakePayments(funds);
  const cart = fakeCart();
  const stock = testPartner(inventory, inventoryUrl);
  const ports: SagaPorts = {
    // A test may put a word into these, and not into what it looks at itself.
    payments: { ...payments },
    cart: { ...cart },
    inventory: stock,
    store: postgresOrderStore(postgres),
    outbox: openOutbox({ nowMs, newId: randomUUID }),
    nowMs,
  };
  return {
    ports,
    payments,
    cart,
    stock,
    standingOf: standingOf(postgres, payments, stock),
    booksOf: booksOf(postgres, payments),
  };
}

/** A visit to the saga's end, also when it was put down, or claimed by another engine, in between. */
export async function visitToEnd<Input extends object>(
  saga: Saga<Input, SagaPorts>,
  is: { postgres: Postgres; ports: SagaPorts; input: Input; sagaId: string; visit?: Visit },
): Promise<Visited> {
  const first = await visitSaga(saga, { ...is, visit: is.visit ?? undisturbed });
  let { outcome } = first;
  for (let round = 0; outcome.status === "unfinished" && round < 10; round += 1)
    ({ outcome } = await visitSaga(saga, { ...is, visit: undisturbed }));
  return { ...first, outcome };
}

/**
 * A visit that reaches its point. On a busy machine the harness's short lease may end early, another engine goes on, and
 * the point is passed by; then it is tried anew. One whose point is never reached is given as it is.
 */
export async function untilMet<T extends { readonly visited: Visited }>(visit: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round += 1) {
    const one = await visit();
    if (one.visited.met || round === 5) return one;
  }
}

export const undisturbed: Visit = { injury: { kind: "none" }, repeat: 1, refusedToo: undefined };

type Told = {
  readonly name: string;
  readonly data: Readonly<Partial<Record<"totalAmount" | "amount" | "feeAmount" | "refundAmount", string>>>;
};

/**
 * What the books have of an order, as they are kept: what is open between what orders and what payments say of it, which is
 * nothing when all is told, and the fee. And what was told, the oldest first.
 */
function booksOf(postgres: Postgres, payments: ReturnType<typeof fakePayments>) {
  const minorOf = (amount = "0") => BigInt(amount.replace(".", ""));
  return async (orderId: string) => {
    const rows = await postgres.query<{ value: string }>(
      "select value from outbox where key = $1 order by position",
      [orderId],
    );
    const told = rows.map(({ value }) => JSON.parse(value) as Told);
    const { payment } = await payments
      .getPayment({ payment: { $case: "orderId", value: orderId } })
      .catch(() => ({ payment: undefined }));
    let receivableMinor = (payment?.refundedMinor ?? 0n) - (payment?.capturedMinor ?? 0n);
    let feeMinor = 0n;
    for (const { name, data } of told) {
      if (name === "OrderCreated") receivableMinor += minorOf(data.totalAmount);
      if (name === "OrderRefunded") {
        receivableMinor -= minorOf(data.amount);
        feeMinor -= minorOf(data.feeAmount);
      }
      if (name === "OrderCancelled") feeMinor += minorOf(data.feeAmount);
    }
    return { receivableMinor, feeMinor, told: told.map(({ name }) => name) };
  };
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
