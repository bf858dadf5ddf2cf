// A careful client of the REST edge: what an app that must not lose an order, nor place one twice, does.
// It knows the documented API and nothing else of the store.
//
// Invariants:
//   C1. What is repeated carries its key, and the key is kept until there is an answer.
//   C2. An answer is a success, or a problem that is final. No answer at all, 429, 202 and an
//       outage are none of these: the same request is made again.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Dispatcher } from "undici";

export type Money = { readonly amount: string; readonly currency: string };
export type Line = {
  readonly product_id: string;
  readonly quantity: number;
  readonly unit_price: Money;
  readonly line_total: Money;
};
export type Cart = { readonly lines: readonly Line[]; readonly subtotal: Money | null };
export type Order = {
  readonly order_id: string;
  readonly customer_id?: string;
  readonly status: string;
  readonly subtotal: Money;
  readonly shipping: Money;
  readonly discount: Money;
  readonly total: Money;
  readonly payment_id: string | null;
  readonly receipt_url: string | null;
  readonly lines: readonly Line[];
  readonly history: readonly { readonly status: string; readonly at: string }[];
  readonly failure_reason: string | null;
};
export type Payment = {
  readonly payment_id: string;
  readonly order_id: string;
  readonly status: string;
  readonly captured: Money;
  readonly refunded: Money;
  readonly provider_reference: string | null;
};
export type Product = { readonly product_id: string; readonly name: string; readonly price: Money };
export type Problem = { readonly status: number; readonly reason: string; readonly detail: string };

export type Asked = {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};
export type Answer<Body> = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Body;
};

/** What became of a checkout: the order, or the reason for which there is none. `asks` counts the requests it took. */
export type Outcome = { readonly asks: number } & (
  | { readonly is: "ordered"; readonly order: Order; readonly status: number }
  | { readonly is: "refused"; readonly reason: string }
);

export const address = {
  name: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "Portland",
  postal_code: "97201",
  country: "US",
} as const;

/** Longer than the edge takes at most. */
const answerTimeoutMs = 20_000;
const repeatMs = { first: 50, most: 1_000 };
const pageSize = 100;

export type Shop = ReturnType<typeof openShop>;

export function openShop(url: string, is: { connectionsMax?: number; patienceMs?: number } = {}) {
  const agent = new Agent({
    connections: is.connectionsMax ?? 64,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  });
  const patienceMs = is.patienceMs ?? 90_000;

  /** One request, one answer, whatever it is. Throws when there is none. */
  async function ask<Body = unknown>(path: string, asked: Asked = {}): Promise<Answer<Body>> {
    const { statusCode, headers, body } = await agent.request(requestOf(url, path, asked));
    const text = await body.text();
    const isJson = /[/+]json/.test(String(headers["content-type"] ?? ""));
    return { status: statusCode, headers, body: (isJson ? JSON.parse(text) : text) as Body };
  }

  /** Asks until there is an answer (C2). */
  async function insist<Body>(path: string, asked: Asked): Promise<Answer<Body> & { asks: number }> {
    const untilMs = performance.now() + patienceMs;
    for (let asks = 1; ; asks++) {
      const answer = await ask<Body>(path, asked).catch((error: unknown) => ({ failed: error }));
      if (!("failed" in answer) && isFinal(answer)) return { ...answer, asks };
      if (performance.now() > untilMs) {
        const last = "failed" in answer ? answer.failed : JSON.stringify(answer.body);
        throw new Error(`no answer to ${path} after ${asks} requests; the last: ${last}`);
      }
      await delay(Math.min(repeatMs.most, repeatMs.first * 2 ** Math.min(asks - 1, 10)));
    }
  }

  /** What must succeed, repeated as long as it may still. */
  async function must<Body>(path: string, asked: Asked = {}): Promise<Body> {
    const answer = await insist<Body>(path, asked);
    if (answer.status < 300) return answer.body;
    throw new Error(`${asked.method ?? "GET"} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  async function everyPage<Item>(path: string, plural: string, token?: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let pageToken = ""; ; ) {
      const query = `${path.includes("?") ? "&" : "?"}page_size=${pageSize}&page_token=${pageToken}`;
      const page = await must<Record<string, unknown>>(path + query, { token });
      items.push(...(page[plural] as Item[]));
      pageToken = encodeURIComponent(page.next_page_token as string);
      if (pageToken === "") return items;
    }
  }

  return {
    ask,
    must,
    register: (is: { username: string; password: string; country?: string }) =>
      must<{ user_id: string }>("/auth/register", {
        method: "POST",
        json: { country: "US", email: `${is.username}@example.com`, ...is },
      }),
    login: (is: { username: string; password: string }) =>
      must<{ access_token: string; refresh_token: string }>("/auth/login", { method: "POST", json: is }),
    products: (query = "") => everyPage<Product>(`/products?search=${encodeURIComponent(query)}`, "products"),

    cart: (token: string) => must<Cart>("/cart", { token }),
    /** Repeated under one key, so that a lost answer does not put it in twice. */
    addToCart: (token: string, productId: string, quantity: number) =>
      must<Cart>("/cart/add", {
        method: "POST",
        token,
        key: randomUUID(),
        json: { product_id: productId, quantity },
      }),
    removeFromCart: (token: string, productId: string) =>
      must<Cart>(`/cart/items/${productId}`, { method: "DELETE", token }),

    async checkout(token: string, key: string, cardToken = "pm_card_visa"): Promise<Outcome> {
      const json = { payment_method: { token: cardToken }, shipping_address: address };
      const { status, body, asks } = await insist<Order | Problem>("/checkout", {
        method: "POST",
        token,
        key,
        json,
      });
      if (status < 300) return { is: "ordered", order: body as Order, status, asks };
      return { is: "refused", reason: (body as Problem).reason, asks };
    },
    order: (token: string, orderId: string) => must<Order>(`/orders/${orderId}`, { token }),
    orders: (token: string) => everyPage<Order>("/orders", "orders", token),

    /** Everybody's, for staff. */
    allOrders: (staffToken: string) => everyPage<Order>("/orders?all=true", "orders", staffToken),
    allPayments: (staffToken: string) => everyPage<Payment>("/payments", "payments", staffToken),

    close: () => agent.destroy(),
  };
}

function requestOf(url: string, path: string, asked: Asked): Dispatcher.RequestOptions {
  const headers: Record<string, string> = { ...asked.headers };
  if (asked.token !== undefined) headers.authorization = `Bearer ${asked.token}`;
  if (asked.key !== undefined) headers["idempotency-key"] = asked.key;
  if (asked.json !== undefined) headers["content-type"] = "application/json";
  const body = asked.json === undefined ? (asked.body ?? null) : JSON.stringify(asked.json);
  return { origin: url, path, method: asked.method ?? "GET", headers, body };
}

/** 503 with `partner_unavailable` is the outcome of an order; any other 503 is nobody's. */
function isFinal({ status, body }: Answer<unknown>): boolean {
  if (status === 202 || status === 429) return false;
  return status < 500 || (body as Partial<Problem>).reason === "partner_unavailable";
}

/** Minor units of an amount in a currency of two decimals. */
export function minorOf({ amount }: Money): number {
  return Math.round(Number(amount) * 100);
}
