// What grpcurl does: asks a server what it serves, and calls it with what it said. No contract is known beforehand.

import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type MethodDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";

const reflectionProto = fileURLToPath(
  new URL("../proto/grpc/reflection/v1/reflection.proto", import.meta.resolve("@grpc/reflection")),
);
const loading = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
const deadlineMs = 10_000;

type Reflected = {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_message: string };
};

export type ReflectedServer = {
  /** The full names of what it serves. */
  list(): Promise<string[]>;
  /** A unary call; `request` and the answer are as JSON has them. */
  call(
    method: string,
    request: object,
    metadata?: Readonly<Record<string, string>>,
  ): Promise<Record<string, unknown>>;
  close(): void;
};

export function openReflected(address: string): ReflectedServer {
  const client = new Client(address, credentials.createInsecure());

  async function ask(request: object): Promise<Reflected> {
    const contract = serviceIn(loadPackageDefinition(loadSync(reflectionProto, loading)), reflection);
    const method = contract.service.ServerReflectionInfo as MethodDefinition<object, Reflected>;
    const { path, requestSerialize, responseDeserialize } = method;
    const options = { deadline: Date.now() + deadlineMs };
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, options);
    stream.end(request);
    for await (const answer of stream) {
      const { error_response: error } = answer as Reflected;
      if (error) throw new Error(error.error_message);
      return answer as Reflected;
    }
    throw new Error("the server did not answer");
  }

  return {
    async list() {
      const answer = await ask({ list_services: "" });
      return (answer.list_services_response?.service ?? []).map(({ name }) => name);
    },
    async call(fullName, request, metadata = {}) {
      const [service = "", method = ""] = fullName.split("/");
      const files = (await ask({ file_containing_symbol: service })).file_descriptor_response;
      const set = descriptorSetOf(files?.file_descriptor_proto ?? []);
      for (const { messageType } of fromBinary(FileDescriptorSetSchema, set).file)
        refuseRelativeNames(messageType);
      const described = loadFileDescriptorSetFromBuffer(set, loading);
      const found = serviceIn(loadPackageDefinition(described), service).service[method];
      if (found === undefined) throw new Error(`${service} has no ${method}`);
      return unary(client, found as MethodDefinition<object, Record<string, unknown>>, request, metadata);
    },
    close: () => client.close(),
  };
}

const reflection = "grpc.reflection.v1.ServerReflection";

function unary(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<object, Record<string, unknown>>,
  request: object,
  metadata: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const options = { deadline: Date.now() + deadlineMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      sent,
      options,
      (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer as Record<string, unknown>);
      },
    );
  });
}

function serviceIn(types: GrpcObject, fullName: string): ServiceClientConstructor {
  const found = fullName
    .split(".")
    .reduce<unknown>((at, part) => (at as GrpcObject | undefined)?.[part], types);
  if (found === undefined) throw new Error(`there is no ${fullName}`);
  return found as ServiceClientConstructor;
}

/** The loader here would resolve them; other clients, grpcurl among them, do not. */
function refuseRelativeNames(messages: readonly DescriptorProto[]): void {
  for (const { name, field, nestedType } of messages) {
    const relative = field.find(({ typeName }) => typeName !== "" && !typeName.startsWith("."));
    if (relative !== undefined) throw new Error(`${name}.${relative.name}: ${relative.typeName} is relative`);
    refuseRelativeNames(nestedType);
  }
}

/** `FileDescriptorSet { repeated FileDescriptorProto file = 1; }` */
function descriptorSetOf(files: readonly Buffer[]): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
