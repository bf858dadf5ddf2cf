// For tests of simulators: a client that sends exactly what it is told (a path is not
// normalised, a body need not be JSON), and a folder that is gone afterwards.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export type Reply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
};

export type Sent = {
  readonly contentType?: string;
  /** Sent as it is, in place of a JSON body. */
  readonly raw?: string | Buffer;
  /** When to give up waiting for the answer. */
  readonly signal?: AbortSignal;
};

export type Client = (method: string, path: string, body?: unknown, sent?: Sent) => Promise<Reply>;

/** Rejects when the connection ends without an answer. */
export function clientOf(url: string): Client {
  const { hostname, port } = new URL(url);
  return (method, path, body, sent = {}) =>
    new Promise((resolve, reject) => {
      const payload = sent.raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const headers =
        payload === undefined
          ? {}
          : {
              "content-type": sent.contentType ?? "application/json",
              "content-length": Buffer.byteLength(payload),
            };
      const options = { hostname, port, method, path, headers, ...(sent.signal && { signal: sent.signal }) };
      const outgoing = httpRequest(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const answer: unknown = text === "" ? undefined : JSON.parse(text);
          resolve({ status: incoming.statusCode ?? 0, body: answer, headers: incoming.headers });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(payload);
    });
}

/** How an operation of a partner's definition says where it goes. */
export type Operation = { readonly method: string; readonly path: string };

/** Sends a request as a definition describes it: fields fill the path, the rest is the body or the query. */
export function callOperation(client: Client, operation: Operation, request: object): Promise<Reply> {
  const rest: Record<string, unknown> = { ...request };
  const path = operation.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = encodeURIComponent(String(rest[field]));
    delete rest[field];
    return value;
  });
  if (operation.method === "PUT" || operation.method === "POST") return client(operation.method, path, rest);
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return client(operation.method, query.size === 0 ? path : `${path}?${query}`);
}

/** A new empty folder, and how to remove it. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "webstore-simulator-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export type Spawned = {
  readonly url: string;
  /** Ends the process by this signal; gives its exit code, null when the signal ended it. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null>;
};

/** Starts a simulator's `main.ts` as its own process and waits until it listens. */
export async function spawnSimulator(main: string, env: Record<string, string>): Promise<Spawned> {
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const url = await Promise.race([urlPrintedBy(child), exited]);
  if (typeof url !== "string") throw new Error(`the simulator ended at its start with ${url}`);
  return {
    url,
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

async function urlPrintedBy(child: ChildProcessByStdio<null, Readable, null>): Promise<string | undefined> {
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listens on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  return undefined;
}
