// For tests: a real OTLP receiver, over HTTP or gRPC, that reads the protobuf that was sent.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";

export type ReceivedSpan = {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  attributes: Record<string, unknown>;
  events: { name: string; attributes: Record<string, unknown> }[];
  status: { code: number; message: string };
};
export type ReceivedPoint = {
  service: string;
  name: string;
  unit: string;
  attributes: Record<string, unknown>;
  value: number;
  count: number;
  boundaries: number[];
};
export type ReceivedLog = {
  service: string;
  severity: string;
  body: unknown;
  traceId: string;
  spanId: string;
  attributes: Record<string, unknown>;
};

export type Receiver = {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly points: ReceivedPoint[];
  readonly logs: ReceivedLog[];
  /** Resource attributes by service. */
  readonly resources: Map<string, Record<string, unknown>>;
  /** All that was received, byte for byte. */
  readonly payloads: Buffer[];
  /** What came with it: headers or metadata. */
  readonly headers: Record<string, unknown>[];
  stop(): Promise<void>;
};

export async function receiveOverHttp(): Promise<Receiver> {
  const received = empty();
  const server = createServer((request, response) => {
    bodyOf(request).then(
      (body) => {
        received.headers.push({ ...request.headers });
        take(received, (request.url ?? "").replace("/v1/", ""), body);
        response.setHeader("content-type", "application/x-protobuf").end();
      },
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { ...received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

export async function receiveOverGrpc(): Promise<Receiver> {
  const received = empty();
  const server = new Server();
  for (const signal of ["trace", "metrics", "logs"]) {
    const service = `${signal[0]?.toUpperCase()}${signal.slice(1)}Service`;
    const path = `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`;
    const handler: handleUnaryCall<Buffer, Buffer> = ({ request, metadata }, answer) => {
      received.headers.push(metadata.getMap());
      take(received, signal === "trace" ? "traces" : signal, request);
      answer(null, Buffer.alloc(0));
    };
    const raw = (bytes: Buffer) => bytes;
    const method = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    };
    server.addService({ export: method }, { export: handler });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { ...received, url: `http://127.0.0.1:${port}`, stop: async () => server.forceShutdown() };
}

const empty = (): Omit<Receiver, "url" | "stop"> => ({
  spans: [],
  points: [],
  logs: [],
  resources: new Map(),
  payloads: [],
  headers: [],
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A message by field numbers, as it is on the wire. */
type Wire = Map<number, (bigint | number | Uint8Array)[]>;

function wire(bytes: Uint8Array): Wire {
  const reader = new BinaryReader(bytes);
  const fields: Wire = new Map();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === WireType.Varint
        ? BigInt(reader.uint64())
        : type === WireType.Bit64
          ? reader.double()
          : type === WireType.Bit32
            ? reader.fixed32()
            : reader.bytes();
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const all = (fields: Wire, number: number) =>
  (fields.get(number) ?? []).map((each) => wire(each as Uint8Array));
const one = (fields: Wire, number: number) => all(fields, number)[0] ?? new Map();
const bytesIn = (fields: Wire, number: number) => Buffer.from((fields.get(number)?.[0] ?? []) as Uint8Array);
const text = (fields: Wire, number: number) => bytesIn(fields, number).toString("utf8");
const hex = (fields: Wire, number: number) => bytesIn(fields, number).toString("hex");
const num = (fields: Wire, number: number) => Number(fields.get(number)?.[0] ?? 0);

function anyValue(fields: Wire): unknown {
  if (fields.has(1)) return text(fields, 1);
  if (fields.has(2)) return num(fields, 2) === 1;
  if (fields.has(3) || fields.has(4)) return num(fields, fields.has(3) ? 3 : 4);
  if (fields.has(5)) return all(one(fields, 5), 1).map(anyValue);
  return attributesIn(one(fields, 6), 1);
}

const attributesIn = (fields: Wire, number: number): Record<string, unknown> =>
  Object.fromEntries(all(fields, number).map((pair) => [text(pair, 1), anyValue(one(pair, 2))]));

function take(into: Omit<Receiver, "url" | "stop">, signal: string, body: Buffer) {
  into.payloads.push(body);
  for (const perResource of all(wire(body), 1)) {
    const resource = attributesIn(one(perResource, 1), 1);
    const service = String(resource["service.name"]);
    into.resources.set(service, resource);
    for (const item of all(perResource, 2).flatMap((perScope) => all(perScope, 2))) {
      if (signal === "traces") into.spans.push(spanIn(service, item));
      else if (signal === "logs") into.logs.push(logIn(service, item));
      else into.points.push(...pointsIn(service, item));
    }
  }
}

function spanIn(service: string, fields: Wire): ReceivedSpan {
  return {
    service,
    traceId: hex(fields, 1),
    spanId: hex(fields, 2),
    parentSpanId: hex(fields, 4),
    name: text(fields, 5),
    kind: num(fields, 6),
    attributes: attributesIn(fields, 9),
    events: all(fields, 11).map((event) => ({ name: text(event, 2), attributes: attributesIn(event, 3) })),
    status: { code: num(one(fields, 15), 3), message: text(one(fields, 15), 2) },
  };
}

function logIn(service: string, fields: Wire): ReceivedLog {
  return {
    service,
    severity: text(fields, 3),
    body: anyValue(one(fields, 5)),
    attributes: attributesIn(fields, 6),
    traceId: hex(fields, 9),
    spanId: hex(fields, 10),
  };
}

/** A gauge (5), a sum (7) or a histogram (9); their points' fields differ. */
function pointsIn(service: string, metric: Wire): ReceivedPoint[] {
  const name = text(metric, 1);
  const unit = text(metric, 3);
  const sums = [5, 7]
    .flatMap((kind) => all(one(metric, kind), 1))
    .map((point) => ({
      attributes: attributesIn(point, 7),
      value: num(point, 4),
      count: 0,
      boundaries: [],
    }));
  const histograms = all(one(metric, 9), 1).map((point) => ({
    attributes: attributesIn(point, 9),
    value: num(point, 5),
    count: bytesOfFixed64(point, 4),
    boundaries: doublesIn(bytesIn(point, 7)),
  }));
  return [...sums, ...histograms].map((point) => ({ service, name, unit, ...point }));
}

/** A fixed64 was read as a double; its bits are an integer. */
function bytesOfFixed64(fields: Wire, number: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, num(fields, number));
  return Number(view.getBigUint64(0));
}

function doublesIn(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, index) => bytes.readDoubleLE(index * 8));
}
