// The gRPC side of a process: its contract on grpc-js, with reflection and native health.
//
// Invariant: a drain loses no request. New connections are refused first, what is in hand is
// finished, and only what is left after the grace period is cut.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type handleUnaryCall,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { background } from "./context.ts";
import type { Contract, HandlersOf, Method } from "./definition.ts";
import { type Exchange, type PipelineParts, pipelineOf, type Rpc } from "./pipeline.ts";
import { descriptorBytes, rpcOptions } from "./rpc-options.ts";
import { keepGarbageYoung, letGoOfCall } from "./young-garbage.ts";

export type RpcServer = {
  readonly port: number;
  /** What grpc.health.v1 answers. */
  setServing(serving: boolean): void;
  drain(graceMs: number): Promise<void>;
};

/** Above the largest image, so that the catalog can refuse one with its own reason. */
export const messageBytesMax = 7 * 1024 * 1024;
let files: PackageDefinition | undefined;

export async function startRpcServer<C extends Contract>(is: {
  contract: C;
  handlers: HandlersOf<C>;
  parts: PipelineParts;
  host: string;
  port: number;
  /** A socket file that is made, and served too. */
  socket?: string | undefined;
}): Promise<RpcServer> {
  keepGarbageYoung();
  // The library prints what it also throws.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_concurrent_streams": 1_000,
  });
  addContract(server, is.contract, is.handlers, is.parts);

  files ??= filesOfContracts();
  new ReflectionService(files, { services: [is.contract.fullName] }).addToServer(server);
  const health = new HealthImplementation({ "": "NOT_SERVING", [is.contract.fullName]: "NOT_SERVING" });
  health.addToServer(server);

  const port = await bind(server, `${is.host}:${is.port}`).catch((error: Error) => {
    throw new PortTaken(is.host, is.port, error);
  });
  if (is.socket !== undefined) {
    await bind(server, `unix:${is.socket}`).catch((cause: Error) => {
      server.forceShutdown();
      throw new Error(`there can be no socket at ${is.socket}: ${cause.message}`, { cause });
    });
  }
  return {
    port,
    setServing(serving) {
      for (const name of ["", is.contract.fullName])
        health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    },
    drain: (graceMs) => drain(server, graceMs),
  };
}

/**
 * The contracts' files as buf wrote them. The loader would make them anew, with names of types that are relative, and
 * such names grpcurl does not resolve.
 */
function filesOfContracts(): PackageDefinition {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptorBytes);
  const fileDescriptorProtos = file.map((each) => Buffer.from(toBinary(FileDescriptorProtoSchema, each)));
  // Of a definition the reflection service reads nothing but its files.
  const unused = () => {
    throw new Error("a description has no messages");
  };
  const format = "Protocol Buffer 3 DescriptorProto";
  return { all: { format, type: {}, fileDescriptorProtos, serialize: unused, deserialize: unused } };
}

function addContract<C extends Contract>(
  server: Server,
  contract: C,
  handlers: HandlersOf<C>,
  parts: PipelineParts,
) {
  const byMethod = Object.entries(contract.methods).map(([name, method]) => {
    const path = `/${contract.fullName}/${method.name}`;
    const rpc: Rpc = {
      ...rpcOptions(contract.fullName, method.name),
      service: contract.fullName,
      method: method.name,
      path,
    };
    const handler = handlers[name as keyof C["methods"]] as (request: unknown) => Promise<unknown>;
    return { name, method, path, implementation: implementationOf(rpc, handler, parts) };
  });
  server.addService(
    Object.fromEntries(byMethod.map(({ name, method, path }) => [name, { ...wireFormat(method), path }])),
    Object.fromEntries(byMethod.map(({ name, implementation }) => [name, implementation])),
  );
}

function wireFormat(method: Method) {
  return {
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: unknown) => toBuffer(method.requestType, message),
    requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
    responseSerialize: (message: unknown) => toBuffer(method.responseType, message),
    responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes),
  };
}

export function toBuffer(codec: Method["requestType"], message: unknown): Buffer {
  const bytes = codec.encode(message as never).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function implementationOf(
  rpc: Rpc,
  handler: (request: unknown) => Promise<unknown>,
  parts: PipelineParts,
): handleUnaryCall<unknown, unknown> {
  const run = pipelineOf(handler);
  return (call, answer) => {
    const gone = new AbortController();
    let answered = false;
    // The stream is cancelled after every answer, too; nobody is gone then.
    const cancel = () => {
      if (!answered) gone.abort();
    };
    call.on("cancelled", cancel);
    const { metadata, request } = call;
    const exchange: Exchange = {
      rpc,
      parts,
      metadata,
      request,
      cancel,
      context: contextOf(call, gone.signal),
    };
    run(exchange)
      .then(
        (outcome) => {
          answered = true;
          if ("failed" in outcome) answer(outcome.failed);
          else answer(null, outcome.response);
        },
        () => answer({ code: status.INTERNAL }),
      )
      .finally(() => letGoOfCall(call));
  };
}

function contextOf(call: ServerUnaryCall<unknown, unknown>, signal: AbortSignal): Exchange["context"] {
  const deadline = call.getDeadline();
  return {
    ...background,
    deadlineAtMs: deadline instanceof Date ? deadline.getTime() : deadline,
    signal,
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

export class PortTaken extends Error {
  override readonly name = "PortTaken";
  readonly port: number;
  constructor(host: string, port: number, cause: unknown) {
    super(`port ${port} on ${host} is taken, or may not be used`, { cause });
    this.port = port;
  }
}

function drain(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
