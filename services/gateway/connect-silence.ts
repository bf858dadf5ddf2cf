// What Connect itself says of a message that it cannot read, without the value that it could not read: the library
// repeats it, and it may be a card number in the wrong place.

import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { ConnectRouter } from "@connectrpc/connect";

type Handler = ConnectRouter["handlers"][number];
type Answer = Awaited<ReturnType<Handler>>;

const message = "The message cannot be read: it is not what the contract says.";

/** Every handler that the router has so far. */
export function silenceReadErrors({ handlers }: ConnectRouter): void {
  for (const [index, handler] of handlers.entries()) {
    const silent = async (request: Parameters<Handler>[0]) =>
      isRareJson(request) ? unsupported : withoutValues(await handler(request));
    handlers[index] = Object.assign(silent, { ...handler });
  }
}

/** JSON in the frames of gRPC: nobody speaks it, and what cannot be read of it would be repeated in a trailer. */
const isRareJson = ({ header }: Parameters<Handler>[0]) =>
  /^application\/grpc(-web)?\+json/i.test(header.get("content-type") ?? "");
const unsupported: Answer = { status: 415 };

/** A refusal of ours always has details; an error without any is the library's own. */
async function withoutValues(answer: Answer): Promise<Answer> {
  const { status, header, body } = answer;
  if (status !== 400 || header?.get("content-type") !== "application/json") return answer;
  const text = decoded(await bytesOf(body), header.get("content-encoding"));
  const error = JSON.parse(text) as { code?: string; details?: unknown };
  const isOurs = error.code !== "invalid_argument" || error.details !== undefined;
  const said = new TextEncoder().encode(isOurs ? text : JSON.stringify({ code: error.code, message }));
  header.delete("content-encoding");
  header.set("content-length", String(said.length));
  return { ...answer, body: once(said) };
}

async function bytesOf(body: Answer["body"]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  if (body !== undefined) for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function decoded(bytes: Buffer, encoding: string | null): string {
  if (encoding === "gzip") return gunzipSync(bytes).toString("utf8");
  return (encoding === "br" ? brotliDecompressSync(bytes) : bytes).toString("utf8");
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}
