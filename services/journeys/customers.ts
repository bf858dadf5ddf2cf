// Shoppers who come several times, buy what a seed has settled beforehand, and remember what they were told.
// They are careful: after every visit they look at their cart, for it says whether they have ordered.

import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "./random.ts";
import type { Line, Outcome, Product, Shop } from "./shop.ts";

export type Wanted = { readonly product: Product; readonly quantity: number };
export type Visit = {
  readonly customer: number;
  readonly key: string;
  readonly cardToken: string;
  readonly wanted: readonly Wanted[];
  /** Sends the same checkout twice at the same time. */
  readonly impatient: boolean;
};
/** A visit that has ended. An impatient customer has two answers. */
export type Visited = Visit & { readonly outcomes: readonly Outcome[] };

const declinedCards = [
  "pm_card_chargeDeclined",
  "pm_card_visa_chargeDeclinedInsufficientFunds",
  "pm_card_visa_chargeDeclinedExpiredCard",
];
const goodCards = ["pm_card_visa", "pm_card_mastercard"];
const declinedShare = 0.1;
const scarceShare = 0.15;
const impatientShare = 0.1;
const clearedWithinMs = 30_000;

export function visitsOf(
  random: Random,
  is: { customers: number; visitsEach: number; products: readonly Product[]; scarce: Product },
): Visit[] {
  const visit = (customer: number): Visit => {
    const products = new Set(Array.from({ length: random.whole(1, 3) }, () => random.pick(is.products)));
    if (random.chance(scarceShare)) products.add(is.scarce);
    return {
      customer,
      key: random.uuid(),
      cardToken: random.pick(random.chance(declinedShare) ? declinedCards : goodCards),
      wanted: [...products].map((product) => ({ product, quantity: random.whole(1, 3) })),
      impatient: random.chance(impatientShare),
    };
  };
  const rounds = Array.from({ length: is.visitsEach }, () =>
    Array.from({ length: is.customers }, (_, customer) => visit(customer)),
  );
  return rounds.flat();
}

/** `tokens` are the customers'. `lanes` visits are under way at a time, never two of one customer. */
export async function makeVisits(
  shop: Shop,
  visits: readonly Visit[],
  is: { tokens: readonly string[]; lanes: number; onAnswered: () => void },
): Promise<Visited[]> {
  const lane = async (mine: readonly Visit[]) => {
    const visited: Visited[] = [];
    for (const visit of mine) {
      visited.push(await makeVisit(shop, visit, is.tokens[visit.customer] ?? ""));
      is.onAnswered();
    }
    return visited;
  };
  const lanes = Array.from({ length: is.lanes }, (_, index) =>
    lane(visits.filter(({ customer }) => customer % is.lanes === index)),
  );
  return (await Promise.all(lanes)).flat();
}

async function makeVisit(shop: Shop, visit: Visit, token: string): Promise<Visited> {
  await leaveNothing(shop, token);
  for (const { product, quantity } of visit.wanted) await shop.addToCart(token, product.product_id, quantity);
  const checkout = () => shop.checkout(token, visit.key, visit.cardToken);
  const outcomes = await Promise.all(visit.impatient ? [checkout(), checkout()] : [checkout()]);
  return { ...visit, outcomes };
}

/** What a refused visit has left is taken out; what a paid one has ordered goes by itself. */
async function leaveNothing(shop: Shop, token: string): Promise<void> {
  for (const { product_id } of (await shop.cart(token)).lines) await shop.removeFromCart(token, product_id);
}

/** Waits until an ordered cart is empty; it is cleared with the order, or soon after. */
export async function clearedCart(shop: Shop, token: string): Promise<readonly Line[]> {
  const untilMs = performance.now() + clearedWithinMs;
  for (;;) {
    const { lines } = await shop.cart(token);
    if (lines.length === 0 || performance.now() > untilMs) return lines;
    await delay(200);
  }
}

/** What SPEC says that it costs, in minor units, reckoned here once more. */
export function priceOf(wanted: readonly Wanted[], minorOf: (product: Product) => number): number {
  const lines = wanted.map(({ product, quantity }) => minorOf(product) * quantity);
  const subtotal = lines.reduce((sum, line) => sum + line, 0);
  const discount = lines.reduce((sum, line) => sum + tenthHalfEven(line), 0);
  return subtotal - discount + (subtotal >= 100_00 ? 0 : 5_99);
}

function tenthHalfEven(minor: number): number {
  const [whole, rest] = [Math.floor(minor / 10), minor % 10];
  return rest > 5 || (rest === 5 && whole % 2 === 1) ? whole + 1 : whole;
}
