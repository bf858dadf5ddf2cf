// A shopper's journey through a store that runs somewhere: `skaffold verify` runs it as a Job, a person as
//   STORE_URL=http://127.0.0.1:8080 STORE_HOST=webstore.local node services/journeys/main.ts
// It registers somebody new, buys a mug, and has the books compared. A line for each step; it
// ends with 1 at the first that fails.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openShop, type Shop } from "./shop.ts";

const usage = `Usage: node services/journeys/main.ts

Environment:
  STORE_URL    where the store is, such as http://127.0.0.1:8000 (the default)
  STORE_HOST   the name it goes by, where the address is an ingress's
  STAFF_TOKEN  an access token of staff; without it the demo's grace logs in, to have the books compared
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const settleMs = 60_000;

async function journey(shop: Shop): Promise<void> {
  const shopper = { username: `shopper-${randomUUID().slice(0, 8)}`, password: `pw-${randomUUID()}` };
  await shop.register(shopper);
  const { access_token: token } = await shop.login(shopper);
  say(`registered and logged in as ${shopper.username}`);
  const [mug] = await shop.products("mug");
  if (mug === undefined) throw new Error("the catalog has no mug: is there demo data (global.demo)?");
  await shop.addToCart(token, mug.product_id, 1);
  say(`put into the cart: ${mug.name}`);
  const bought = await shop.checkout(token, randomUUID());
  if (!("order" in bought) || bought.order.status !== "paid")
    throw new Error(`not paid: ${JSON.stringify(bought)}`);
  say(`paid: order ${bought.order.order_id}, ${bought.order.total.amount} ${bought.order.total.currency}`);
  await compared(shop);
}

/** The books follow the order within moments; until then they differ. */
async function compared(shop: Shop): Promise<void> {
  const staff =
    process.env.STAFF_TOKEN ??
    (await shop.login({ username: "grace", password: "webstore-demo" })).access_token;
  const untilMs = Date.now() + settleMs;
  for (;;) {
    const before = new Date().toISOString();
    const { differences, payments_compared: compared } = await shop.reconcile(staff, before);
    if (differences.length === 0) {
      say(`the books agree: ${compared} payments compared`);
      return;
    }
    if (Date.now() > untilMs) throw new Error(`the books differ: ${JSON.stringify(differences[0])}`);
    await delay(1_000);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
  if (values.help) return say(usage);
  const { STORE_URL = "http://127.0.0.1:8000", STORE_HOST: host } = process.env;
  const shop = openShop(STORE_URL, host === undefined ? {} : { host });
  try {
    await journey(shop);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await shop.close();
  }
}

if (import.meta.main) await main();
