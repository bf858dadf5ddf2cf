// The embedded server: its folder outlives everything that can happen to the process that owns it.

import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { isAlive } from "./embedded-postgres-folder.ts";

let root: string;
let dataDir: string;
let running: { stop(): Promise<unknown> }[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "webstore-embedded-"));
  chmodSync(root, 0o755);
  dataDir = join(root, "data");
  running = [];
});

afterEach(async () => {
  for (const server of running) await server.stop();
  rmSync(root, { recursive: true, force: true });
});

async function start(options: { port?: number; said?: string[] } = {}): Promise<EmbeddedPostgres> {
  const { port, said = [] } = options;
  const log = (message: string) => said.push(message);
  const server = await startEmbeddedPostgres({ dataDir, log, ...(port === undefined ? {} : { port }) });
  running.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {});
  } finally {
    await client.end();
  }
}

/** Another process that starts the server on the folder and keeps it until it is killed. */
async function startElsewhere(): Promise<{ owner: ChildProcess; pid: number; kill(): Promise<void> }> {
  const module = new URL("./embedded-postgres.ts", import.meta.url).href;
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const { pid } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: () => {} });
    console.log(pid);
    setInterval(() => {}, 1_000);`;
  const owner = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = new Promise<void>((resolve) => owner.once("exit", () => resolve()));
  const kill = async () => {
    owner.kill("SIGKILL");
    await gone;
  };
  running.push({ stop: kill });
  for await (const line of createInterface({ input: owner.stdout as NodeJS.ReadableStream })) {
    return { owner, pid: Number(line), kill };
  }
  throw new Error("the other process did not start the server");
}

const pidFile = () => join(dataDir, "cluster", "postmaster.pid");

test("data, port and password are kept from one start to the next", async () => {
  const first = await start();
  await ask(first.url, "create table kept as select 42 as answer");
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await start();
  expect(second.url).toBe(first.url);
  expect(second.adopted).toBe(false);
  expect(await ask(second.url, "select answer from kept")).toEqual([42]);
});

test("it is durable, local, small, and asks for the password", async () => {
  const { url } = await start();
  const setting = (name: string) => `current_setting('${name}')`;
  const names = ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses"];
  expect(await ask(url, `select ${names.map((name) => `${setting(name)} as ${name}`).join(", ")}`)).toEqual([
    "on",
    "on",
    "on",
    "127.0.0.1",
  ]);
  await expect(ask(url.replace(/:[^:@]*@/, ":wrong@"), "select 1")).rejects.toThrow(
    "password authentication failed",
  );
  expect(statSync(join(dataDir, "server.json")).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).not.toContain(new URL(url).password);
});

test("a second start on the same folder is refused and names the owner, and the first goes on", async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`${dataDir} is already in use by process ${process.pid}`);
  expect(await ask(first.url, "select 1")).toEqual([1]);
});

test("a start on a folder that another process owns is refused and names it", async () => {
  const other = await startElsewhere();
  await expect(start()).rejects.toThrow(`already in use by process ${other.owner.pid}`);
  await other.kill();
  running.push(await start());
});

test("after kill -9 of its owner the server is taken over, with what was committed", async () => {
  const other = await startElsewhere();
  await other.kill();
  expect(isAlive(other.pid)).toBe(true);
  const said: string[] = [];
  const server = await start({ said });
  expect(server).toMatchObject({ adopted: true, pid: other.pid });
  expect(said).toEqual([`took over the database that was still running (process ${other.pid})`]);
  expect(await ask(server.url, "select 1")).toEqual([1]);
  await server.stop();
  expect(isAlive(other.pid)).toBe(false);
});

test("a server that does not take our password is stopped and started anew", async () => {
  const other = await startElsewhere();
  await other.kill();
  const keys = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8"));
  writeFileSync(join(dataDir, "server.json"), JSON.stringify({ ...keys, password: "not this one" }));
  const server = await start();
  expect(server.adopted).toBe(false);
  expect(server.pid).not.toBe(other.pid);
  expect(isAlive(other.pid)).toBe(false);
});

test("after kill -9 of owner and server the data is recovered", async () => {
  const other = await startElsewhere();
  const { port, password } = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8"));
  await ask(
    `postgres://webstore:${password}@127.0.0.1:${port}/postgres`,
    "create table kept as select 42 as answer",
  );
  await other.kill();
  process.kill(other.pid, "SIGKILL");
  const server = await start();
  expect(await ask(server.url, "select answer from kept")).toEqual([42]);
});

