// A store that is in use while everything of it is replaced: each service is rolled out anew, each service's pod is deleted, each
// partner's and each data store's. No request that was answered is lost, no order is placed twice, and the books agree to the cent.
//
// RATE is how many new requests begin each second. SECONDS is for how long at least: services' pods are deleted again until it is
// over. ONLY names the members that are touched (`orders,redis`; all of them without it). KEEP=1 leaves the release where it is,
// and takes the one that is there.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { minorOf, type Order, openShop, type Product, type Reconciliation, type Shop } from "../shop.ts";
import { ingressUrl, say, until } from "./cluster.ts";
import { deletePod, restarts, rollOut } from "./disturbances.ts";
import { openPartners, type PartnersOfLoad } from "./load-partners.ts";
import { careless, failuresOf, lineOf, openRecord, type Seen } from "./load-record.ts";
import { installLoad, load, removeLoad, staffOf } from "./load-release.ts";
import { type Settled, settle } from "./load-settled.ts";
import {
  type Bought,
  isSame,
  type Load,
  moneyOf,
  openShoppers,
  quantitiesOf,
  startLoad,
  told,
} from "./load-shoppers.ts";
import { restMain } from "./main-release.ts";

const ratePerSecond = Number(process.env.RATE ?? 20);
const secondsMin = Number(process.env.SECONDS ?? 0);
const shoppersMax = Math.max(40, ratePerSecond * 4);
const steadyMs = 15_000;

/** The edge last, because everything else is seen through it. */
const only = process.env.ONLY?.split(",");
const isTouched = (member: string) => only?.includes(member) ?? true;
const services = [
  ...["catalog", "identity", "cart", "payments", "orders"],
  ...["ledger", "notifications", "order-processor", "gateway"],
].filter(isTouched);
const partnersAndStores = [
  ...["payment-provider", "inventory", "crm"],
  ...["redis", "mongodb", "kafka", "postgres"],
].filter(isTouched);

const record = openRecord();
let wakeMain: (() => Promise<void>) | undefined;
let shop: Shop;
let staff: string;
let running: Load;
let partners: PartnersOfLoad;
let settled: Settled;
let replayed: { readonly bought: Bought; readonly again: Bought["outcome"] }[];
let carts: { readonly held: ReadonlyMap<string, number>; readonly due: ReadonlyMap<string, number> }[];
let reconciliation: Reconciliation;
const endedByThemselves = { before: 0, after: 0 };

const during = (pattern: RegExp) => record.seen.filter((seen) => pattern.test(seen.during));

async function disturb(what: string, work: () => Promise<void>): Promise<void> {
  record.begin(what);
  const startedMs = performance.now();
  await work();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  say(
    `${lineOf(
      what,
      record.seen.filter((seen) => seen.during === what),
    )}; ${seconds} s`,
  );
}

async function goThroughIt(): Promise<void> {
  const endsMs = performance.now() + secondsMin * 1_000;
  await disturb("nothing", () => delay(steadyMs));
  for (const service of services) await disturb(`rollout of ${service}`, () => rollOut(service));
  let round = 0;
  do {
    const again = round++ === 0 ? "" : ` (${round})`;
    for (const member of [...services, ...partnersAndStores])
      await disturb(`pod of ${member} deleted${again}`, () => deletePod(member));
  } while (performance.now() < endsMs);
  await disturb("nothing, afterwards", () => delay(steadyMs));
}

