// The journey itself: one store, and canaries on every path into it. What came of it is scanned by canary.test.ts.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { demoUsers } from "@webstore/kit";
import pg from "pg";
import { system } from "../system.ts";
import { type Collector, openCollector } from "./canary-collector.ts";
import { deadLetters, type Poison, publishPoison } from "./canary-poison.ts";
import { type Document, restRequests } from "./canary-rest.ts";
import {
  brokenRequests,
  connectBody,
  connectPath,
  methodsOf,
  openGrpc,
  type RpcRequest,
  rpcRequests,
} from "./canary-rpc.ts";
import { openSamples, type Sampler } from "./canary-samples.ts";
import { type Scan, scanDatabase, scanFiles } from "./canary-scan.ts";
import { bearer, canaryOf, canaryOfJwt, card, keys, passwords, paymentTokens } from "./canary-secrets.ts";
import * as stories from "./canary-stories.ts";
import { badTokensLike } from "./canary-tokens.ts";
import { type MailServer, openMailServer } from "./mail-server.ts";
import { readPartners } from "./partners.ts";
import { openReflected } from "./reflection.ts";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { type Answer, type Order, openShop, type Shop } from "./shop.ts";
import { until } from "./wait.ts";

export type Came = {
  /** Requests by how they were made, and how they were answered. */
  readonly answers: ReadonlyMap<string, number>;
  /** Good requests that were refused: there no canary got further than the first field at fault. */
  readonly shallow: readonly string[];
  /** How many good requests there were. */
  readonly good: number;
  readonly orders: readonly (Order | undefined)[];
  readonly deadLetters: number;
  readonly mails: number;
  readonly rows: number;
};

type Journey = {
  readonly store: StoreRun;
  readonly shop: Shop;
  readonly scan: Scan;
  readonly poison: readonly Poison[];
  readonly heard: (by: string, what: string, status: number, text: string) => void;
};

const lanes = 8;
const staff = demoUsers.grace.token;
const comeMs = 60_000;
/** Of what a process says, run-store.ts keeps the last million characters. */
const outputKept = 1_000_000;

