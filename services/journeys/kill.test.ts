// Two hundred checkouts, twenty at a time, while the store is killed five times and started again; twice its
// database is killed with it, and now and then an answer of the payment provider is lost. Every customer repeats with the same key until there is an answer. Afterwards the
// orders, the payments, the provider's list, the inventory's list and the carts must tell one story.
//
// SEED chooses who buys what and when the kills come: SEED=7 npm run journey:kill. The moments are counted in
// answers, not in seconds, so that a slow machine is killed at the same points.

import { demoUsers } from "@webstore/kit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clearedCart, makeVisits, priceOf, type Visited, visitsOf } from "./customers.ts";
import { type Intent, type Reservation, readPartners } from "./partners.ts";
import { seeded } from "./random.ts";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { minorOf, type Order, openShop, type Payment, type Product, type Shop } from "./shop.ts";
import { until } from "./wait.ts";

const seed = Number(process.env.SEED ?? 1);
const customers = 40;
const visitsEach = 5;
const lanes = 20;
const kills = 5;
const databaseKills = 2;
const scarceUnits = 15;
const priceMaxMinor = 60_00;
const endedWithinMs = 60_000;
const staff = demoUsers.grace.token;

let store: StoreRun;
let shop: Shop;
let partners: ReturnType<typeof readPartners>;
let scarce: Product;
let tokens: string[];
let visited: Visited[];
/** Sagas that a killed process had in hand. */
let takenOver: number;
let orders: Order[];
let paid: Order[];
let payments: Payment[];
let intents: Intent[];
let reserved: Reservation[];

beforeAll(async () => {
  store = await openStoreRun({
    RATE_LIMIT_PER_SECOND: "1000000",
    MAIL_URL: "none:",
    // The customers are not what is tried here.
    IDENTITY_ARGON2_MEMORY_KIB: "8",
    IDENTITY_ARGON2_TIME_COST: "1",
  });
  await store.start();
  shop = openShop(store.url);
  partners = readPartners(store);
  tokens = await openCustomers();
  await shopWhileKilled();
  await everySagaEnded();
  orders = await shop.allOrders(staff);
  // Paid orders move on by themselves, sooner or later.
  paid = orders.filter(({ status }) => status === "paid" || status === "processing");
  payments = await shop.allPayments(staff);
  intents = await partners.intents();
  reserved = await partners.reserved();
  process.stdout.write(`${summary()}\n`);
}, 180_000);

afterAll(async () => {
  await shop?.close();
  await store?.close();
});

async function openCustomers(): Promise<string[]> {
  return Promise.all(
    Array.from({ length: customers }, async (_, index) => {
      const is = { username: `customer-${index}`, password: "a long password" };
      await shop.register(is);
      return (await shop.login(is)).access_token;
    }),
  );
}

async function shopWhileKilled(): Promise<void> {
  const random = seeded(seed);
  const affordable = (await shop.products()).filter(({ price }) => minorOf(price) <= priceMaxMinor);
  scarce = affordable[0] as Product;
  await partners.setStock(scarce.product_id, scarceUnits);
  await partners.loseAnswer("create");
  const visits = visitsOf(random, { customers, visitsEach, products: affordable.slice(1), scarce });

  let answered = 0;
  let over = false;
  const shopping = makeVisits(shop, visits, { tokens, lanes, onAnswered: () => answered++ }).finally(() => {
    over = true;
  });
  shopping.catch(() => {});
  const stretch = Math.floor(visits.length / (kills + 1));
  const withDatabase = new Set<number>();
  while (withDatabase.size < databaseKills) withDatabase.add(random.whole(0, kills - 1));
  for (let kill = 0; kill < kills; kill++) {
    const at = stretch * kill + random.whole(1, stretch);
    await until(() => over || answered >= at, 90_000, `the shopping stands still at ${answered} answers`);
    await store.kill();
    if (withDatabase.has(kill)) store.killDatabase();
    await store.start();
    // Kills alone seldom fall between the provider's deed and its answer.
    await partners.loseAnswer(kill % 2 === 0 ? "capture" : "create");
  }
  visited = await shopping;
}

/** Asked of the journal itself, because no API may be trusted to show what it has forgotten. */
async function everySagaEnded(): Promise<void> {
  const client = new pg.Client({ connectionString: store.database()?.url });
  await client.connect();
  const count = async (which: string): Promise<number> => {
    const { rows } = await client.query(`select count(*)::int as sagas from orders.sagas where ${which}`);
    return rows[0].sagas;
  };
  try {
    const ended = async () => (await count("status not in ('done', 'refused')")) === 0;
    await until(ended, endedWithinMs, "there are sagas that do not end");
    // Whoever takes a saga over raises its fence.
    takenOver = await count("fence > 1");
  } finally {
    await client.end();
  }
}

const ordered = (visit: Visited) =>
  visit.outcomes.flatMap((outcome) => (outcome.is === "ordered" ? [outcome.order] : []));
const refused = (visit: Visited) =>
  visit.outcomes.flatMap((outcome) => (outcome.is === "refused" ? [outcome.reason] : []));
const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
const sorted = (ids: readonly string[]) => [...ids].sort();

function summary(): string {
  const asks = sum(visited.flatMap(({ outcomes }) => outcomes.map((outcome) => outcome.asks)));
  const reasons = Object.groupBy(visited.flatMap(refused), (reason) => reason);
  const told = Object.entries(reasons).map(([reason, all]) => `${reason} ${all?.length}`);
  const counted = `${visited.length} visits, ${asks} requests for a checkout, ${takenOver} sagas taken over`;
  return `seed ${seed}: ${counted}; ${paid.length} paid, ${told.join(", ")}`;
}

