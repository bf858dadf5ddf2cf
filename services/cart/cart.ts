// The rules for carts. Pure.
//
// Invariants:
//   C1. A cart has at most `linesMax` lines, a product once, in the order in which they were added; each has 1 to
//       `quantityMax` of it; all are in one currency.
//   C2. What is repeated changes nothing more: an add with a key that is remembered, the clearing of an order that
//       is remembered. Both memories are bounded.
//   C3. Clearing takes what was ordered and nothing else, and never leaves a line below 1.

import { createHash } from "node:crypto";
import { kitRefusals, type Principal } from "@webstore/kit";

export type Line = { readonly productId: string; readonly quantity: number };

export type Cart = {
  readonly customerId: string;
  readonly lines: readonly Line[];
  /** ISO 4217 code of all lines; empty when there are none. */
  readonly currency: string;
  /** When its lines last changed; undefined while it never had one. */
  readonly updateTimeMs: number | undefined;
};

/** A cart with what it remembers, the newest last. */
export type KeptCart = Cart & {
  readonly recentAdds: readonly string[];
  readonly recentOrders: readonly string[];
};

export const quantityMax = 99;
export const linesMax = 100;
export const recentAddsMax = 20;
export const recentOrdersMax = 50;

export type Addition = Line & {
  /** The currency of the product's price; undefined when the product cannot be bought. */
  readonly currency: string | undefined;
  /** See `additionKey`; undefined: every call adds. */
  readonly key: string | undefined;
  readonly nowMs: number;
};

export type AdditionOutcome =
  | "added"
  | "repeated"
  | "product_not_found"
  | "quantity_too_large"
  | "cart_full"
  | "currency_mismatch";

export const emptyCart = (customerId: string): KeptCart => ({
  customerId,
  lines: [],
  currency: "",
  updateTimeMs: undefined,
  recentAdds: [],
  recentOrders: [],
});

/**
 * What is remembered of an add. The product and the quantity are part of it, because an idempotency key is passed
 * on from call to call: one request that adds two products has one key.
 */
export function additionKey(idempotencyKey: string | undefined, line: Line): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  const text = `${line.productId} ${line.quantity} ${idempotencyKey}`;
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

export function add(cart: KeptCart, is: Addition): { outcome: AdditionOutcome; cart: KeptCart } {
  const { productId, quantity, currency, key, nowMs } = is;
  const held = cart.lines.find((line) => line.productId === productId);
  const sum = (held?.quantity ?? 0) + quantity;
  const refuse = (outcome: AdditionOutcome) => ({ outcome, cart });
  if (key !== undefined && cart.recentAdds.includes(key)) return refuse("repeated");
  if (currency === undefined) return refuse("product_not_found");
  if (sum > quantityMax) return refuse("quantity_too_large");
  if (held === undefined && cart.lines.length >= linesMax) return refuse("cart_full");
  if (cart.lines.length > 0 && cart.currency !== currency) return refuse("currency_mismatch");

  const lines =
    held === undefined
      ? [...cart.lines, { productId, quantity }]
      : cart.lines.map((line) => (line === held ? { productId, quantity: sum } : line));
  const recentAdds = key === undefined ? cart.recentAdds : [...cart.recentAdds, key].slice(-recentAddsMax);
  return { outcome: "added", cart: { ...cart, lines, currency, recentAdds, updateTimeMs: nowMs } };
}

/** `quantity` 0 takes the line out. Undefined: there is no such line to set. */
export function setQuantity(
  cart: KeptCart,
  { productId, quantity, nowMs }: Line & { nowMs: number },
): KeptCart | undefined {
  const held = cart.lines.find((line) => line.productId === productId);
  if (held === undefined) return quantity === 0 ? cart : undefined;
  if (held.quantity === quantity) return cart;
  const lines = cart.lines.flatMap((line) =>
    line !== held ? [line] : quantity === 0 ? [] : [{ productId, quantity }],
  );
  return withLines(cart, lines, nowMs);
}

export function clearOrdered(
  cart: KeptCart,
  { orderId, lines: ordered, nowMs }: { orderId: string; lines: readonly Line[]; nowMs: number },
): KeptCart {
  if (cart.recentOrders.includes(orderId)) return cart;
  const recentOrders = [...cart.recentOrders, orderId].slice(-recentOrdersMax);
  const orderedOf = (productId: string) =>
    ordered.reduce((sum, line) => (line.productId === productId ? sum + line.quantity : sum), 0);
  if (!cart.lines.some(({ productId }) => orderedOf(productId) > 0)) return { ...cart, recentOrders };
  const lines = cart.lines
    .map(({ productId, quantity }) => ({ productId, quantity: quantity - orderedOf(productId) }))
    .filter(({ quantity }) => quantity > 0);
  return withLines({ ...cart, recentOrders }, lines, nowMs);
}

function withLines(cart: KeptCart, lines: readonly Line[], nowMs: number): KeptCart {
  return { ...cart, lines, currency: lines.length === 0 ? "" : cart.currency, updateTimeMs: nowMs };
}

/** Whose cart a request is about, and whether who asks may see it. `askedId` is empty for a shopper's own. */
export function cartOf(principal: Principal, askedId: string): { customerId: string; visible: boolean } {
  if (principal.kind === "user") {
    const customerId = askedId || principal.userId;
    return { customerId, visible: customerId === principal.userId };
  }
  if (askedId === "") throw kitRefusals.refuse("invalid_request");
  return { customerId: askedId, visible: true };
}
