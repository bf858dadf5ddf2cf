// The load of the bench: customers with filled carts, and shoppers who check out as fast as they are answered. Only
// POST /checkout is timed. The generator shares the machine with what it measures, so it does as little as it can.

import { randomUUID } from "node:crypto";
import { Pool } from "undici";
import { address, openShop, type Shop } from "./shop.ts";

export type Timed = { readonly count: number; readonly ms: number; readonly latenciesMs: Float64Array };

const body = JSON.stringify({ payment_method: { token: "pm_card_visa" }, shipping_address: address });
const fillingAtOnce = 8;

/** `each(index)` for 0 to `count` - 1, `atOnce` of them at a time; how long each and all took. */
export async function timed(
  count: number,
  atOnce: number,
  each: (index: number) => Promise<void>,
): Promise<Timed> {
  const latenciesMs = new Float64Array(count);
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const startedAt = performance.now();
      await each(index);
      latenciesMs[index] = performance.now() - startedAt;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { count, ms: performance.now() - startedAt, latenciesMs };
}

export type Load = {
  readonly customers: number;
  /** One checkout for each customer, by this many shoppers at once. */
  checkouts(shoppers: number, count: number): Promise<Timed>;
  /** Puts a mug into every cart; not timed. */
  fillCarts(count: number): Promise<void>;
  close(): Promise<void>;
};

export async function openLoad(url: string, customers: number): Promise<Load> {
  const shop = openShop(url);
  const pool = new Pool(url, { connections: 64, pipelining: 1 });
  const [mug] = await shop.products("stoneware mug");
  const tokens = await openCustomers(shop, customers);
  return {
    customers,
    async fillCarts(count) {
      await timed(count, fillingAtOnce, async (index) => {
        await shop.addToCart(tokens[index] ?? "", mug?.product_id ?? "", 1);
      });
    },
    checkouts: (shoppers, count) =>
      timed(count, shoppers, async (index) => {
        const headers = {
          authorization: `Bearer ${tokens[index]}`,
          "content-type": "application/json",
          "idempotency-key": randomUUID(),
        };
        const answer = await pool.request({ method: "POST", path: "/checkout", headers, body });
        if (answer.statusCode !== 201)
          throw new Error(`a checkout was not paid: ${answer.statusCode} ${await answer.body.text()}`);
        await answer.body.dump();
      }),
    async close() {
      await pool.destroy();
      await shop.close();
    },
  };
}

async function openCustomers(shop: Shop, count: number): Promise<string[]> {
  const run = randomUUID().slice(0, 8);
  const tokens: string[] = [];
  await timed(count, fillingAtOnce, async (index) => {
    const is = { username: `bench-${run}-${index}`, password: "a long password" };
    await shop.register(is);
    tokens[index] = (await shop.login(is)).access_token;
  });
  return tokens;
}

/** The value below which this share of them lies. */
export function quantile(latenciesMs: Float64Array, share: number): number {
  const sorted = latenciesMs.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