test("a postmaster.pid whose number went to another process is not believed", async () => {
  const first = await start();
  await first.stop();
  const { port } = new URL(first.url);
  writeFileSync(pidFile(), `${process.pid}\n${join(dataDir, "cluster")}\n0\n${port}\n\n127.0.0.1\n\nready\n`);
  const server = await start();
  expect(server.adopted).toBe(false);
  expect(await ask(server.url, "select 1")).toEqual([1]);
});

test("a postmaster.pid of a process that is gone does no harm", async () => {
  await (await start()).stop();
  writeFileSync(pidFile(), `999999999\n${join(dataDir, "cluster")}\n0\n5432\n\n127.0.0.1\n\nready\n`);
  expect((await start()).adopted).toBe(false);
});

test("when its port was taken meanwhile, it finds another", async () => {
  const first = await start();
  await first.stop();
  const taker = createServer().listen(Number(new URL(first.url).port), "127.0.0.1");
  await new Promise((resolve) => taker.once("listening", resolve));
  const second = await start();
  expect(second.url).not.toBe(first.url);
  taker.close();
});

test("a port that was asked for and is taken is refused", async () => {
  const taker = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taker.once("listening", resolve));
  const { port } = taker.address() as { port: number };
  await expect(start({ port })).rejects.toThrow(`port ${port} is taken`);
  taker.close();
});

test("a data folder that is a file is refused", async () => {
  writeFileSync(dataDir, "");
  await expect(start()).rejects.toThrow(`${dataDir} is a file`);
  dataDir = join(dataDir, "below");
  await expect(start()).rejects.toThrow(`${dataDir} is a file, or below one`);
});

test("a folder with somebody else's files is refused and left alone", async () => {
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, "thesis.doc"), "do not touch");
  await expect(start()).rejects.toThrow("is not a WebStore data folder and is not empty (thesis.doc)");
  expect(readFileSync(join(dataDir, "thesis.doc"), "utf8")).toBe("do not touch");
  expect(existsSync(join(dataDir, "cluster"))).toBe(false);
});

test("a cluster of another major version is refused and named", async () => {
  await (await start()).stop();
  writeFileSync(join(dataDir, "cluster", "PG_VERSION"), "15\n");
  await expect(start()).rejects.toThrow("was made by Postgres 15; this is Postgres 18");
});

test.each([
  [
    "its PG_VERSION is gone",
    () => rmSync(join(dataDir, "cluster", "PG_VERSION")),
    "its PG_VERSION is missing",
  ],
  [
    "pg_control is cut off",
    () => truncateSync(join(dataDir, "cluster", "global", "pg_control"), 10),
    "does not start",
  ],
  ["server.json is not JSON", () => writeFileSync(join(dataDir, "server.json"), "{"), "is damaged"],
])("a folder is refused in one line when %s, and is free afterwards", async (_, damage, reason) => {
  await (await start()).stop();
  damage();
  const error = await start().catch((thrown) => thrown);
  expect(error.message).toContain(reason);
  expect(error.message).not.toContain("\n");
  expect(existsSync(join(dataDir, "webstore.lock"))).toBe(false);
});

test("what an interrupted first start left is cleared away", async () => {
  mkdirSync(join(dataDir, "cluster.new", "base"), { recursive: true });
  writeFileSync(join(dataDir, "webstore.lock"), JSON.stringify({ pid: 999_999_999, since: "1" }));
  const server = await start();
  expect(await ask(server.url, "select 1")).toEqual([1]);
});

test("ctrl-C reaches the owner's process group and not the server", async () => {
  const { pid } = await start();
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  expect(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2])).toBe(pid);
});
