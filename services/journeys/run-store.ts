// The whole store as a child process, as `npm start` runs it: on ports and in a folder of its own, so that several can
// run on one machine. It can be stopped, killed and started again.
//
// Invariant: only processes that were started here are ever signalled, and `close` leaves none of them.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cart } from "@webstore/cart/definition";
import { catalog } from "@webstore/catalog/definition";
import { crm } from "@webstore/crm/definition";
import { gateway } from "@webstore/gateway/definition";
import { identity } from "@webstore/identity/definition";
import { inventory } from "@webstore/inventory/definition";
import { ledger } from "@webstore/ledger/definition";
import { notifications } from "@webstore/notifications/definition";
import { orders } from "@webstore/orders/definition";
import { paymentProvider } from "@webstore/payment-provider/definition";
import { payments } from "@webstore/payments/definition";
import { takeSlot } from "./slot.ts";
import { isAlive, until, within } from "./wait.ts";

export type Environment = Readonly<Record<string, string>>;

/** What a start came to: its output, and how it ended if it did. */
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type StoreRun = ReturnType<typeof placesAt> & {
  readonly dataDir: string;
  readonly portOffset: number;
  /** Starts it and waits until it serves; throws what it said when it ends instead. How long that took. */
  start(...args: readonly string[]): Promise<number>;
  /** The same with more in its environment. */
  startWith(env: Environment): Promise<number>;
  /** Starts it again where it is expected to end by itself. */
  startAndEnd(
    args: readonly string[],
    env?: Environment,
  ): Promise<Ended & { stdout: string; stderr: string }>;
  pid(): number;
  /** The postmaster in this data folder, and where it is reached; undefined while there is none. */
  database(): { readonly pid: number; readonly url: string } | undefined;
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): Promise<Ended>;
  kill(): Promise<Ended>;
  /** Kills the postmaster in this data folder, and says which that was. */
  killDatabase(): number | undefined;
  close(): Promise<void>;
};

/** What `npm start` runs, with its flags for Node.js. */
const root = fileURLToPath(new URL("../../", import.meta.url));
const [, ...startCommand] = (
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } }
).scripts.start.split(" ");
const startTimeoutMs = 60_000;
/** Longer than a service waits for a database that may still come. */
const endTimeoutMs = 60_000;
const outputMax = 1_000_000;

/** `env` is all that it gets, beside what any program needs. */
export async function openStoreRun(env: Environment = {}): Promise<StoreRun> {
  const slot = await takeSlot();
  const root = mkdtempSync(join(tmpdir(), "webstore-journey-"));
  // The database's user has to pass through it.
  chmodSync(root, 0o755);
  const dataDir = join(root, "data");
  const children = new Set<ChildProcess>();
  let current: Start | undefined;

  const begin = (args: readonly string[], more: Environment = {}) => {
    const run = runStart(["--data", dataDir, ...args], {
      PORT_OFFSET: String(slot.portOffset),
      // What a killed store leaves there goes with the rest.
      TMPDIR: root,
      ...env,
      ...more,
    });
    children.add(run.child);
    void run.ended.then(() => children.delete(run.child));
    return run;
  };
  const database = () => databaseIn(dataDir);

  async function start(args: readonly string[], more?: Environment): Promise<number> {
    const startedAt = performance.now();
    const run = begin(args, more);
    current = run;
    const ready = new Promise<void>((resolve) => {
      run.child.stdout.on("data", () => run.said.stdout.includes("WebStore runs") && resolve());
    });
    const early = run.ended.then(({ code }) => {
      throw new Error(`the store ended with ${code} instead of starting: ${run.said.stderr}`);
    });
    await within(Promise.race([ready, early]), startTimeoutMs, "the store did not start");
    early.catch(() => {});
    return performance.now() - startedAt;
  }

  async function signal(name: NodeJS.Signals): Promise<Ended> {
    if (current === undefined) throw new Error("the store was not started");
    current.child.kill(name);
    return within(current.ended, endTimeoutMs, `the store did not end after ${name}`);
  }

  return {
    dataDir,
    portOffset: slot.portOffset,
    ...placesAt(slot.portOffset),

    start: (...args) => start(args),
    startWith: (env) => start([], env),
    async startAndEnd(args, more) {
      const run = begin(args, more);
      const ended = await within(run.ended, endTimeoutMs, "the store did not end");
      return { ...ended, ...run.said };
    },
    pid: () => current?.child.pid ?? 0,
    database,
    stdout: () => current?.said.stdout ?? "",
    stderr: () => current?.said.stderr ?? "",
    signal,
    kill: () => signal("SIGKILL"),
    killDatabase() {
      const found = database();
      if (found !== undefined) process.kill(found.pid, "SIGKILL");
      return found?.pid;
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      const left = database();
      if (left !== undefined) {
        process.kill(left.pid, "SIGINT");
        await until(() => !isAlive(left.pid), endTimeoutMs, "the database did not stop");
      }
      rmSync(root, { recursive: true, force: true, maxRetries: 10 });
      slot.give();
    },
  };
}

type Start = ReturnType<typeof runStart>;

function runStart(args: readonly string[], env: Environment) {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, [...startCommand, ...args], {
    cwd: root,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const leaveNoChild = () => child.kill("SIGKILL");
  process.once("exit", leaveNoChild);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] = (said[stream] + text).slice(-outputMax);
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      process.off("exit", leaveNoChild);
      resolve({ code, signal });
    });
  });
  return { child, said, ended };
}

function databaseIn(dataDir: string): { pid: number; url: string } | undefined {
  try {
    const state = readFileSync(join(dataDir, "postgres/cluster/postmaster.pid"), "utf8");
    const { password } = JSON.parse(readFileSync(join(dataDir, "postgres/server.json"), "utf8"));
    const [pid, , , port] = state.split("\n").map(Number);
    if (pid === undefined || !isAlive(pid) || !isDatabaseOf(pid, dataDir)) return undefined;
    return { pid, url: `postgres://webstore:${password}@127.0.0.1:${port}/postgres` };
  } catch {
    return undefined;
  }
}

/** After a crash the number may be another process's by now. */
function isDatabaseOf(pid: number, dataDir: string): boolean {
  return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes(dataDir);
}

function placesAt(portOffset: number) {
  const at = (port: number) => `127.0.0.1:${port + portOffset}`;
  return {
    url: `http://${at(gateway.ports.http ?? 0)}`,
    rpc: {
      identity: at(identity.ports.rpc),
      catalog: at(catalog.ports.rpc),
      cart: at(cart.ports.rpc),
      orders: at(orders.ports.rpc),
      payments: at(payments.ports.rpc),
      ledger: at(ledger.ports.rpc),
      notifications: at(notifications.ports.rpc),
      gateway: at(gateway.ports.rpc),
    },
    providerUrl: `http://${at(paymentProvider.port)}`,
    inventoryUrl: `http://${at(inventory.port)}`,
    crmUrl: `http://${at(crm.port)}`,
  };
}
