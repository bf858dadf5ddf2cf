// What `npm start` promises whoever sits at the terminal: what goes wrong is one line and status 1, what is stopped is
// gone, and what was killed starts again.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { identity } from "@webstore/identity/definition";
import { demoUsers } from "@webstore/kit";
import { orders } from "@webstore/orders/definition";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStoreRun, type StoreRun } from "./run-store.ts";
import { openShop } from "./shop.ts";
import { isAlive, until } from "./wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const ada = demoUsers.ada.token;
let store: StoreRun;

beforeEach(async () => {
  store = await openStoreRun();
});
afterEach(() => store.close());

/** It ended with status 1 and one line that says this. */
async function expectOneLine(says: RegExp, ...args: readonly string[]): Promise<void> {
  const { code, stderr, stdout } = await store.startAndEnd(args);
  expect(stderr).toMatch(says);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe("");
  expect(code).toBe(1);
}

const cartLines = async () => {
  const shop = openShop(store.url);
  try {
    return (await shop.cart(ada)).lines.length;
  } finally {
    await shop.close();
  }
};

async function fillCart(): Promise<void> {
  const shop = openShop(store.url);
  try {
    const [product] = await shop.products("mug");
    await shop.addToCart(ada, product?.product_id ?? "", 1);
  } finally {
    await shop.close();
  }
}

test("--help says what can be said to it", async () => {
  const { code, stdout } = await store.startAndEnd(["--help"]);
  expect(code).toBe(0);
  for (const word of ["--data", "--reset", "--failures", "DATABASE_URL", "PORT_OFFSET"])
    expect(stdout).toContain(word);
  expect(existsSync(store.dataDir)).toBe(false);
});

test("an unknown service or option is one line, and starts nothing", async () => {
  await expectOneLine(/there is no service order; there are .*orders/, "order");
  await expectOneLine(/--fast/, "--fast");
  expect(existsSync(store.dataDir)).toBe(false);
});

test("a data folder that is a file is one line", async () => {
  writeFileSync(store.dataDir, "");
  await expectOneLine(/data.* is a file, or below one/);
});

test("a data folder of somebody else's is one line, and stays as it was, also with --reset", async () => {
  mkdirSync(join(store.dataDir, "postgres"), { recursive: true });
  writeFileSync(join(store.dataDir, "postgres", "thesis.txt"), "all of it");
  await expectOneLine(/not a WebStore data folder/);
  await expectOneLine(/not a WebStore data folder/, "--reset");
  expect(readdirSync(join(store.dataDir, "postgres"))).toEqual(["thesis.txt"]);
});

test("a broken data folder is one line", async () => {
  await store.start("identity");
  await store.signal("SIGTERM");
  rmSync(join(store.dataDir, "postgres/cluster/PG_VERSION"));
  await expectOneLine(/damaged/);
});

test("a taken port is one line that names it, and nothing is left running", async () => {
  const port = identity.ports.rpc + store.portOffset;
  const taker = createServer();
  await new Promise<void>((resolve) => taker.listen(port, "127.0.0.1", resolve));
  try {
    await expectOneLine(new RegExp(`identity: port ${port} .*taken`));
    expect(store.database()).toBeUndefined();
  } finally {
    await new Promise((resolve) => taker.close(resolve));
  }
  await store.start();
});

test("a second start on the same data is one line, and does the first no harm, not even with --reset", async () => {
  await store.start();
  await fillCart();
  await expectOneLine(new RegExp(`already in use by process ${store.pid()}`));
  await expectOneLine(new RegExp(`already in use by process ${store.pid()}`), "--reset");
  expect(await cartLines()).toBe(1);
});

test("the start screen says what runs where, who may log in and what to try", async () => {
  await store.start();
  const screen = store.stdout();
  for (const place of [store.url, ...Object.values(store.rpc), store.providerUrl, store.inventoryUrl])
    expect(screen).toContain(place);
  expect(screen).toMatch(/ada \(user\), grace \(admin\); password webstore-demo/);
  const tried = /curl -s '([^']+)'/.exec(screen)?.[1] ?? "";
  expect((await fetch(tried)).status).toBe(200);
  expect(store.stderr()).toBe("");
});

