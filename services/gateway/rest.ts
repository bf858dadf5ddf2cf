// The REST API: all its routes, and how one becomes a route of Fastify.

import { inContext, type RequestContext } from "@webstore/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { GatewayConfig } from "./config.ts";
import type { Ports } from "./definition.ts";
import type { Exchange } from "./exchange.ts";
import { idempotencyKeyOf, inputOf } from "./input.ts";
import { openApiSchemaOf } from "./openapi.ts";
import type { Ops } from "./ops.ts";
import { accountRoutes } from "./rest-account.ts";
import { auditRoutes } from "./rest-audit.ts";
import { cartRoutes } from "./rest-cart.ts";
import { deadLetterRoutes } from "./rest-dead-letters.ts";
import { ledgerRoutes } from "./rest-ledger.ts";
import { notificationRoutes } from "./rest-notifications.ts";
import { orderRoutes } from "./rest-orders.ts";
import { paymentRoutes } from "./rest-payments.ts";
import { productRoutes } from "./rest-products.ts";
import { sagaRoutes } from "./rest-sagas.ts";
import { storeRoutes } from "./rest-store.ts";
import { webhookRoutes } from "./rest-webhooks.ts";
import type { Answer, Route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

/** How long a request may take where its route does not say. */
const deadlineMsDefault = 4_000;
const json = "application/json; charset=utf-8";

export type RestParts = {
  readonly config: GatewayConfig;
  readonly storefront: Storefront;
  readonly ops: Ops;
  readonly ports: Ports;
  readonly nowMs: () => number;
  readonly newId: () => string;
  /** Where `/` leads; undefined: nowhere. */
  readonly home: string | undefined;
};

/** Every route of the REST API. */
export function restRoutes(parts: RestParts): Route[] {
  const { storefront, ops, ports, nowMs, newId, config, home } = parts;
  return [
    ...storeRoutes({ ports, nowMs, home }),
    ...accountRoutes(storefront),
    ...productRoutes({ storefront, ports, newId, currency: config.STORE_CURRENCY }),
    ...cartRoutes(storefront),
    ...orderRoutes(storefront, { ports, newId }),
    ...paymentRoutes({ ports, newId }),
    ...ledgerRoutes(ops, ports),
    ...sagaRoutes(ops),
    ...deadLetterRoutes(ops),
    ...auditRoutes(ops),
    ...notificationRoutes({ ports, newId }),
    ...webhookRoutes(ports, { paymentUpdates: config.PAYMENT_UPDATES_API_KEY !== undefined }),
  ];
}

/** Answers are written as they are; the tests hold them to the schemas. */
export function addRoutes(app: FastifyInstance, routes: readonly Route[], is: { nowMs: () => number }): void {
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      config: {
        access: route.access,
        ...(route.countedWith === undefined ? {} : { countedWith: route.countedWith }),
      },
      schema: openApiSchemaOf(route),
      handler: async (request, reply) => {
        const context = contextOf(route, request, reply, is.nowMs());
        const answer = await inContext(context, async () =>
          route.handle(await inputOf(route, request, context.idempotencyKey)),
        );
        return send(reply, answer);
      },
    });
  }
}

function contextOf(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  nowMs: number,
): RequestContext {
  const { span, principal, bearerToken } = request.exchange as Exchange;
  return {
    span,
    principal,
    bearerToken,
    idempotencyKey: idempotencyKeyOf(route, request),
    deadlineAtMs: nowMs + (route.deadlineMs ?? deadlineMsDefault),
    signal: goneSignal(reply),
  };
}

/** Ends when the caller hangs up before the answer is out. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

function send(reply: FastifyReply, { status, headers, body, bytes }: Answer): FastifyReply {
  reply.code(status);
  if (body !== undefined) {
    // A string is sent as it is: nothing is serialized or checked a second time.
    return reply
      .headers(headers ?? {})
      .header("content-type", json)
      .send(JSON.stringify(body));
  }
  return reply.headers(headers ?? {}).send(bytes === undefined ? undefined : bufferOf(bytes));
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
