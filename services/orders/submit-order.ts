// Submit an order: price what is in the cart, begin the saga that places it, and wait for its end as
// long as the caller cares to.
//
// The same key answers the same order, or the same refusal, whatever happened in between. So when there
// is a saga of this id already, what the cart holds or costs now is of no interest.

import { createHash } from "node:crypto";
import type { PortsOf, SagaEngine } from "@webstore/kit";
import type { Address } from "@webstore/proto/common/v1";
import type { orders } from "./definition.ts";
import type { Draft, Order } from "./order.ts";
import { orderIdOf } from "./order-id.ts";
import type { OrderStore } from "./order-store.ts";
import { type PlaceOrderPorts, placeOrder } from "./place-order.ts";
import { limitBroken, type PriceRules, priceOf } from "./pricing.ts";
import { type Reason, refuse } from "./refusals.ts";
import { findOrder } from "./show-orders.ts";

export type Submission = {
  readonly customerId: string;
  readonly idempotencyKey: string;
  readonly paymentMethodToken: string;
  readonly shippingAddress: Address;
  readonly coupon: string;
  readonly waitMs: number;
  readonly traceparent: string;
};

export type SubmitPorts = Pick<PortsOf<typeof orders>, "cart" | "catalog"> & {
  readonly store: OrderStore;
  readonly sagas: SagaEngine<PlaceOrderPorts>;
  readonly rules: PriceRules;
  readonly nowMs: () => number;
  readonly wakeRelay: () => void;
};

export async function submitOrder(
  submission: Submission,
  ports: SubmitPorts,
): Promise<{ order: Order; replayed: boolean }> {
  const orderId = orderIdOf(submission.customerId, submission.idempotencyKey);
  const began = await begin(orderId, submission, ports);
  if (!began.sameRequest) throw refuse("idempotency_key_reused");

  const outcome = await ports.sagas.settle(orderId, submission.waitMs);
  if (outcome?.status === "refused") throw outcome.refusal;
  if (outcome?.status !== "done") await refuseIfTurned(orderId, ports.sagas);
  ports.wakeRelay();
  return { order: await findOrder(orderId, ports), replayed: !began.began };
}

/** A saga that has turned back will end refused, however long its undoing takes. */
async function refuseIfTurned(orderId: string, sagas: SubmitPorts["sagas"]): Promise<void> {
  const refusal = (await sagas.find(orderId))?.refusal;
  if (refusal !== undefined) throw refuse(refusal.reason as Reason, refusal.details);
}

async function begin(orderId: string, submission: Submission, { sagas, ...ports }: SubmitPorts) {
  const { paymentMethodToken, shippingAddress, coupon, traceparent } = submission;
  const requestHash = hashOf([paymentMethodToken, coupon, ...addressFields(shippingAddress)]);
  let draft: Draft;
  try {
    draft = await draftOf(orderId, submission, ports);
  } catch (refusal) {
    const existing = await sagas.find(orderId);
    if (existing === undefined) throw refusal;
    return { began: false, sameRequest: existing.requestHash === requestHash };
  }
  const input = { ...draft, paymentMethodToken };
  return sagas.begin(placeOrder, { id: orderId, requestHash, input, traceparent });
}

/** All refusals that need nothing but reading, in this order; then the priced order. */
async function draftOf(
  orderId: string,
  { customerId, coupon, shippingAddress }: Submission,
  { cart, catalog, rules, nowMs }: Omit<SubmitPorts, "sagas">,
): Promise<Draft> {
  const lines = (await cart.getCart({ customerId })).cart?.lines ?? [];
  if (lines.length === 0) throw refuse("cart_empty");
  // Coupons are the promotions service's; until it is asked, none is valid.
  if (coupon !== "") throw refuse("coupon_invalid");

  const { products } = await catalog.batchGetProducts({
    productIds: lines.map(({ productId }) => productId),
  });
  const byId = new Map(products.map((product) => [product.productId, product]));
  const unpriced = lines.map(({ productId, quantity }) => {
    const product = byId.get(productId);
    if (product?.price === undefined || !product.active)
      throw refuse("product_not_found", { product_id: productId });
    return { productId, quantity, name: product.name, unitPriceMinor: product.price.amountMinor };
  });
  const currencies = new Set(products.map(({ price }) => price?.currency));
  const [currency] = currencies;
  if (currencies.size !== 1 || currency === undefined) throw refuse("currency_mismatch");

  const price = priceOf(unpriced, currency, rules);
  const broken = limitBroken(price, rules);
  if (broken !== undefined) throw refuse(broken);
  return {
    orderId,
    customerId,
    ...price,
    coupon,
    shippingAddress,
    placedAt: new Date(nowMs()).toISOString(),
  };
}

function addressFields({ name, line1, city, postalCode, country }: Address): string[] {
  return [name, line1, city, postalCode, country];
}

function hashOf(words: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(words)).digest("base64url");
}
