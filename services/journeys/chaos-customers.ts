// Carries out what a chaos plan says that a customer does, and what staff do for them. Every request is repeated until
// there is an answer; what was answered is remembered.

import { setTimeout as delay } from "node:timers/promises";
import type { Afterwards, ChaosVisit } from "./chaos-plan.ts";
import type { readPartners } from "./partners.ts";
import { minorOf, type Order, type Outcome, type Shop } from "./shop.ts";

export type ChaosVisited = ChaosVisit & {
  readonly outcomes: readonly Outcome[];
  /** What each cancel and refund was answered. */
  readonly answers: readonly string[];
};

export type Scene = {
  readonly shop: Shop;
  readonly partners: ReturnType<typeof readPartners>;
  /** The customers'. */
  readonly tokens: readonly string[];
  readonly staff: string;
};

const seenWithinMs = 5_000;

/** `lanes` visits are under way at a time, never two of one customer. */
export async function makeChaosVisits(
  scene: Scene,
  visits: readonly ChaosVisit[],
  is: { lanes: number; onAnswered: () => void },
): Promise<ChaosVisited[]> {
  const lane = async (mine: readonly ChaosVisit[]) => {
    const visited: ChaosVisited[] = [];
    for (const visit of mine) {
      visited.push(await makeVisit(scene, visit, scene.tokens[visit.customer] ?? ""));
      is.onAnswered();
    }
    return visited;
  };
  const lanes = Array.from({ length: is.lanes }, (_, index) =>
    lane(visits.filter(({ customer }) => customer % is.lanes === index)),
  );
  return (await Promise.all(lanes)).flat();
}

async function makeVisit(scene: Scene, visit: ChaosVisit, token: string): Promise<ChaosVisited> {
  const { shop } = scene;
  for (const { product_id } of (await shop.cart(token)).lines) await shop.removeFromCart(token, product_id);
  const before = new Set((await newestOrders(shop, token)).map(({ order_id }) => order_id));
  for (const { product, quantity } of visit.wanted) await shop.addToCart(token, product.product_id, quantity);

  const checkout = () =>
    shop.checkout(token, visit.key, visit.cardToken, {
      country: visit.country,
      onAction: (secret) => answerTheBank(scene, visit, token, before, secret),
    });
  const answers: string[] = [];
  const [outcomes, early] = await Promise.all([
    Promise.all(visit.impatient ? [checkout(), checkout()] : [checkout()]),
    visit.cancelsAtOnce ? cancelWhatIsPlaced(shop, token, before) : [],
  ]);
  answers.push(...early);
  const ordered = outcomes.find((outcome) => outcome.is === "ordered");
  if (ordered?.is === "ordered")
    answers.push(...(await after(scene, visit.afterwards, token, ordered.order)));
  return { ...visit, outcomes, answers };
}

/** Who never confirms gives up, and cancels the order. */
async function answerTheBank(
  { shop, partners }: Scene,
  visit: ChaosVisit,
  token: string,
  before: ReadonlySet<string>,
  clientSecret: string,
): Promise<void> {
  if (visit.confirmation === "never") await cancelWhatIsPlaced(shop, token, before);
  else await partners.answerTheBank(clientSecret, visit.confirmation);
}

/** The first page is enough: a customer places one order at a time. */
async function newestOrders(shop: Shop, token: string): Promise<readonly Order[]> {
  return (await shop.must<{ orders: Order[] }>("/orders?page_size=5", { token })).orders;
}

/** Looks for the order that is being placed, and cancels it; it may be too late for that, or too early to be seen. */
async function cancelWhatIsPlaced(shop: Shop, token: string, before: ReadonlySet<string>): Promise<string[]> {
  const untilMs = performance.now() + seenWithinMs;
  while (performance.now() < untilMs) {
    const found = (await newestOrders(shop, token)).find(({ order_id }) => !before.has(order_id));
    if (found !== undefined) return [await shop.cancel(token, found.order_id)];
    await delay(5);
  }
  return [];
}

async function after(scene: Scene, what: Afterwards, token: string, order: Order): Promise<string[]> {
  const { shop, staff } = scene;
  const cancel = () => shop.cancel(token, order.order_id);
  const paymentId = order.payment_id ?? "";
  const share = (part: number) => ({
    amount: (Math.max(1, Math.floor(minorOf(order.total) * part)) / 100).toFixed(2),
    currency: order.total.currency,
  });
  switch (what) {
    case "nothing":
      return [];
    case "cancel":
      return [await cancel()];
    case "cancel_twice":
      return Promise.all([cancel(), cancel()]);
    case "refund_part":
      return [await shop.refund(staff, paymentId, share(0.3))];
    case "refund_parts":
      return [
        await shop.refund(staff, paymentId, share(0.25)),
        ...(await Promise.all([0.2, 0.4].map((part) => shop.refund(staff, paymentId, share(part))))),
      ];
    case "refund_all":
      return [await shop.refund(staff, paymentId)];
    case "cancel_and_refund":
      return Promise.all([cancel(), shop.refund(staff, paymentId, share(0.5))]);
  }
}
