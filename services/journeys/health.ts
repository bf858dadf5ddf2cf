// What Kubernetes' gRPC probe asks of a server.

import { Client, credentials } from "@grpc/grpc-js";

/** Whether it says that all of it is SERVING. An empty request asks for all; the answer's field 1 has the value 1 then. */
export function isServing(address: string): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.alloc(0),
      (error, answer) => {
        client.close();
        if (error !== null) reject(error);
        else resolve(answer?.equals(Buffer.from([0x08, 0x01])) === true);
      },
    );
  });
}