beforeAll(async () => {
  wakeMain = await restMain();
  await installLoad();
  shop = openShop(ingressUrl, { host: load.host, connectionsMax: 256, onAsked: record.onAsked });
  staff = await until(
    "the store is there",
    () => staffOf(shop),
    () => true,
    180_000,
  );
  const products = (await shop.products()).filter(({ price }) => minorOf(price) <= 60_00);
  const shoppers = await openShoppers(shop, shoppersMax);
  await firstOrder(products[0] as Product);
  endedByThemselves.before = await restarts();

  const startedMs = performance.now();
  running = startLoad(shop, { shoppers, products, ratePerSecond });
  try {
    await goThroughIt();
  } finally {
    await running.stop();
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  endedByThemselves.after = await restarts();

  record.begin("the settling");
  staff = await staffOf(shop);
  partners = await openPartners();
  settled = await settle(shop, partners.partners, staff);
  carts = await Promise.all(
    running.shoppers.map(async ({ token, outstanding }) => ({
      held: quantitiesOf((await shop.cart(token)).lines),
      due: outstanding,
    })),
  );
  replayed = [];
  for (const bought of running.bought.filter(({ outcome }) => outcome.asks > 1))
    replayed.push({ bought, again: await shop.checkout(bought.shopper.token, bought.key) });
  reconciliation = await shop.reconcile(staff, new Date().toISOString());
  report(seconds);
}, 1_200_000);

afterAll(async () => {
  await partners?.close();
  await shop?.close();
  await removeLoad();
  await wakeMain?.();
}, 900_000);

/** The proxies know every token's key, and every service has answered once. */
async function firstOrder(product: Product): Promise<void> {
  const [shopper] = await openShoppers(shop, 1);
  const token = shopper?.token ?? "";
  await until(
    "the first order is paid",
    async () => {
      await shop.addToCart(token, product.product_id, 1);
      return shop.checkout(token, randomUUID());
    },
    ({ is }) => is === "ordered",
    180_000,
  );
}

const orderedOf = (all: readonly Bought[]) =>
  all.flatMap(({ outcome }) => (outcome.is === "ordered" ? [outcome.order] : []));

function report(seconds: number): void {
  const { bought } = running;
  const { orders, payments, entries } = settled.books;
  const refused = bought.flatMap(({ outcome }) => (outcome.is === "refused" ? [outcome.reason] : []));
  say(lineOf("all rollouts", during(/^rollout/)));
  say(lineOf("all deletions", during(/^pod of/)));
  say(
    `${ratePerSecond} requests/s asked for, ${(loadSeen().length / seconds).toFixed(1)}/s made with repeats, ${running.missedTurns()} turns missed; ${seconds.toFixed(0)} s`,
  );
  say(
    `${bought.length} checkouts: ${orderedOf(bought).length} paid (${replayed.length} of all repeated), refused ${refused.length} (${[...new Set(refused)].join(", ")})`,
  );
  say(
    `${(moneyOf(bought) / 100).toFixed(2)} paid; ${orders.length} orders, ${payments.length} payments, ${entries.length} ledger entries; ${settled.redriven} dead letters redriven; ${endedByThemselves.after - endedByThemselves.before} containers ended by themselves`,
  );
}

const loadSeen = (): readonly Seen[] => during(/^(nothing|rollout|pod of)/);

describe(`at ${ratePerSecond} requests a second`, () => {
  test("a store that nobody touches fails no request", () => {
    expect(failuresOf(careless(during(/^nothing$/)).failed)).toBe("none");
  });

  test("a rollout of each service fails no request", () => {
    expect(failuresOf(careless(during(/^rollout/)).failed)).toBe("none");
  });

  test("every request got its answer in the end", () => {
    expect(running.wrong).toEqual([]);
  });

  test("each order that was answered exists, is paid, and has what was in the cart", () => {
    const byId = new Map(settled.books.orders.map((order) => [order.order_id, order]));
    const standing = ["processing", "shipped", "delivered"];
    const wrong = running.bought.flatMap(({ outcome, wanted }) => {
      if (outcome.is === "refused") return [];
      const { order_id: id, lines, total } = outcome.order;
      const kept: Order | undefined = byId.get(id);
      if (kept === undefined) return [`order ${id} was answered and is not there`];
      if (!standing.includes(kept.status)) return [`order ${id} is ${kept.status}`];
      if (minorOf(kept.total) !== minorOf(total)) return [`order ${id} costs ${kept.total.amount}`];
      const has = quantitiesOf(lines);
      return isSame(has, wanted) ? [] : [`order ${id} has ${told(has)} instead of ${told(wanted)}`];
    });
    expect(wrong).toEqual([]);
    expect(running.lookedUp.length).toBeGreaterThan(0);
  });

  test("each cart holds the additions that were answered and are not ordered", () => {
    const wrong = carts.filter(({ held, due }) => !isSame(held, due));
    expect(wrong.map(({ held, due }) => `${told(held)} instead of ${told(due)}`)).toEqual([]);
  });

  test("each key placed one order, and who repeats it once more gets the same one", () => {
    const ids = orderedOf(running.bought).map(({ order_id }) => order_id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { bought, again } of replayed) {
      const { outcome } = bought;
      if (outcome.is === "ordered")
        expect(again).toMatchObject({ is: "ordered", order: { order_id: outcome.order.order_id } });
      else expect(again).toMatchObject({ is: "refused", reason: outcome.reason });
    }
    const { orders } = settled.books;
    const mine = new Set(ids);
    const customers = new Set(orders.flatMap((each) => (mine.has(each.order_id) ? [each.customer_id] : [])));
    const standing = orders.filter(
      ({ status, customer_id }) => status !== "failed" && customers.has(customer_id),
    );
    expect(standing.map(({ order_id }) => order_id).sort()).toEqual([...ids].sort());
  });

  test("everything came to rest, and orders, payments, ledger and the provider's own list agree to the cent", () => {
    expect(settled.waiting).toEqual([]);
    expect(settled.books.orders.length).toBeGreaterThan(0);
  });

  test("the store's own reconciliation finds nothing, and has looked at everything", () => {
    expect(
      reconciliation.differences.map(({ kind, order_id, detail }) => `${kind} ${order_id}: ${detail}`),
    ).toEqual([]);
    expect(reconciliation.payments_compared).toBe(settled.books.payments.length);
  });
});
