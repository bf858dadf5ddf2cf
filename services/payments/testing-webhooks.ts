// For tests of the provider's events and of what orders is told: a real HTTP endpoint that hands events on as the gateway
// does, and an orders service over real gRPC that takes down what it hears.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type HandlersOf, Outage } from "@webstore/kit";
import { serveFake } from "@webstore/kit/testing";
import { orders } from "@webstore/orders/definition";
import type {
  OrderServiceDefinition,
  UpdateOrderPaymentStatusRequest,
  UpdateOrderPaymentStatusResponse,
} from "@webstore/proto/orders/v1";
import type { PaymentsClient } from "./testing.ts";

export type Delivery = {
  readonly payload: Buffer;
  readonly signature: string;
  readonly type: string;
  /** Undefined: it was refused. */
  readonly duplicate: boolean | undefined;
};

export type TestWebhook = {
  readonly url: string;
  /** Everything that came and was answered, in its order. */
  readonly deliveries: readonly Delivery[];
  /** From now on events go to this service; until then they are answered 503. */
  handTo(client: PaymentsClient): void;
  stop(): Promise<void>;
};

export async function startTestWebhook(): Promise<TestWebhook> {
  const deliveries: Delivery[] = [];
  let client: PaymentsClient | undefined;
  const take = async (payload: Buffer, signature: string): Promise<number> => {
    if (client === undefined) return 503;
    const { type } = JSON.parse(payload.toString("utf8")) as { type: string };
    const duplicate = await client.receiveProviderEvent({ payload, signature }).then(
      (answer) => answer.duplicate,
      () => undefined,
    );
    deliveries.push({ payload, signature, type, duplicate });
    return duplicate === undefined ? 400 : 200;
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const status = await take(Buffer.concat(chunks), String(request.headers["stripe-signature"] ?? ""));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/stripe`,
    deliveries,
    handTo(next) {
      client = next;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

type Answer = (request: UpdateOrderPaymentStatusRequest) => Promise<UpdateOrderPaymentStatusResponse>;

export type TestOrders = {
  readonly address: string;
  /** What it was told, also when it did not take it. */
  readonly told: readonly UpdateOrderPaymentStatusRequest[];
  answerBy(answer: Answer): void;
  stop(): Promise<void>;
};

const taken: Answer = async () => ({ status: "ORDER_STATUS_PAID", applied: true });

export async function startTestOrders(): Promise<TestOrders> {
  const told: UpdateOrderPaymentStatusRequest[] = [];
  let answer = taken;
  const unserved = () => Promise.reject(new Outage("orders", "a test has no orders"));
  const methods = Object.keys(orders.serves.methods).map((name) => [name, unserved]);
  const handlers = {
    ...(Object.fromEntries(methods) as HandlersOf<typeof OrderServiceDefinition>),
    updateOrderPaymentStatus: (request: UpdateOrderPaymentStatusRequest) => {
      told.push(request);
      return answer(request);
    },
  };
  const running = await serveFake(orders, handlers);
  return {
    address: running.urls.rpc ?? "",
    told,
    answerBy(next) {
      answer = next;
    },
    stop: running.stop,
  };
}
