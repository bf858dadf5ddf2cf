// What this machine can do at all, measured in the same run: an HTTP hop that does nothing, and a durable commit of one
// row. A checkout is read against these.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import pg from "pg";
import { Pool } from "undici";
import { type Timed, timed } from "./bench-load.ts";

const answer = JSON.stringify({ status: "paid" });

/** A server in a thread of its own that answers every request with a few bytes. */
export async function httpHops(shoppers: number, count: number): Promise<Timed> {
  const worker = new Worker(new URL(import.meta.url));
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64, pipelining: 1 });
  try {
    return await timed(count, shoppers, async () => {
      const { body } = await pool.request({ method: "POST", path: "/", body: answer });
      await body.dump();
    });
  } finally {
    await pool.destroy();
    await worker.terminate();
  }
}

/** One row changed and committed at a time on each connection, in the store's own database. */
export async function durableCommits(
  databaseUrl: string,
  connections: number,
  count: number,
): Promise<Timed> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
  try {
    await pool.query("create schema if not exists bench");
    await pool.query("create table bench.rows (id integer primary key, value integer not null)");
    await pool.query("insert into bench.rows select id, 0 from generate_series(0, 999) as id");
    return await timed(count, connections, async (index) => {
      await pool.query("update bench.rows set value = value + 1 where id = $1", [index % 1_000]);
    });
  } finally {
    await pool.query("drop schema if exists bench cascade");
    await pool.end();
  }
}

if (!isMainThread) {
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.setHeader("content-type", "application/json").end(answer));
  });
  server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
}
