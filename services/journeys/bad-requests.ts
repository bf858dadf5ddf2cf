// One bad request of every kind, as values, for bad-input.test.ts.

import { randomUUID } from "node:crypto";
import { demoUsers } from "@webstore/kit";
import { type Asked, address } from "./shop.ts";

export const ada = demoUsers.ada.token;
export const grace = demoUsers.grace.token;
export const other = demoUsers.test.token;
export const nothing = "00000000-0000-4000-8000-00000000dead";
/** Sold in euros; the test adds it under this id. */
export const euroProduct = "00000000-0000-4000-8000-0000000e0e00";
export const mug = "10000000-0000-4000-8000-000000000001";
export const visa = { payment_method: { token: "pm_card_visa" }, shipping_address: address };

export const post = (json: unknown, token: string | undefined = ada): Asked => ({
  method: "POST",
  token,
  json,
  key: randomUUID(),
});

const asNobody = (json: unknown): Asked => ({ ...post(json), token: undefined });

const account = { username: "new-one", email: "new@example.com", password: "long enough", country: "US" };
const tooLong = "x".repeat(300);
/** The field at fault, and a request with it. */
export const wrongFields: readonly [path: string, field: string, json: object, token?: string][] = [
  ["/cart/add", "quantity", { product_id: mug, quantity: "1" }],
  ["/cart/add", "quantity", { product_id: mug }],
  ["/cart/add", "quantity", { product_id: mug, quantity: -1 }],
  ["/cart/add", "quantity", { product_id: mug, quantity: 0 }],
  ["/cart/add", "quantity", { product_id: mug, quantity: 100 }],
  ["/cart/add", "quantity", { product_id: mug, quantity: 1.5 }],
  ["/cart/add", "product_id", { product_id: "mug", quantity: 1 }],
  ["/cart/add", "unit_price", { product_id: mug, quantity: 1, unit_price: "0.01" }],
  ["/checkout", "payment_method", { shipping_address: address }],
  ["/checkout", "payment_method.token", { ...visa, payment_method: { token: "4242 4242 4242 4242" } }],
  ["/checkout", "shipping_address.city", { ...visa, shipping_address: { ...address, city: tooLong } }],
  ["/checkout", "shipping_address.country", { ...visa, shipping_address: { ...address, country: "USA" } }],
  ["/checkout", "total", { ...visa, total: { amount: "0.01", currency: "USD" } }],
  ["/auth/register", "username", { ...account, username: "No Spaces" }],
  ["/auth/register", "email", { ...account, email: "nobody" }],
  ["/auth/register", "password", { ...account, password: "short" }],
  ["/auth/register", "role", { ...account, role: "admin" }],
  ["/auth/login", "username", { username: { $ne: "" }, password: "x" }],
  ["/products", "price.amount", { name: "Bowl", price: { amount: "-1.00", currency: "USD" } }, grace],
  ["/products", "price.currency", { name: "Bowl", price: { amount: "1.00", currency: "dollars" } }, grace],
  ["/products", "name", { name: tooLong, price: { amount: "1.00", currency: "USD" } }, grace],
];

/** What is asked is made anew for each, because it has a key. */
export const wrongForTheStore: readonly [
  what: string,
  path: string,
  asked: () => Asked,
  status: number,
  reason: string,
][] = [
  [
    "an unknown product",
    "/cart/add",
    () => post({ product_id: nothing, quantity: 1 }),
    404,
    "product_not_found",
  ],
  [
    "a currency foreign to the cart",
    "/cart/add",
    () => post({ product_id: euroProduct, quantity: 1 }),
    409,
    "currency_mismatch",
  ],
  [
    "more than 99 of a product",
    "/cart/add",
    () => post({ product_id: mug, quantity: 98 }),
    409,
    "quantity_too_large",
  ],
  [
    "a line that is not in the cart",
    `/cart/items/${nothing}`,
    () => ({ method: "PATCH", token: ada, json: { quantity: 1 } }),
    404,
    "line_not_found",
  ],
  ["a checkout of nothing", "/checkout", () => post(visa, other), 409, "cart_empty"],
  ["an unknown coupon", "/checkout", () => post({ ...visa, coupon: "FREE" }), 409, "coupon_invalid"],
  [
    "a checkout without a key",
    "/checkout",
    () => ({ ...post(visa), key: undefined }),
    400,
    "idempotency_key_required",
  ],
  ["a key that is no UUID", "/checkout", () => ({ ...post(visa), key: "1" }), 400, "idempotency_key_invalid"],
  [
    "a name that is taken",
    "/auth/register",
    () => asNobody({ username: "ada", email: "b@example.com", password: "long enough", country: "US" }),
    409,
    "username_taken",
  ],
  [
    "a wrong password",
    "/auth/login",
    () => asNobody({ username: "ada", password: "wrong" }),
    401,
    "invalid_credentials",
  ],
  [
    "a made-up refresh token",
    "/auth/refresh",
    () => asNobody({ refresh_token: "made-up" }),
    401,
    "invalid_refresh_token",
  ],
  ["an unknown order", `/orders/${nothing}`, () => ({ token: ada }), 404, "order_not_found"],
  ["staff's page for a shopper", "/payments", () => ({ token: ada }), 403, "permission_denied"],
  [
    "staff's work by a shopper",
    "/products",
    () => post({ name: "Bowl", price: { amount: "1.00", currency: "USD" } }),
    403,
    "permission_denied",
  ],
  ["everybody's orders for a shopper", "/orders?all=true", () => ({ token: ada }), 403, "permission_denied"],
  ["nothing at this path", "/nope", () => ({ token: ada }), 404, "route_not_found"],
];

export const otherCheckouts: readonly [what: string, json: object][] = [
  ["another card", { ...visa, payment_method: { token: "pm_card_mastercard" } }],
  ["another address", { ...visa, shipping_address: { ...address, line1: "Elsewhere 1" } }],
];

export const wrongRefunds: readonly [what: string, amount: object, status: number, reason: string][] = [
  ["of more than was taken", { amount: "19.05", currency: "USD" }, 422, "refund_exceeds_captured"],
  ["in a foreign currency", { amount: "1.00", currency: "EUR" }, 422, "refund_exceeds_captured"],
  ["of nothing", { amount: "0.00", currency: "USD" }, 400, "invalid_request"],
  ["of less than nothing", { amount: "-1.00", currency: "USD" }, 400, "invalid_request"],
  ["of a fraction of a cent", { amount: "0.001", currency: "USD" }, 400, "invalid_request"],
];

const jsonType = { "content-type": "application/json" };
export const wrongBodies: readonly [what: string, asked: Asked, status: number, reason: string][] = [
  ["broken", { headers: jsonType, body: '{"product_id":' }, 400, "malformed_body"],
  ["poisoned", { headers: jsonType, body: '{"__proto__":{"role":"admin"}}' }, 400, "malformed_body"],
  [
    "a form",
    { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "a=1" },
    415,
    "media_type_unsupported",
  ],
];