describe(`after ${kills} kills (seed ${seed})`, () => {
  test("the kills met sagas in the middle", () => {
    expect(takenOver).toBeGreaterThan(0);
  });

  test("every customer has an answer, and who asked twice has the same one twice", () => {
    expect(visited).toHaveLength(customers * visitsEach);
    for (const visit of visited) {
      const answers = visit.outcomes.map((outcome) =>
        outcome.is === "ordered" ? outcome.order.order_id : outcome.reason,
      );
      expect(new Set(answers).size, visit.key).toBe(1);
    }
  });

  test("every key that was answered with an order has exactly that one, and nobody has another", () => {
    expect(sorted(paid.map(({ order_id }) => order_id))).toEqual(
      sorted(visited.flatMap((visit) => ordered(visit).slice(0, 1)).map(({ order_id }) => order_id)),
    );
    expect(orders.length).toBeLessThanOrEqual(visited.length);
    const others = orders.filter(({ status }) => !["paid", "processing", "failed"].includes(status));
    expect(others).toEqual([]);
    expect(orders.some(({ status }) => status === "failed")).toBe(true);
  });

  test("a declined card or a want of stock is told as such, and nothing else was refused", () => {
    const reasons = new Set(visited.flatMap(refused));
    expect(reasons).toEqual(new Set(["card_declined", "out_of_stock"]));
    for (const visit of visited) {
      if (visit.cardToken.includes("Declined")) expect(ordered(visit)).toEqual([]);
    }
  });

  test("every order is of what its customer wanted, at its price", () => {
    const byId = new Map(paid.map((order) => [order.order_id, order]));
    for (const visit of visited) {
      const [answer] = ordered(visit);
      if (answer === undefined) continue;
      const order = byId.get(answer.order_id);
      expect(linesOf(order?.lines ?? [])).toEqual(linesOf(visit.wanted.map(wantedLine)));
      expect(minorOf(order?.total ?? { amount: "0", currency: "" })).toBe(
        priceOf(visit.wanted, ({ price }) => minorOf(price)),
      );
    }
  });

  test("the money that the provider has taken is that of the paid orders, to the cent", async () => {
    const captured = intents.filter(({ amount_received }) => amount_received > 0);
    expect(sorted(captured.map(({ metadata }) => metadata.order_id ?? ""))).toEqual(
      sorted(paid.map(({ order_id }) => order_id)),
    );
    const refunded = sum((await partners.refunds()).map(({ amount }) => amount));
    expect(sum(captured.map(({ amount_received }) => amount_received)) - refunded).toBe(
      sum(paid.map(({ total }) => minorOf(total))),
    );
    expect(refunded).toBe(0);
  });

  test("nothing is held at the provider that was not taken", () => {
    expect(intents.filter(({ amount_capturable }) => amount_capturable > 0)).toEqual([]);
    expect(intents.filter(({ status }) => status === "requires_capture")).toEqual([]);
  });

  test("every payment belongs to an order, and every paid order has its payment", () => {
    const known = new Set(orders.map(({ order_id }) => order_id));
    expect(payments.filter(({ order_id }) => !known.has(order_id))).toEqual([]);
    const captured = payments.filter(({ status }) => status === "captured");
    expect(sorted(captured.map(({ payment_id }) => payment_id))).toEqual(
      sorted(paid.map(({ payment_id }) => payment_id ?? "")),
    );
    expect(payments.filter(({ status }) => !["captured", "failed", "voided"].includes(status))).toEqual([]);
  });

  test("exactly the stock of the paid orders is reserved", async () => {
    const lines = (order: Order) => linesOf(order.lines);
    expect(new Map(reserved.map(({ reservation_id, lines }) => [reservation_id, linesOf(lines)]))).toEqual(
      new Map(paid.map((order) => [order.order_id, lines(order)])),
    );
    const stock = await partners.stock(scarce.product_id);
    expect(stock.available + stock.reserved).toBe(scarceUnits);
  });

  test("a cart is empty if its customer has ordered, and as it was if not", async () => {
    const lastOfEach = new Map(visited.map((visit) => [visit.customer, visit]));
    expect(lastOfEach.size).toBe(customers);
    for (const visit of lastOfEach.values()) {
      const token = tokens[visit.customer] ?? "";
      const isOrdered = ordered(visit).length > 0;
      const lines = isOrdered ? await clearedCart(shop, token) : (await shop.cart(token)).lines;
      expect(linesOf(lines)).toEqual(isOrdered ? [] : linesOf(visit.wanted.map(wantedLine)));
    }
  });

  test("every key, asked once more, answers as it did", async () => {
    const again = async (visit: Visited) => {
      const outcome = await shop.checkout(tokens[visit.customer] ?? "", visit.key, visit.cardToken);
      expect(outcome.is === "ordered" ? outcome.order.order_id : outcome.reason).toBe(
        ordered(visit)[0]?.order_id ?? refused(visit)[0],
      );
      expect(outcome.is === "ordered" ? outcome.status : 200).toBe(200);
    };
    for (let from = 0; from < visited.length; from += lanes)
      await Promise.all(visited.slice(from, from + lanes).map(again));
    expect(await shop.allOrders(staff)).toHaveLength(orders.length);
    expect(await partners.intents()).toHaveLength(intents.length);
  });
});

const wantedLine = ({ product, quantity }: Visited["wanted"][number]) => ({
  product_id: product.product_id,
  quantity,
});

function linesOf(lines: readonly { product_id: string; quantity: number }[]): string[] {
  return lines.map(({ product_id, quantity }) => `${product_id} ${quantity}`).sort();
}
