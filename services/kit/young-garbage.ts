// Most of what a call leaves behind is collected among the young objects, for next to nothing. Left alone, Node.js 24 and grpc-js
// 1.14 make nearly all of it outlive them, in four places: 20 KB a call, 6 KB with this, which waits for the next collection
// of the whole heap, and is the reason for most of those.
//
// Invariants:
//   Y1. Nothing is taken from a stream before its last event, nor from a call before its answer.
//   Y2. Whoever calls, serves or binds sees no difference, but for `bound.asyncResource`, which Node.js 26 no longer has.
//
// What is replaced in libraries is private there: an upgrade that changes it fails young-garbage.test.ts, by its measure.

import { AsyncResource } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import type { ServerUnaryCall } from "@grpc/grpc-js";
import { Http2SubchannelConnector } from "@grpc/grpc-js/build/src/transport.js";

type Work = (...args: unknown[]) => unknown;

let isKept = false;

/** Sees to it for all calls of this process, in both directions; for what is served, with `letGoOfCall`. */
export function keepGarbageYoung() {
  if (isKept) return;
  isKept = true;
  letGoOfClosedStreams();
  bindWithoutAccessors();
  keepCallsInArrays();
}

/**
 * A function that is written into a property (`this.onwrite = () => …`, in each Writable) is among the old objects from the
 * start, and what it knows stays with it: here the stream, and from its listeners everything of the call.
 */
function letGoOfClosedStreams() {
  const letGo = (message: unknown) => {
    const { stream } = message as { stream: EventEmitter };
    stream.on("close", () => stream.removeAllListeners());
  };
  subscribe("http2.client.stream.close", letGo);
  subscribe("http2.server.stream.close", letGo);
}

/** The same for a served call, of which grpc-js makes a Writable, though it streams nothing. Once it is answered. */
export function letGoOfCall<Request, Answer>(call: ServerUnaryCall<Request, Answer>) {
  call.removeAllListeners();
  Object.assign(call, { call: undefined, request: undefined, metadata: undefined });
}

/**
 * An accessor lives in the hidden class of its object, and hidden classes are old. Each request of HTTP/2 is bound, and
 * Node.js before 26 gives what it binds an accessor that knows the request.
 */
function bindWithoutAccessors() {
  const { bind } = AsyncResource.prototype;
  if (!("asyncResource" in new AsyncResource("probe").bind(() => {}))) return;
  AsyncResource.prototype.bind = function bindLean(this: AsyncResource, work: Work, thisArg?: unknown) {
    // Its own error says best what is wrong.
    if (typeof work !== "function") return Reflect.apply(bind, this, [work]);
    const resource = this;
    const bound = function (this: unknown, ...args: unknown[]) {
      return resource.runInAsyncScope(work, thisArg === undefined ? this : thisArg, ...args);
    };
    return Object.defineProperty(bound, "length", { value: work.length, configurable: true });
  } as AsyncResource["bind"];
}

/**
 * A Set that changes often takes a new table every few changes; the old one keeps what it had, and knows the next. When
 * one of them is old, so are soon all that follow, with the calls that were in hand then.
 */
function keepCallsInArrays() {
  const { connect } = Http2SubchannelConnector.prototype;
  Http2SubchannelConnector.prototype.connect = async function connectWithArray(...given) {
    const transport = await connect.apply(this, given);
    return Object.assign(transport, { activeCalls: new FewCalls() });
  };
}

/** As much of a Set as grpc-js uses for the calls in hand on a connection: a few mostly, and a thousand are searched quickly, too. */
class FewCalls {
  private readonly calls: unknown[] = [];

  get size() {
    return this.calls.length;
  }

  add(call: unknown) {
    this.calls.push(call);
  }

  delete(call: unknown) {
    const index = this.calls.indexOf(call);
    if (index >= 0) this.calls.splice(index, 1);
  }

  // A copy, because calls end while they are told of the connection's end.
  [Symbol.iterator]() {
    return [...this.calls][Symbol.iterator]();
  }
}
