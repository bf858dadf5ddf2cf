// A stand-in of a service, run in a pod of its own in the service's place: it answers every RPC of whatever contract as
// it is told, and remembers each try that reached it. It speaks plain HTTP/2, because it has to do what no gRPC server
// does by itself: hang, reset a stream, refuse one.
//
// How to answer is said by the call (`x-stand-in-answers`, one answer for each try, the last for all further ones) or,
// where it says nothing, by the replica's mode. An answer is a gRPC status, "hang", "reset" or "refuse".
//
// Invariants:
//   S1. A try is counted when its headers have arrived, before anything else.
//   S2. At most `triesMax` tries are remembered; more is said, not dropped in silence.

import { createServer, type IncomingMessage } from "node:http";
import { constants, createServer as createRpcServer, type ServerHttp2Stream } from "node:http2";
import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { makeCalls, type Plan } from "./stand-in-caller.ts";

export type Try = {
  readonly path: string;
  readonly call: string;
  readonly key: string | undefined;
  /** Of its trace, by which it is found through services that pass nothing else on. */
  readonly trace: string | undefined;
  /** As the caller's proxy sent it on; undefined without a deadline. */
  readonly timeout: string | undefined;
  ended: "not yet" | "answered" | "cancelled";
  endedAfterMs: number | undefined;
};
export type Report = { readonly replica: string; readonly tries: readonly Try[]; readonly forgotten: number };

const triesMax = 20_000;
const replica = hostname();
/** In its frame: not compressed, no bytes. */
const emptyMessage = Buffer.alloc(5);
const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

let mode = "0";
const tries: Try[] = [];
let forgotten = 0;
const seen = new Map<string, number>();

function remember(one: Try): number {
  const earlier = seen.get(one.call) ?? 0;
  seen.set(one.call, earlier + 1);
  if (tries.length < triesMax) tries.push(one);
  else forgotten += 1;
  return earlier;
}

const rpc = createRpcServer();
rpc.on("stream", (stream, headers) => {
  const startedAt = performance.now();
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === "string" ? value : undefined;
  };
  const one: Try = {
    path: header(":path") ?? "",
    call: header("x-stand-in-call") ?? "",
    key: header("idempotency-key"),
    trace: header("traceparent")?.split("-")[1],
    timeout: header("grpc-timeout"),
    ended: "not yet",
    endedAfterMs: undefined,
  };
  const earlier = remember(one);
  const told = header("x-stand-in-answers")?.split(",");
  const answer = told?.[Math.min(earlier, told.length - 1)] ?? mode;
  stream.on("error", () => undefined);
  stream.on("close", () => {
    if (one.ended === "not yet") one.ended = "cancelled";
    one.endedAfterMs = performance.now() - startedAt;
  });
  if (answer === "refuse") return give(one, () => stream.close(NGHTTP2_REFUSED_STREAM));
  stream.resume();
  stream.on("end", () => {
    if (answer === "hang") return;
    give(one, () => {
      if (answer === "reset") stream.close(NGHTTP2_INTERNAL_ERROR);
      else respond(stream, answer);
    });
  });
});

function give(one: Try, answer: () => void): void {
  one.ended = "answered";
  answer();
}

/** What has no message is said in the headers at once, as gRPC's own servers do it. */
function respond(stream: ServerHttp2Stream, grpcStatus: string): void {
  const headers = { ":status": 200, "content-type": "application/grpc", "x-stand-in-replica": replica };
  if (grpcStatus !== "0") {
    stream.respond({ ...headers, "grpc-status": grpcStatus, "grpc-message": "as told" }, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(emptyMessage);
}

/** For the kubelet, and for whoever is let into the pod: by the mesh's policy nobody else comes here. */
const admin = createServer(async (request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(await answerAdmin(request)));
});

async function answerAdmin(request: IncomingMessage): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://stand-in");
  if (pathname === "/tries") return { replica, tries, forgotten } satisfies Report;
  if (pathname === "/calls") return makeCalls(JSON.parse(await text(request)) as Plan);
  if (pathname === "/mode") mode = searchParams.get("answer") ?? mode;
  return {};
}

const [rpcPort, adminPort] = process.argv.slice(2).map(Number);
if (rpcPort === undefined || adminPort === undefined) throw new Error("stand-in.ts RPC_PORT ADMIN_PORT");
rpc.listen(rpcPort, "0.0.0.0");
admin.listen(adminPort, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
