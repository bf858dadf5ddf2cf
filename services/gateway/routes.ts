// What the gateway offers on HTTP: each operation's method, its path and who may ask. Its definition shows them to the
// mesh, which derives the rules at the ingress from them; what else there is to a route is in the rest-*.ts files.
//
// Invariants:
//   R1. This is all. The RPCs that are served beside it over Connect have their `access` in their contracts.
//   R2. No request fits two routes of different access: rules that are added up would let in whom the stricter refuses.

import type { HttpRoute } from "@webstore/kit";

export const routes = {
  // rest-store.ts
  health: { method: "GET", path: "/health", access: "public" },
  getJwks: { method: "GET", path: "/.well-known/jwks.json", access: "public" },
  home: { method: "GET", path: "/", access: "public" },

  // rest-account.ts
  register: { method: "POST", path: "/auth/register", access: "public" },
  login: { method: "POST", path: "/auth/login", access: "public" },
  refresh: { method: "POST", path: "/auth/refresh", access: "public" },

  // rest-products.ts
  listProducts: { method: "GET", path: "/products", access: "public" },
  getProduct: { method: "GET", path: "/products/:product_id", access: "public" },
  createProduct: { method: "POST", path: "/products", access: "admin" },
  updateProduct: { method: "PATCH", path: "/products/:product_id", access: "admin" },
  uploadProductImage: { method: "POST", path: "/products/:product_id/images", access: "admin" },
  getProductImage: { method: "GET", path: "/images/:image_id", access: "public" },

  // rest-cart.ts
  addToCart: { method: "POST", path: "/cart/add", access: "user" },
  getCart: { method: "GET", path: "/cart", access: "user" },
  updateCartItem: { method: "PATCH", path: "/cart/items/:product_id", access: "user" },
  removeCartItem: { method: "DELETE", path: "/cart/items/:product_id", access: "user" },

  // rest-orders.ts
  checkout: { method: "POST", path: "/checkout", access: "user" },
  listOrders: { method: "GET", path: "/orders", access: "user" },
  getOrder: { method: "GET", path: "/orders/:order_id", access: "user" },
  cancelOrder: { method: "POST", path: "/orders/:order_id/cancel", access: "user" },
  importOrder: { method: "POST", path: "/orders/import", access: "admin" },

  // rest-payments.ts
  listPayments: { method: "GET", path: "/payments", access: "admin" },
  getPayment: { method: "GET", path: "/payments/:payment_id", access: "admin" },
  refundPayment: { method: "POST", path: "/payments/:payment_id/refunds", access: "admin" },
  resolvePayment: { method: "POST", path: "/payments/:payment_id/resolve", access: "admin" },

  // rest-ledger.ts
  listLedgerEntries: { method: "GET", path: "/ledger/entries", access: "admin" },
  getLedgerBalances: { method: "GET", path: "/ledger/balances", access: "admin" },
  reconcile: { method: "GET", path: "/ledger/reconciliation", access: "admin" },

  // rest-sagas.ts
  listSagas: { method: "GET", path: "/sagas", access: "admin" },
  getSaga: { method: "GET", path: "/sagas/:saga_id", access: "admin" },
  retrySaga: { method: "POST", path: "/sagas/:saga_id/retry", access: "admin" },
  compensateSaga: { method: "POST", path: "/sagas/:saga_id/compensate", access: "admin" },

  // rest-dead-letters.ts
  listDeadLetters: { method: "GET", path: "/dead-letters", access: "admin" },
  getDeadLetter: { method: "GET", path: "/dead-letters/:dead_letter_id", access: "admin" },
  redriveDeadLetters: { method: "POST", path: "/dead-letters/redrive", access: "admin" },

  // rest-audit.ts
  listAuditEntries: { method: "GET", path: "/audit", access: "admin" },

  // rest-notifications.ts
  listNotifications: { method: "GET", path: "/notifications", access: "admin" },
  resendNotification: { method: "POST", path: "/notifications/:notification_id/resend", access: "admin" },

  // rest-webhooks.ts: the provider's events prove themselves by their signature, other systems by a key
  receiveProviderEvent: { method: "POST", path: "/webhooks/stripe", access: "public" },
  updatePayment: { method: "POST", path: "/webhooks/payment-updates", access: "partner" },

  // http.ts and docs.ts: the API's description, which is not part of it. Where the document is, OPENAPI_URL may change
  getOpenApi: { method: "GET", path: "/openapi.json", access: "public" },
  getDocs: { method: "GET", path: "/docs", access: "public" },
  getDocsFile: { method: "GET", path: "/docs/*", access: "public" },
} as const satisfies Readonly<Record<string, HttpRoute>>;

export type RouteName = keyof typeof routes;
