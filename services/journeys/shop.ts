// A careful client of the store, by its REST edge (shop-requests.ts says how careful). It knows the documented API and nothing
// else of the store.

import { randomUUID } from "node:crypto";
import { type Answer, type Asked, openRequests, type Problem, type RequestOptions } from "./shop-requests.ts";

export type { Answer, Asked, Problem };

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
  readonly refunded?: Money | null;
  readonly fee?: Money | null;
  readonly cancel_requested?: boolean;
  /** Of an order whose payment the shopper's bank asks about. */
  readonly payment_action?: { readonly client_secret: string } | null;
};
export type LedgerEntry = {
  readonly entry_id: string;
  readonly transaction_id: string;
  readonly order_id: string | null;
  readonly payment_id: string | null;
  readonly account: string;
  readonly amount: Money;
  readonly event: string;
};
export type Reconciliation = {
  readonly differences: readonly {
    readonly kind: string;
    readonly order_id: string | null;
    readonly detail: string;
  }[];
  readonly payments_compared: number;
  readonly truncated: boolean;
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

export type Shop = ReturnType<typeof openShop>;

export function openShop(url: string, is: RequestOptions = {}) {
  const { ask, insist, insistOn202, must, everyPage, close } = openRequests(url, is);

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

    /** `onAction` is what the shopper does when the bank asks; the checkout is repeated until it has come to an end. */
    async checkout(
      token: string,
      key: string,
      cardToken = "pm_card_visa",
      is: { country?: string; onAction?: (clientSecret: string) => Promise<void> } = {},
    ): Promise<Outcome> {
      const shipping = { ...address, country: is.country ?? address.country };
      const json = { payment_method: { token: cardToken }, shipping_address: shipping };
      let asked = false;
      const { status, body, asks } = await insist<Order | Problem>(
        "/checkout",
        { method: "POST", token, key, json },
        async (answer) => {
          const secret = (answer as Order).payment_action?.client_secret;
          if (asked || secret === undefined) return;
          asked = true;
          await is.onAction?.(secret);
        },
      );
      if (status < 300) return { is: "ordered", order: body as Order, status, asks };
      return { is: "refused", reason: (body as Problem).reason, asks };
    },
    order: (token: string, orderId: string) => must<Order>(`/orders/${orderId}`, { token }),
    orders: (token: string) => everyPage<Order>("/orders", "orders", token),
    /** Whether it was accepted; the reason if not. A 202 is the answer here. */
    async cancel(token: string, orderId: string): Promise<"accepted" | string> {
      const { status, body } = await insistOn202<Problem>(`/orders/${orderId}/cancel`, {
        method: "POST",
        token,
      });
      return status === 202 ? "accepted" : body.reason;
    },
    /** By staff; without an amount all that is left. The reason if it is refused. */
    async refund(staffToken: string, paymentId: string, amount?: Money): Promise<"refunded" | string> {
      const { status, body } = await insist<Problem>(`/payments/${paymentId}/refunds`, {
        method: "POST",
        token: staffToken,
        key: randomUUID(),
        json: amount === undefined ? {} : { amount },
      });
      return status < 300 ? "refunded" : body.reason;
    },

    /** Everybody's, for staff. */
    allOrders: (staffToken: string) => everyPage<Order>("/orders?all=true", "orders", staffToken),
    allPayments: (staffToken: string) => everyPage<Payment>("/payments", "payments", staffToken),
    ledger: (staffToken: string) => everyPage<LedgerEntry>("/ledger/entries", "entries", staffToken),
    reconcile: (staffToken: string, before: string) =>
      must<Reconciliation>(`/ledger/reconciliation?before=${encodeURIComponent(before)}`, {
        token: staffToken,
      }),
    resolve: (staffToken: string, paymentId: string) =>
      must<object>(`/payments/${paymentId}/resolve`, { method: "POST", token: staffToken }),

    close,
  };
}

/** Minor units of an amount in a currency of two decimals. */
export function minorOf({ amount }: Money): number {
  return Math.round(Number(amount) * 100);
}
