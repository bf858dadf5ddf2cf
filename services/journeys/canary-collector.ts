// Listens like an OpenTelemetry collector and keeps every byte that it is sent, as text that can be searched.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export type Collector = {
  readonly url: string;
  /** What came for `traces`, `metrics` or `logs`, one text an export; a byte is a character. */
  received(signal: "traces" | "metrics" | "logs"): readonly string[];
  /** The headers that came with it, as one text. */
  headers(): string;
  close(): void;
};

const bodyBytesMax = 64 * 1024 * 1024;

export async function openCollector(): Promise<Collector> {
  const bodies: { path: string; text: string }[] = [];
  const headers = new Set<string>();
  const server = createServer((request, response) => {
    bodyOf(request).then(
      (body) => {
        headers.add(JSON.stringify(request.headers));
        bodies.push({ path: request.url ?? "", text: body.toString("latin1") });
        response.setHeader("content-type", "application/x-protobuf").end();
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received: (signal) => bodies.filter(({ path }) => path === `/v1/${signal}`).map(({ text }) => text),
    headers: () => [...headers].join("\n"),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > bodyBytesMax) throw new Error("more than a collector takes");
    chunks.push(chunk as Buffer);
  }
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}
