// Submit an order: price what is in the cart, begin the saga that places it, and wait for its end as
// long as the caller cares to.
//
// The same key answers the same order, or the same refusal, whatever happened in between. So when there
// is a saga of this id already, what the cart holds or costs now is of no interest.
//
// A payment that the shopper must confirm is answered at once, with the secret by which their browser does so. It is the
// provider's, asked for each time and kept nowhere.

import { createHash } from "node:crypto";
import { currentContext, inContext, type PortsOf, type SagaEngine } from "@webstore/kit";
import type { Address } from "@webstore/proto/common/v1";
import type { orders } from "./definition.ts";
import type { Draft, Order } from "./order.ts";
import { orderIdOf } from "./order-id.ts";
import type { OrderStore } from "./order-store.ts";
import { placeOrder } from "./place-order.ts";
import { priceLines } from "./price-lines.ts";
import type { PriceRules } from "./pricing.ts";
import { type Reason, refuse } from "./refusals.ts";
import { byOrder, type SagaPorts } from "./saga-ports.ts";
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

export type SubmitPorts = Pick<PortsOf<typeof orders>, "cart" | "catalog" | "payments"> & {
  readonly store: OrderStore;
  readonly sagas: SagaEngine<SagaPorts>;
  readonly rules: PriceRules;
  readonly nowMs: () => number;
  readonly wakeRelay: () => void;
};

export async function submitOrder(
  submission: Submission,
  ports: SubmitPorts,
): Promise<{ order: Order; replayed: boolean; paymentClientSecret: string }> {
  const orderId = orderIdOf(submission.customerId, submission.idempotencyKey);
  const began = await begin(orderId, submission, ports);
  if (!began.sameRequest) throw refuse("idempotency_key_reused");

  const outcome = await ports.sagas.settle(orderId, submission.waitMs);
  if (outcome?.status === "refused") throw outcome.refusal;
  if (outcome?.status !== "done") await refuseIfTurned(orderId, ports.sagas);
  const isWaiting = outcome?.status === "waiting";
  const paymentClientSecret = isWaiting ? await clientSecretOf(orderId, ports.payments) : "";
  ports.wakeRelay();
  // Whoever has just made it paid knows it as it is; others look.
  const placed = outcome?.status === "done" ? (outcome.answer as Order | undefined) : undefined;
  const order = placed ?? (await findOrder(orderId, ports));
  return { order, replayed: !began.began, paymentClientSecret };
}

/** Empty when the payment does not wait for the shopper any more. */
async function clientSecretOf(orderId: string, payments: SubmitPorts["payments"]): Promise<string> {
  // In our own name: payments shows no shopper a payment.
  const ours = { ...currentContext(), principal: { kind: "anonymous" }, bearerToken: undefined } as const;
  const { payment } = await inContext(ours, () => payments.getPayment({ payment: byOrder(orderId) }));
  return payment?.clientSecret ?? "";
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

  const price = await priceLines(lines, { catalog, rules });
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