test("orders alone is orders alone", async () => {
  await store.start("orders");
  expect(store.stdout()).toContain(`127.0.0.1:${orders.ports.rpc + store.portOffset}`);
  expect(store.stdout()).not.toContain("gateway");
  await expect(fetch(store.url)).rejects.toThrow("fetch failed");
  const ready = await fetch(`http://127.0.0.1:${orders.ports.admin + store.portOffset}/readyz`);
  expect(ready.status).toBe(200);
  expect(await store.signal("SIGTERM")).toEqual({ code: 0, signal: null });
});

test("its socket files are in a folder of its own, and go with it; where their paths are too long there are none", async () => {
  for (const [folder, sockets] of [
    ["tmp", Object.keys(store.rpc).length + 1],
    ["deep".repeat(25), 0],
  ] as const) {
    const tmp = join(store.dataDir, "..", folder);
    mkdirSync(tmp);
    await store.startWith({ TMPDIR: tmp });
    const [made = ""] = readdirSync(tmp);
    expect(statSync(join(tmp, made)).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(tmp, made))).toHaveLength(sockets);
    await fillCart();
    expect(await store.signal("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(readdirSync(tmp)).toEqual([]);
  }
  await store.start();
  expect(await cartLines()).toBe(1);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s ends it with 0, its database with it", async (signal) => {
  await store.start();
  const database = store.database()?.pid ?? 0;
  expect(isAlive(database)).toBe(true);
  expect(await store.signal(signal)).toEqual({ code: 0, signal: null });
  expect(isAlive(database)).toBe(false);
  expect(store.stderr()).toBe("");
});

test("ctrl-C at `npm start`, which reaches npm and the store, leaves no process", async () => {
  const { PATH = "", HOME = "" } = process.env;
  const npm = spawn("npm", ["start", "--", "--data", store.dataDir], {
    cwd: root,
    env: { PATH, HOME, PORT_OFFSET: String(store.portOffset) },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const group = -(npm.pid ?? 0);
  let said = "";
  npm.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => npm.once("close", () => resolve()));
  try {
    await until(() => said.includes("Ctrl-C stops."), 60_000, "npm start did not start");
    const database = store.database()?.pid ?? 0;
    expect(isAlive(database)).toBe(true);
    process.kill(group, "SIGINT");
    // The pipes are closed when the last of them has ended.
    await ended;
    expect(isAlive(database)).toBe(false);
  } finally {
    if (npm.exitCode === null && npm.signalCode === null) process.kill(group, "SIGKILL");
  }
});

test("after kill -9 the next start takes the database over that still runs, and everything is there", async () => {
  await store.start();
  await fillCart();
  await store.kill();
  const orphan = store.database()?.pid;
  expect(orphan).toBeDefined();
  await store.start();
  expect(store.stdout()).toContain("taken over");
  expect(store.database()?.pid).toBe(orphan);
  expect(await cartLines()).toBe(1);
});

test("after kill -9 of the database too, the next start just works", async () => {
  await store.start();
  await fillCart();
  const killed = store.killDatabase();
  await store.kill();
  await store.start();
  expect(store.database()?.pid).not.toBe(killed);
  expect(await cartLines()).toBe(1);
});

test("--reset begins with an empty store, and leaves what is not the store's", async () => {
  await store.start();
  await fillCart();
  await store.signal("SIGTERM");
  writeFileSync(join(store.dataDir, "notes.txt"), "mine");
  await store.start("--reset");
  expect(await cartLines()).toBe(0);
  expect(readdirSync(store.dataDir)).toContain("notes.txt");
  await store.signal("SIGTERM");
  await store.start();
  expect(await cartLines()).toBe(0);
});
