// How a store comes to rest after a load: everything is done, told and booked. Asked of the operator's API, and of the books
// themselves, because no API may be trusted to show what it has forgotten.

import { setTimeout as delay } from "node:timers/promises";
import { type Books, disagreements, readBooks } from "../books.ts";
import type { readPartners } from "../partners.ts";
import type { Shop } from "../shop.ts";

export type Settled = {
  /** What never came to rest, a line each. */
  readonly waiting: readonly string[];
  readonly books: Books;
  readonly redriven: number;
};

const settledWithinMs = 240_000;
const pollMs = 3_000;
const deadLetterTopics = ["order-events", "payment-topic"];

export async function settle(
  shop: Shop,
  partners: ReturnType<typeof readPartners>,
  staff: string,
): Promise<Settled> {
  const untilMs = performance.now() + settledWithinMs;
  let redriven = 0;
  let quiet = 0;
  for (;;) {
    const open = await whatIsOpen(shop, partners, staff);
    const books = await readBooks(shop, partners, staff);
    const waiting = [...open, ...unfinished(books)];
    // Twice in a row: what is on its way from one service to another is in no list.
    quiet = waiting.length === 0 ? quiet + 1 : 0;
    if (quiet >= 2 || performance.now() > untilMs) return { waiting, books, redriven };
    redriven += await redrive(shop, staff);
    await delay(pollMs);
  }
}

/** How many there are on the first page, which is enough to know that there are some. */
async function whatIsOpen(
  shop: Shop,
  partners: ReturnType<typeof readPartners>,
  staff: string,
): Promise<string[]> {
  const count = async (what: string, path: string, plural: string) => {
    const page = await shop.must<Record<string, unknown[]>>(path, { token: staff });
    return [what, page[plural]?.length ?? 0] as const;
  };
  const counts = await Promise.all([
    ...["running", "compensating", "stuck"].map((status) =>
      count(`sagas ${status}`, `/sagas?status=${status}`, "sagas"),
    ),
    ...["dead", "scheduled"].map((status) =>
      count(`dead letters ${status}`, `/dead-letters?status=${status}`, "dead_letters"),
    ),
    ...["pending", "failed"].map((status) =>
      count(`notifications ${status}`, `/notifications?status=${status}`, "notifications"),
    ),
  ]);
  const deliveries = ["webhooks", await partners.deliveriesWaiting()] as const;
  return [...counts, deliveries].flatMap(([what, waiting]) => (waiting > 0 ? [`${what}: ${waiting}`] : []));
}

function unfinished(books: Books): string[] {
  // What is paid is moved on by whoever hears of it.
  const left = books.orders.filter(({ status }) => ["new", "pending", "paid"].includes(status));
  const still = left.length > 0 ? [`orders that nobody moved on: ${left.length}`] : [];
  return [...still, ...disagreements(books).slice(0, 20)];
}

/** What an operator does with what was given up while a pod was away. */
async function redrive(shop: Shop, staff: string): Promise<number> {
  let redriven = 0;
  for (const topic of deadLetterTopics) {
    const { scheduled } = await shop.must<{ scheduled: number }>("/dead-letters/redrive", {
      method: "POST",
      token: staff,
      json: { filter: { source_topic: topic }, rate_per_second: 50, reason: "the pods are back" },
    });
    redriven += scheduled;
  }
  return redriven;
}
