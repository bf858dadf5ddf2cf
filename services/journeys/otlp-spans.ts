// Listens like an OpenTelemetry collector and counts the spans that services opened for requests of others: the calls
// that a journey took, by name.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export type SpanCounter = {
  readonly endpoint: string;
  /** Spans of kind SERVER, by name. */
  readonly served: ReadonlyMap<string, number>;
  close(): void;
};

const serverKind = 2;
const bodyMax = 64 * 1024 * 1024;

export async function countSpans(): Promise<SpanCounter> {
  const served = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > bodyMax) request.destroy();
      else chunks.push(chunk);
    });
    request.on("end", () => {
      for (const name of serverSpans(Buffer.concat(chunks))) served.set(name, (served.get(name) ?? 0) + 1);
      response.setHeader("content-type", "application/x-protobuf").end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/v1/traces`,
    served,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** ExportTraceServiceRequest.resource_spans = 1, .scope_spans = 2, .spans = 2; a span's name = 5 and kind = 6. */
function serverSpans(request: Uint8Array): string[] {
  return parts(request, 1)
    .flatMap((resource) => parts(resource, 2))
    .flatMap((scope) => parts(scope, 2))
    .flatMap((span) => {
      let name = "";
      let kind = 0;
      eachField(span, (field, reader) => {
        if (field === 5) name = reader.string();
        else if (field === 6) kind = reader.int32();
        else return false;
        return true;
      });
      return kind === serverKind ? [name] : [];
    });
}

function parts(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  eachField(message, (field, reader, type) => {
    if (field !== wanted || type !== WireType.LengthDelimited) return false;
    found.push(reader.bytes());
    return true;
  });
  return found;
}

/** `take` says whether it has read the field. */
function eachField(
  message: Uint8Array,
  take: (field: number, reader: BinaryReader, type: WireType) => boolean,
): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!take(field, reader, type)) reader.skip(type, field);
  }
}
