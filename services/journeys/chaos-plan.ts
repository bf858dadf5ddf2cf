// What a chaos run does, settled beforehand by its seed: who buys what with which card, what the customer and the staff do
// afterwards, and when the store is killed. The same seed is the same plan.

import type { Visit } from "./customers.ts";
import type { Random } from "./random.ts";
import type { Product } from "./shop.ts";

/** What the shopper's bank is told when it asks. */
export type Confirmation = "succeeded" | "failed" | "never";

export type Afterwards =
  | "nothing"
  | "cancel"
  /** Twice at the same time. */
  | "cancel_twice"
  | "refund_part"
  | "refund_parts"
  | "refund_all"
  /** A customer cancels while staff give money back. */
  | "cancel_and_refund";

export type ChaosVisit = Visit & {
  readonly country: string;
  readonly confirmation: Confirmation;
  /** Cancels as soon as the order can be seen, while it is being placed. */
  readonly cancelsAtOnce: boolean;
  readonly afterwards: Afterwards;
};

export type Kill = {
  /** Behind how many answers. */
  readonly at: number;
  readonly withDatabase: boolean;
};

export type ChaosPlan = { readonly visits: readonly ChaosVisit[]; readonly kills: readonly Kill[] };

/** With its weight. */
type Choice<T> = readonly (readonly [T, number])[];

const countries: Choice<string> = [
  ["US", 5],
  ["GB", 2],
  ["DE", 2],
  ["FR", 2],
  ["JP", 1],
  ["BR", 1],
  ["IN", 1],
];

/** Every scenario of the provider has a card that brings it about. */
const cards: Choice<string> = [
  ["pm_card_visa", 40],
  ["pm_card_mastercard", 20],
  ["pm_card_chargeDeclined", 3],
  ["pm_card_visa_chargeDeclinedInsufficientFunds", 2],
  ["pm_card_visa_chargeDeclinedProcessingError", 2],
  ["pm_card_authenticationRequired", 8],
  ["pm_card_createDispute", 3],
  ["pm_card_pendingRefund", 2],
  ["pm_webstore_processedThenTimeout", 3],
  ["pm_webstore_slow", 2],
  ["pm_webstore_dropOnce", 2],
  ["pm_webstore_captureTimeout", 2],
  ["pm_webstore_refundTimeout", 2],
  ["pm_webstore_processedThen500", 2],
  ["pm_webstore_captureDeclined", 3],
  ["pm_webstore_refundRefusedOnce", 3],
  ["pm_webstore_webhookDuplicate", 3],
  ["pm_webstore_webhookLate", 3],
  ["pm_webstore_webhookNever", 3],
  ["pm_webstore_webhookOutOfOrder", 3],
  ["pm_webstore_disputeLost", 2],
  ["pm_webstore_disputeWon", 2],
];

const confirmations: Choice<Confirmation> = [
  ["succeeded", 5],
  ["failed", 2],
  ["never", 2],
];

const afterwards: Choice<Afterwards> = [
  ["nothing", 60],
  ["cancel", 10],
  ["cancel_twice", 4],
  ["refund_part", 8],
  ["refund_parts", 6],
  ["refund_all", 6],
  ["cancel_and_refund", 6],
];

const scarceShare = 0.05;
const impatientShare = 0.1;
const cancelsAtOnceShare = 0.06;

export function planOf(
  random: Random,
  is: {
    customers: number;
    visitsEach: number;
    kills: number;
    databaseKills: number;
    products: readonly Product[];
    scarce: Product;
  },
): ChaosPlan {
  const visit = (customer: number): ChaosVisit => {
    const products = new Set(Array.from({ length: random.whole(1, 3) }, () => random.pick(is.products)));
    if (random.chance(scarceShare)) products.add(is.scarce);
    return {
      customer,
      key: random.uuid(),
      cardToken: choose(random, cards),
      wanted: [...products].map((product) => ({ product, quantity: random.whole(1, 3) })),
      impatient: random.chance(impatientShare),
      country: choose(random, countries),
      confirmation: choose(random, confirmations),
      cancelsAtOnce: random.chance(cancelsAtOnceShare),
      afterwards: choose(random, afterwards),
    };
  };
  const visits = Array.from({ length: is.visitsEach }, () =>
    Array.from({ length: is.customers }, (_, customer) => visit(customer)),
  ).flat();
  const stretch = Math.floor(visits.length / (is.kills + 1));
  const withDatabase = new Set<number>();
  while (withDatabase.size < is.databaseKills) withDatabase.add(random.whole(0, is.kills - 1));
  const kills = Array.from({ length: is.kills }, (_, kill) => ({
    at: stretch * kill + random.whole(1, stretch),
    withDatabase: withDatabase.has(kill),
  }));
  return { visits, kills };
}

function choose<T>(random: Random, from: Choice<T>): T {
  const all = from.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random.whole(1, all);
  for (const [choice, weight] of from) {
    left -= weight;
    if (left <= 0) return choice;
  }
  throw new Error("there is nothing to choose from");
}
