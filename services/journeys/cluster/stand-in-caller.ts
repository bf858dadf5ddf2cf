// The calling half of a stand-in: it makes calls from within a caller's pod, and so through the caller's proxy. It
// repeats nothing: what is tried twice, the mesh tried twice.

import { Client, credentials, Metadata } from "@grpc/grpc-js";

export type Planned = {
  readonly address: string;
  readonly path: string;
  /** Under this name the callee counts the tries. */
  readonly call: string;
  readonly answers: readonly string[];
  readonly key?: string;
  readonly deadlineMs?: number;
};
export type Plan = { readonly calls: readonly Planned[]; readonly atOnce: number };
/** `replica` is who answered; undefined when a proxy did, or nobody. */
export type Came = {
  readonly call: string;
  readonly code: number;
  readonly details: string;
  readonly tookMs: number;
  readonly replica: string | undefined;
};

const bytesAsTheyAre = (bytes: Buffer) => bytes;
const clients = new Map<string, Client>();

function clientOf(address: string): Client {
  const open =
    clients.get(address) ?? new Client(address, credentials.createInsecure(), { "grpc.enable_retries": 0 });
  clients.set(address, open);
  return open;
}

function metadataOf({ call, answers, key }: Planned): Metadata {
  const metadata = new Metadata();
  metadata.set("x-stand-in-call", call);
  if (answers.length > 0) metadata.set("x-stand-in-answers", answers.join(","));
  if (key !== undefined) metadata.set("idempotency-key", key);
  return metadata;
}

function make(planned: Planned): Promise<Came> {
  const startedAt = performance.now();
  const options = planned.deadlineMs === undefined ? {} : { deadline: Date.now() + planned.deadlineMs };
  return new Promise((resolve) => {
    let answered: Metadata | undefined;
    const made = clientOf(planned.address).makeUnaryRequest(
      planned.path,
      bytesAsTheyAre,
      bytesAsTheyAre,
      Buffer.alloc(0),
      metadataOf(planned),
      options,
      (error) => {
        const replica = (answered ?? error?.metadata)?.get("x-stand-in-replica")[0];
        resolve({
          call: planned.call,
          code: error?.code ?? 0,
          details: error?.details ?? "",
          tookMs: performance.now() - startedAt,
          replica: typeof replica === "string" ? replica : undefined,
        });
      },
    );
    made.on("metadata", (metadata) => {
      answered = metadata;
    });
  });
}

/** In the order in which they were answered. */
export async function makeCalls({ calls, atOnce }: Plan): Promise<Came[]> {
  const came: Came[] = [];
  const waiting = calls.values();
  const lane = async () => {
    for (const each of waiting) came.push(await make(each));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return came;
}
