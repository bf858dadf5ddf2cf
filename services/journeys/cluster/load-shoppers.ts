// Shoppers who browse, fill a cart, check out and look at their order, again and again, so that a fixed number of new requests
// begins each second, whatever becomes of the ones before. They are careful: they repeat what got no answer, with its key, and
// remember every answer that they got.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Line, minorOf, type Order, type Outcome, type Product, type Shop } from "../shop.ts";

export type Shopper = {
  readonly token: string;
  /** Additions that were answered and that no answered order has taken yet: quantities by product. */
  readonly outstanding: Map<string, number>;
};

export type Bought = {
  readonly shopper: Shopper;
  readonly key: string;
  readonly outcome: Outcome;
  /** What was in the cart: what had been added. */
  readonly wanted: ReadonlyMap<string, number>;
};

export type Bounds = { readonly ratePerSecond: number; readonly shoppers: number };

export type Load = {
  readonly shoppers: readonly Shopper[];
  readonly bought: readonly Bought[];
  readonly lookedUp: readonly Order[];
  /** Requests that did not get an answer at all, and answers that cannot be; a sentence each. */
  readonly wrong: readonly string[];
  /** Turns at which every shopper still waited for an answer. */
  readonly missedTurns: () => number;
  /** No new request is made; resolves when the last one has its answer. */
  stop(): Promise<void>;
};

const productsMax = 12;
/** Of makeVisit. */
const turnsOfVisit = 6;
const cartWithinMs = 90_000;
const cartPollMs = 500;

class Over extends Error {}

/** Each with an account and a cart of their own, and their token. */
export async function openShoppers(shop: Shop, count: number): Promise<Shopper[]> {
  const password = `pw-${randomUUID()}`;
  const open = async (): Promise<Shopper> => {
    const username = `load-${randomUUID().slice(0, 13)}`;
    await shop.register({ username, password });
    const { access_token: token } = await shop.login({ username, password });
    return { token, outstanding: new Map() };
  };
  const lanes = 4;
  const each = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const mine: Shopper[] = [];
      for (let index = lane; index < count; index += lanes) mine.push(await open());
      return mine;
    }),
  );
  return each.flat();
}

export function startLoad(
  shop: Shop,
  is: { shoppers: readonly Shopper[]; products: readonly Product[]; ratePerSecond: number },
): Load {
  const bought: Bought[] = [];
  const lookedUp: Order[] = [];
  const wrong: string[] = [];
  const pace = openPace(is.ratePerSecond);
  const products = is.products.slice(0, productsMax);

  /** As many turns as put shoppers at different points of their visits: together they would all check out in the same second. */
  const lookAround = async (turns: number) => {
    for (let turn = 0; turn < turns; turn++) {
      await pace.turn();
      await shop.must("/products");
    }
  };
  const shopping = async (shopper: Shopper, index: number) => {
    for (let visit = index; ; visit++) {
      try {
        if (visit === index) await lookAround(index % turnsOfVisit);
        const product = products[visit % products.length] as Product;
        await makeVisit({
          shop,
          shopper,
          product,
          quantity: 1 + (visit % 3),
          turn: pace.turn,
          bought,
          lookedUp,
        });
      } catch (error) {
        if (error instanceof Over) return;
        wrong.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  const all = Promise.all(is.shoppers.map(shopping));
  return {
    shoppers: is.shoppers,
    bought,
    lookedUp,
    wrong,
    missedTurns: pace.missed,
    async stop() {
      pace.stop();
      await all;
    },
  };
}

type Visit = {
  readonly shop: Shop;
  readonly shopper: Shopper;
  readonly product: Product;
  readonly quantity: number;
  /** Resolves when the next request may be made. */
  readonly turn: () => Promise<void>;
  readonly bought: Bought[];
  readonly lookedUp: Order[];
};

async function makeVisit(visit: Visit): Promise<void> {
  const { shop, shopper, product, quantity, turn } = visit;
  const { token, outstanding } = shopper;
  await turn();
  await shop.must(`/products?search=${encodeURIComponent(product.name)}`, { token });
  await turn();
  await shop.must(`/products/${product.product_id}`, { token });
  await turn();
  await shop.addToCart(token, product.product_id, quantity);
  outstanding.set(product.product_id, (outstanding.get(product.product_id) ?? 0) + quantity);
  await turn();
  await seeCart(shop, shopper);

  await turn();
  const key = randomUUID();
  const wanted = new Map(outstanding);
  const outcome = await shop.checkout(token, key);
  visit.bought.push({ shopper, key, outcome, wanted });
  if (outcome.is === "refused") return;
  outstanding.clear();
  await turn();
  visit.lookedUp.push(await shop.order(token, outcome.order.order_id));
}

/** What was ordered leaves the cart with the order or soon after it, and nobody checks out what they have ordered already. */
async function seeCart(shop: Shop, { token, outstanding }: Shopper): Promise<void> {
  const untilMs = performance.now() + cartWithinMs;
  for (;;) {
    const { lines } = await shop.cart(token);
    if (isSame(quantitiesOf(lines), outstanding)) return;
    if (performance.now() > untilMs)
      throw new Error(`a cart holds ${told(quantitiesOf(lines))} where ${told(outstanding)} were added`);
    await delay(cartPollMs);
  }
}

export function quantitiesOf(lines: readonly Line[]): Map<string, number> {
  return new Map(lines.map(({ product_id, quantity }) => [product_id, quantity]));
}

export function isSame(left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>): boolean {
  return left.size === right.size && [...left].every(([id, quantity]) => right.get(id) === quantity);
}

export const told = (quantities: ReadonlyMap<string, number>) =>
  [...quantities].map(([id, quantity]) => `${quantity} of ${id}`).join(", ") || "nothing";

/** Turns come at a fixed rate, and one that nobody waits for is gone: a store that stood still is not flooded afterwards. */
function openPace(ratePerSecond: number) {
  const waiting: { go: () => void; leave: () => void }[] = [];
  let missed = 0;
  let over = false;
  let given = 0;
  const startedMs = performance.now();
  const timer = setInterval(
    () => {
      const due = Math.floor(((performance.now() - startedMs) / 1_000) * ratePerSecond);
      for (; given < due; given++) {
        const next = waiting.shift();
        if (next === undefined) missed++;
        else next.go();
      }
    },
    Math.max(1, Math.floor(1_000 / ratePerSecond)),
  );
  return {
    turn: () =>
      new Promise<void>((resolve, reject) => {
        if (over) reject(new Over());
        else waiting.push({ go: resolve, leave: () => reject(new Over()) });
      }),
    missed: () => missed,
    stop: () => {
      over = true;
      clearInterval(timer);
      for (const { leave } of waiting.splice(0)) leave();
    },
  };
}

/** The sum of what was answered as ordered, in minor units. */
export const moneyOf = (bought: readonly Bought[]) =>
  bought.reduce((sum, { outcome }) => sum + (outcome.is === "ordered" ? minorOf(outcome.order.total) : 0), 0);
