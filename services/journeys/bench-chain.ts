// Chains of calls with nothing in between: one HTTP hop, and behind it so many gRPC hops, calls to partners and durable
// commits. The short one is the least that a checkout of this kind can be; the other one has as many as a checkout of the store
// has, so its rate is what the store could do if its own work cost nothing. They run in a thread of their own, with gRPC as the
// store has it, on the store's own database, and in the same run as the store: what the store adds is read against them, on
// whatever machine that is.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { mayBeSocket, withoutStacks } from "@webstore/kit";
import { keepGarbageYoung, letGoOfCall } from "@webstore/kit/young-garbage";
import pg from "pg";
import { Pool } from "undici";
import { type Timed, timed } from "./bench-load.ts";

const connectionsMax = 16;
const answer = JSON.stringify({ status: "paid" });

/** Behind the HTTP hop. At least two RPCs: one that calls the others. */
export type ChainSize = { readonly rpcs: number; readonly partnerCalls: number; readonly commits: number };

/** So many chains, so many at once. */
export async function bareChains(
  databaseUrl: string,
  size: ChainSize,
  shoppers: number,
  count: number,
): Promise<Timed> {
  const sockets = mkdtempSync(join(tmpdir(), "webstore-bench-"));
  const worker = new Worker(new URL(import.meta.url), { workerData: { databaseUrl, size, sockets } });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64, pipelining: 1 });
    const runOne = async () => {
      const { statusCode, body } = await pool.request({ method: "POST", path: "/", body: answer });
      await body.dump();
      if (statusCode !== 200) throw new Error(`a bare chain failed: ${statusCode}`);
    };
    // Node.js compiles what runs often, here as in the store.
    await timed(count, shoppers, runOne);
    const result = await timed(count, shoppers, runOne);
    await pool.destroy();
    return result;
  } finally {
    await worker.terminate();
    rmSync(sockets, { recursive: true });
  }
}

const bytes = (value: Buffer) => value;
const method = (path: string): ServiceDefinition => ({
  run: {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
});

/** A gRPC server that answers when `work` is done, and its client. */
async function hop(name: string, sockets: string, work: () => Promise<void>): Promise<() => Promise<void>> {
  const path = `/bench.${name}/run`;
  const server = new Server();
  server.addService(method(path), {
    run: (call: ServerUnaryCall<Buffer, Buffer>, done: (error: Error | null, answer?: Buffer) => void) => {
      work()
        .then(
          () => done(null, call.request),
          (error: Error) => done(error),
        )
        .finally(() => letGoOfCall(call));
    },
  });
  const address = mayBeSocket(join(sockets, name)) ? `unix:${join(sockets, name)}` : "127.0.0.1:0";
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const client = new Client(address.replace(/:0$/, `:${port}`), credentials.createInsecure(), {
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_channelz": 0,
  });
  const request = Buffer.from(answer);
  return () =>
    new Promise((resolve, reject) => {
      withoutStacks(() =>
        client.makeUnaryRequest(path, bytes, bytes, request, (error) => (error ? reject(error) : resolve())),
      );
    });
}

type Chain = { readonly databaseUrl: string; readonly size: ChainSize; readonly sockets: string };

async function serve({
  databaseUrl,
  size: { rpcs, partnerCalls, commits },
  sockets,
}: Chain): Promise<number> {
  keepGarbageYoung();
  const provider = createServer((request, response) => {
    request.resume().once("end", () => response.setHeader("content-type", "application/json").end(answer));
  });
  const providerPort = await listening(provider);
  const pool = new Pool(`http://127.0.0.1:${providerPort}`, { connections: 64, pipelining: 1 });
  const database = new pg.Pool({ connectionString: databaseUrl, max: connectionsMax });
  await database.query("create schema if not exists bench");
  await database.query(
    "create table if not exists bench.chain (id bigint generated always as identity primary key, value text not null)",
  );
  const commit = async () => {
    await database.query({
      name: "chain",
      text: "insert into bench.chain (value) values ($1)",
      values: [answer],
    });
  };
  const callPartner = async () => {
    await (await pool.request({ method: "POST", path: "/", body: answer })).body.dump();
  };
  const work = [
    ...Array.from({ length: commits }, () => commit),
    ...Array.from({ length: partnerCalls }, () => callPartner),
  ];
  const hops: (() => Promise<void>)[] = [];
  for (let index = 0; index < rpcs - 1; index += 1) {
    const own = work.filter((_, at) => at % (rpcs - 1) === index);
    hops.push(
      await hop(`Hop${index}`, sockets, async () => {
        for (const each of own) await each();
      }),
    );
  }
  const first = await hop("First", sockets, async () => {
    for (const each of hops) await each();
  });
  return listening(
    createServer((request, response) => {
      request.resume().once("end", () => {
        first().then(
          () => response.setHeader("content-type", "application/json").end(answer),
          () => response.writeHead(500).end(),
        );
      });
    }),
  );
}

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

const chain = workerData as Chain | null;
if (!isMainThread && chain?.size !== undefined) {
  parentPort?.postMessage(await serve(chain));
}
