// One good request for every REST route, for the tests that go through all of them.

import { randomUUID } from "node:crypto";
import { gatewayConfig } from "./config.ts";
import type { Ports } from "./definition.ts";
import type { Ops } from "./ops.ts";
import { restRoutes } from "./rest.ts";
import type { Route } from "./route.ts";
import type { Storefront } from "./rpc.ts";
import { bookedOrder, deadLetter, sentMail, stuckSaga } from "./testing-desk.ts";
import { goodSignature, mug, partnerKey, pen } from "./testing-store.ts";

export type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string | FormData | Uint8Array<ArrayBuffer>;
};

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  /** Of JSON; the text otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
  readonly body: any;
};

export async function ask(
  url: string,
  { method = "GET", headers = {}, json, body }: Asked = {},
): Promise<Answered> {
  const sent = json === undefined ? body : JSON.stringify(json);
  const type: Record<string, string> = json === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(url, {
    method,
    headers: { ...type, ...headers },
    redirect: "manual",
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.includes("json") === true && text !== "";
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}

/** The routes as values; what they would call is not there. */
export const routes: readonly Route[] = restRoutes({
  config: gatewayConfig.parse({ PAYMENT_UPDATES_API_KEY: partnerKey }),
  ops: {} as Ops,
  storefront: {} as Storefront,
  ports: { payments: {}, orders: {} } as Ports,
  nowMs: Date.now,
  newId: randomUUID,
  home: "/docs",
});

export const address = {
  name: "Ada Lovelace",
  line1: "12 Analytical Way",
  city: "London",
  postal_code: "N1 9GU",
  country: "GB",
};
export const visa = { payment_method: { token: "pm_card_visa" }, shipping_address: address };
export const newKey = () => ({ "idempotency-key": randomUUID() });

/** A PNG of one pixel. */
export const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

export function imageForm(
  content: Uint8Array<ArrayBuffer> = Uint8Array.from(png),
  field = "image",
): FormData {
  const form = new FormData();
  form.set(field, new Blob([content], { type: "image/png" }), "image.png");
  return form;
}

export type Sample = { readonly path: string } & Asked;
/** Things that must exist before a sample can succeed. */
export type Existing = {
  orderId: string;
  /** That of the order. */
  orderPaymentId: string;
  /** A payment of which nothing went back yet. */
  paymentId: string;
  imageId: string;
  refreshToken: string;
};

/** By the route's name. A route without one fails the tests. */
export function samples(is: Existing): Readonly<Record<string, Sample>> {
  const username = `user-${randomUUID().slice(0, 8)}`;
  return {
    health: { path: "/health" },
    getJwks: { path: "/.well-known/jwks.json" },
    home: { path: "/" },
    register: {
      path: "/auth/register",
      json: { username, email: `${username}@example.com`, password: "correct horse", country: "US" },
    },
    login: { path: "/auth/login", json: { username: "ada", password: "webstore-demo" } },
    refresh: { path: "/auth/refresh", json: { refresh_token: is.refreshToken } },
    listProducts: { path: "/products?search=mug&tag=kitchen&min_price=5&max_price=20.00&page_size=5" },
    getProduct: { path: `/products/${mug}` },
    createProduct: {
      path: "/products",
      json: { name: "Bowl", price: { amount: "7.50", currency: "USD" }, tags: ["kitchen"] },
    },
    updateProduct: { path: `/products/${pen}`, json: { description: "It writes." } },
    uploadProductImage: { path: `/products/${pen}/images`, body: imageForm() },
    getProductImage: { path: `/images/${is.imageId}?size=small` },
    addToCart: { path: "/cart/add", json: { product_id: mug, quantity: 2 } },
    getCart: { path: "/cart" },
    updateCartItem: { path: `/cart/items/${mug}`, json: { quantity: 3 } },
    removeCartItem: { path: `/cart/items/${pen}` },
    checkout: { path: "/checkout", headers: newKey(), json: visa },
    listOrders: { path: "/orders?status=paid&page_size=5" },
    getOrder: { path: `/orders/${is.orderId}` },
    cancelOrder: { path: `/orders/${is.orderId}/cancel` },
    listPayments: { path: "/payments?status=captured" },
    getPayment: { path: `/payments/${is.paymentId}` },
    refundPayment: {
      path: `/payments/${is.paymentId}/refunds`,
      headers: newKey(),
      json: { amount: { amount: "1.00", currency: "USD" }, reason: "goodwill" },
    },
    importOrder: {
      path: "/orders/import",
      json: {
        order_id: randomUUID(),
        customer_id: randomUUID(),
        lines: [{ product_id: mug, quantity: 2 }],
        shipping_address: address,
        channel: "phone",
      },
    },
    ...deskSamples(is),
  };
}

function deskSamples(is: Existing): Readonly<Record<string, Sample>> {
  return {
    resolvePayment: { path: `/payments/${is.paymentId}/resolve` },
    listLedgerEntries: { path: `/ledger/entries?order_id=${bookedOrder}&account=revenue` },
    getLedgerBalances: { path: "/ledger/balances" },
    reconcile: {
      path: "/ledger/reconciliation?since=2026-01-01T00:00:00Z&before=2026-02-01T00:00:00%2B01:00",
    },
    listSagas: { path: "/sagas?name=place-order&idle_seconds_min=60" },
    getSaga: { path: `/sagas/${stuckSaga}` },
    retrySaga: { path: `/sagas/${stuckSaga}/retry`, json: { reason: "payments is back" } },
    compensateSaga: { path: `/sagas/${stuckSaga}/compensate`, json: { reason: "the shopper gave up" } },
    listDeadLetters: {
      path: "/dead-letters?source_topic=order-events&status=dead&since=2026-01-01T00:00:00Z",
    },
    getDeadLetter: { path: `/dead-letters/${deadLetter}` },
    redriveDeadLetters: {
      path: "/dead-letters/redrive",
      json: { filter: { event_name: "OrderCreated" }, dry_run: true, reason: "fixed" },
    },
    listAuditEntries: { path: "/audit?subject=x" },
    listNotifications: { path: "/notifications?status=sent" },
    resendNotification: { path: `/notifications/${sentMail}/resend`, headers: newKey() },
    receiveProviderEvent: {
      path: "/webhooks/stripe",
      headers: { "stripe-signature": goodSignature },
      json: { id: "evt_1" },
    },
    updatePayment: {
      path: "/webhooks/payment-updates",
      headers: { "x-internal-api-key": partnerKey, "x-idempotency-key": randomUUID() },
      json: {
        order_id: is.orderId,
        payment_id: is.orderPaymentId,
        payment_status: "partially_refunded",
        occurred_at: "2026-01-02T03:04:05Z",
        refunded_amount: { amount: "1.00", currency: "USD" },
      },
    },
  };
}