/** Goes through all of it and scans all of it; the store is stopped afterwards. */
export async function goThrough(scan: Scan, poison: readonly Poison[]): Promise<Came> {
  const collector = await openCollector();
  const mailServer = await openMailServer();
  const folder = mkdtempSync(join(tmpdir(), "webstore-canary-"));
  const store = await openStoreRun(
    environment({ collector, mailServer, logFile: join(folder, "errors.log") }),
  );
  try {
    await store.start();
    const shop = openShop(store.url, { patienceMs: comeMs });
    const answers = new Map<string, number>();
    const shallow: string[] = [];
    let good = 0;
    const heard: Journey["heard"] = (by, what, status, text) => {
      const isError = by === "gRPC" ? status !== 0 : status >= 400;
      if (what.endsWith(": good")) good += 1;
      if (isError && what.endsWith(": good")) shallow.push(`${by} ${what} ${status}`);
      const name = `${by} ${status}`;
      answers.set(name, (answers.get(name) ?? 0) + 1);
      if (isError) scan.text(`answer to ${by} ${what}`, text);
    };
    const journey = { store, shop, scan, poison, heard };
    const came = await walk(journey, mailServer);
    await shop.close();
    await store.signal("SIGTERM");
    scanSaid({ store, scan, collector, folder });
    return { ...came, answers, shallow, good };
  } finally {
    await store.close();
    await mailServer.close();
    collector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const environment = (is: { collector: Collector; mailServer: MailServer; logFile: string }) => ({
  LOG_LEVEL: "debug",
  LOG_FILE: is.logFile,
  OTEL_EXPORTER_OTLP_ENDPOINT: is.collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${keys.collector}`,
  OTEL_METRIC_EXPORT_INTERVAL: "1000",
  OTEL_BSP_SCHEDULE_DELAY: "500",
  OTEL_BSP_MAX_QUEUE_SIZE: "65536",
  OTEL_BLRP_MAX_QUEUE_SIZE: "65536",
  MAIL_URL: is.mailServer.url,
  STRIPE_API_KEY: keys.stripe,
  PAYMENT_PROVIDER_API_KEY: keys.stripe,
  STRIPE_WEBHOOK_SECRET: keys.webhook,
  PAYMENT_PROVIDER_WEBHOOK_SECRET: keys.webhook,
  PAYMENT_UPDATES_API_KEY: keys.paymentUpdates,
  INTERNAL_API_KEY: keys.internal,
  JOURNAL_KEY: keys.journal,
  IDENTITY_KEY_ENCRYPTION_KEY: keys.signingKeys,
  RATE_LIMIT_PER_SECOND: "1000000",
  // How passwords are hashed is not what is tried here.
  IDENTITY_ARGON2_MEMORY_KIB: "8",
  IDENTITY_ARGON2_TIME_COST: "1",
});

async function walk(
  journey: Journey,
  mailServer: MailServer,
): Promise<Omit<Came, "answers" | "shallow" | "good">> {
  const { store, scan, poison } = journey;
  const databaseUrl = store.database()?.url ?? "";
  scan.learn(canaryOf("the database's password", new URL(databaseUrl).password));
  await publishPoison(databaseUrl, poison);
  const { orders, stage, otherProductId } = await tellStories(journey, databaseUrl);
  await until(async () => (await deadLetters(databaseUrl)).kept > 0, comeMs, "no dead letter came");
  const sample = openSamples(await knownIn(databaseUrl, { productId: stage.productId, otherProductId }));
  await tryRest(journey, sample);
  await tryRpc(journey, sample);
  await stories.redrive(stage);
  await tryOperators({ store, scan });
  const letters = await rested(databaseUrl, mailServer);
  scan.text("mail raw", mailServer.raw());
  for (const mail of mailServer.mails()) scan.text("mail read", JSON.stringify(mail));
  for (const { is } of system) {
    if (is.kind !== "service") continue;
    const admin = `http://127.0.0.1:${is.ports.admin + store.portOffset}`;
    const refused = await fetch(`${admin}/${card.plain}?token=${bearer}`, { headers: { cookie: bearer } });
    scan.text(`answer to admin of ${is.name}`, await refused.text());
    scan.text(`page /metrics of ${is.name}`, await (await fetch(`${admin}/metrics`)).text());
  }
  const rows = await scanDatabase(scan, databaseUrl);
  return { orders, deadLetters: letters, mails: mailServer.mails().length, rows };
}

/** Shoppers in parallel; one of them is kept waiting, so that what is written down meanwhile is seen, too. */
async function tellStories({ store, shop, scan, heard }: Journey, databaseUrl: string) {
  const [product, other] = await shop.products("mug");
  const stage: stories.Stage = {
    shop,
    url: store.url,
    partners: readPartners(store),
    staff,
    productId: product?.product_id ?? "",
    heard: (what, { status, body, headers }: Answer<unknown>) =>
      heard("REST", what, status, JSON.stringify([body, headers])),
    learned: (what, text) =>
      scan.learn(what === "access token" ? canaryOfJwt(what, text) : canaryOf(what, text)),
  };
  const tokens = Object.values(paymentTokens).filter((token) => token !== paymentTokens.needsAction);
  const shoppers = await inLanes([...tokens, card.plain, "", "", ""], () => stories.newShopper(stage));
  const [waiting, leaving, careless, ...payers] = shoppers as [
    stories.Shopper,
    stories.Shopper,
    stories.Shopper,
  ];
  const bad = await badTokensLike(waiting.access, { databaseUrl, sealedUnder: keys.signingKeys });
  scan.learn(canaryOf("private signing key", bad.privateKey));
  for (const token of [bad.expired, bad.forged, bad.unsigned]) {
    scan.learn(canaryOfJwt("bad access token", token));
    stage.heard("a bad token", await shop.ask("/cart", { token }));
    stage.heard("a bad token", await shop.ask(`/cart?access_token=${token}`));
  }
  const open = await stories.beginWithBank(stage, waiting);
  const given = await stories.beginWithBank(stage, leaving);
  const paying = inLanes([...tokens, card.plain].entries(), ([index, token]) =>
    stories.payWith(stage, payers[index] ?? careless, token),
  );
  await scanDatabase(scan, databaseUrl, "row-meanwhile");
  const orders = await paying;
  await scanDatabase(scan, databaseUrl, "row-meanwhile");
  await stories.payWithCardFields(stage, careless);
  await stage.partners.answerTheBank(open.clientSecret, "succeeded");
  await shop.cancel(leaving.access, given.orderId);
  await stories.sendEvents(stage, open.clientSecret);
  await stories.sendNonsense(stage);
  await stories.uploadImage(stage);
  const paid = orders.find((order) => order?.status === "paid");
  if (paid === undefined) throw new Error("no order was paid");
  await stories.sendPaymentUpdates(stage, paid);
  return { orders, stage, otherProductId: other?.product_id ?? "" };
}

async function knownIn(databaseUrl: string, products: { productId: string; otherProductId: string }) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const one = async (column: string, from: string): Promise<string> => {
    const { rows } = await client.query<{ id: string }>(`select ${column} as id from ${from} limit 1`);
    return rows[0]?.id ?? "";
  };
  try {
    const orderId = await one("order_id", "orders.orders where total_minor > 0 and payment_id is not null");
    return {
      ...products,
      orderId,
      // Another order's: the one above will be cancelled, and its money goes back.
      paymentId: await one(
        "payment_id",
        `payments.payments where status = 'captured' and order_id <> '${orderId}'`,
      ),
      customerId: await one("customer_id", "orders.orders"),
      sagaId: await one("id", "orders.sagas"),
      deadLetterId: await one("dead_letter_id", "order_processor.dead_letters"),
      notificationId: await one("notification_id", "notifications.notifications"),
    };
  } finally {
    await client.end();
  }
}

async function tryRest({ store, shop, heard }: Journey, sample: Sampler): Promise<void> {
  const document = (await (await fetch(`${store.url}/openapi.json`)).json()) as Document;
  await inLanes(restRequests(document, sample, staff), async ({ what, path, asked }) => {
    if (path === "/checkout" && needsCart.test(what)) await fillCart(shop, sample);
    const { status, body, headers } = await shop
      .ask(path, asked)
      .catch((error: unknown) => ({ status: 0, body: String(error), headers: {} }));
    heard("REST", what, status, JSON.stringify([body, headers]));
  });
}

/** Checkouts that a full cart takes further than an empty one. */
const needsCart = /: good$|address|token/i;

/** So that a checkout by staff, who try everything, gets further than to an empty cart. */
async function fillCart(shop: Shop, sample: Sampler): Promise<void> {
  const json = { product_id: sample("product_id"), quantity: 1 };
  await shop.ask("/cart/add", { method: "POST", token: staff, json });
}

async function tryRpc({ store, shop, heard }: Journey, sample: Sampler): Promise<void> {
  for (const { is } of system) {
    if (is.kind !== "service") continue;
    const address = `127.0.0.1:${is.ports.rpc + store.portOffset}`;
    const reflected = openReflected(address);
    const services = (await reflected.list()).filter((name) => name.startsWith("webstore."));
    reflected.close();
    const grpc = openGrpc(address);
    const internal = { staff, internalKey: keys.internal };
    const requests = services.flatMap(methodsOf).flatMap((method) => rpcRequests(method, sample, internal));
    await inLanes(requests, async (request) => {
      if (/^(PlaceOrder|Checkout): /.test(request.what) && needsCart.test(request.what))
        await fillCart(shop, sample);
      const { status, text } = await grpc.call(request);
      heard("gRPC", request.what, status, text);
    });
    grpc.close();
  }
  const metadata = { authorization: `Bearer ${staff}` };
  const overConnect = ["webstore.storefront.v1.StorefrontService", "webstore.ops.v1.OpsService"]
    .flatMap(methodsOf)
    .flatMap((method) => [...rpcRequests(method, sample, { staff }), ...brokenRequests(method, metadata)]);
  await inLanes(overConnect, async (request) => {
    for (const asked of connectForms(request)) {
      const { status, body, headers } = await shop.ask(asked.path, asked);
      heard("Connect", request.what, status, JSON.stringify([body, headers]));
    }
  });
}

/** As a message, and in the address, where reads may be. */
function connectForms(request: RpcRequest) {
  const path = connectPath(request);
  const body = connectBody(request);
  const headers = { "connect-protocol-version": "1", ...request.metadata };
  const query = new URLSearchParams({ connect: "v1", encoding: "json", message: body });
  return [
    { path, method: "POST", body, headers: { "content-type": "application/json", ...headers } },
    { path: `${path}?${query}`, method: "GET", headers },
  ] as const;
}

const commandLine = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** The operator's command line, with a wrong password and a wrong token. */
async function tryOperators({ store, scan }: Pick<Journey, "store" | "scan">): Promise<void> {
  const runs = [
    { args: ["login", "grace"], typed: passwords.wrong },
    { args: ["dlq", "list"], typed: "" },
  ];
  await inLanes(runs, async ({ args, typed }) => {
    const env = { PATH: process.env.PATH ?? "", WEBSTORE_URL: store.url, WEBSTORE_TOKEN: bearer };
    const child = spawn(process.execPath, [commandLine, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => scan.text(`cli ${args[0]}`, text));
    child.stdin.end(`${typed}\n`);
    await once(child, "close");
  });
}

/** Until no more dead letters and no more mails come. Gives how many dead letters there are. */
async function rested(databaseUrl: string, mailServer: MailServer): Promise<number> {
  let before = "";
  let same = 0;
  await until(
    async () => {
      const { kept, published } = await deadLetters(databaseUrl);
      const now = `${kept} ${published} ${mailServer.mails().length}`;
      same = now === before && kept > 0 ? same + 1 : 0;
      before = now;
      return same > 40;
    },
    comeMs,
    "the store does not come to rest",
  );
  return (await deadLetters(databaseUrl)).kept;
}

function scanSaid(is: { store: StoreRun; scan: Scan; collector: Collector; folder: string }): void {
  const { store, scan, collector } = is;
  for (const line of store.stdout().split("\n")) scan.text("stdout", line);
  for (const line of store.stderr().split("\n")) scan.text("stderr", line);
  for (const signal of ["traces", "metrics", "logs"] as const)
    for (const export_ of collector.received(signal)) scan.text(`otlp-${signal}`, export_);
  scanFiles(scan, is.folder, /^$/);
  if (store.stdout().length >= outputKept) throw new Error("the store said more than was kept");
  // The database's own files hold what its rows do, and the partners are other companies.
  scanFiles(scan, store.dataDir, /^postgres\/cluster|\.sqlite/);
}

async function inLanes<Item, Result>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const left = [...items].entries();
  const results: Result[] = [];
  const lane = async () => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}
