// Every reason for which orders refuses, and what it means to whom.

import { defineRefusals, Refusal } from "@webstore/kit";

export const refusals = defineRefusals("orders", {
  cart_empty: {
    code: "FAILED_PRECONDITION",
    caller: "The cart is empty.",
    operator: "Nothing to do.",
  },
  product_not_found: {
    code: "NOT_FOUND",
    caller: "A product in the cart is not sold any more; take it out of the cart.",
    operator: "Nothing to do, unless staff did not mean to retire the product.",
  },
  out_of_stock: {
    code: "FAILED_PRECONDITION",
    caller: "There is not enough of a product in stock; nothing was charged.",
    operator: "Look at the inventory company's stock of the product.",
  },
  amount_too_large: {
    code: "OUT_OF_RANGE",
    caller: "An order must stay below 1000.00.",
    operator: "Nothing to do.",
  },
  amount_too_small: {
    code: "OUT_OF_RANGE",
    caller: "There is nothing to pay in this order.",
    operator: "Look at the promotions: together they give everything away.",
  },
  currency_mismatch: {
    code: "FAILED_PRECONDITION",
    caller: "The products in the cart have different currencies.",
    operator: "A product changed its currency while it was in a cart.",
  },
  coupon_invalid: {
    code: "FAILED_PRECONDITION",
    caller: "This coupon is unknown, expired or spent.",
    operator: "Nothing to do.",
  },
  card_declined: {
    code: "FAILED_PRECONDITION",
    caller: "The card was declined; nothing was charged. Try another card with a new Idempotency-Key.",
    operator: "Many at once: look at the payment provider.",
  },
  payment_action_required: {
    code: "FAILED_PRECONDITION",
    caller:
      "The bank asked for a confirmation, and it did not come in time; nothing was charged. Order again with a new Idempotency-Key.",
    operator: "Nothing to do. Many at once: do the provider's webhooks arrive?",
  },
  idempotency_key_reused: {
    code: "ALREADY_EXISTS",
    caller: "This Idempotency-Key came with another request before; use a new one.",
    operator: "A client makes up too few keys, or changes a request and repeats it.",
  },
  partner_unavailable: {
    code: "UNAVAILABLE",
    caller:
      "The order could not be placed right now. Nothing is kept of it, and what was charged is given back. Try again with a new Idempotency-Key.",
    operator: "A partner did not answer: look at the breakers and at the order's saga.",
  },
  order_cancelled: {
    code: "FAILED_PRECONDITION",
    caller: "The order was cancelled while it was being placed; nothing is kept.",
    operator: "Nothing to do.",
  },
  order_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such order.",
    operator: "Nothing to do; also the answer to somebody who asks for another's order.",
  },
  order_not_cancellable: {
    code: "FAILED_PRECONDITION",
    caller: "The order can no longer be cancelled.",
    operator:
      "Nothing to do, unless it was asked for in time and its payment is disputed: the order's history says so. Redrive the dead letter when the dispute has ended.",
  },
  transition_refused: {
    code: "FAILED_PRECONDITION",
    caller: "The order cannot go from where it is to there.",
    operator: "Compare the order's history with the transition table.",
  },
  payment_mismatch: {
    code: "FAILED_PRECONDITION",
    caller: "The order has another payment, or was not paid so much.",
    operator: "A notification names the wrong order or amount: look at the payment it names.",
  },
  saga_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such saga.",
    operator: "Nothing to do.",
  },
  saga_ended: {
    code: "FAILED_PRECONDITION",
    caller: "The saga has ended. What is done is not undone by it: cancel the order instead.",
    operator: "Nothing to do.",
  },
});

export const { refuse } = refusals;

export type Reason = keyof typeof refusals.entries;

/**
 * What a callee refused, in our own words, where they mean the same. A reason that we do not have is
 * no answer to our caller: it is a bug of ours, and is treated as one.
 */
export function inOurWords(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  if (!Object.hasOwn(refusals.entries, error.reason)) {
    return new Error(`${error.service} refused: ${error.reason}`, { cause: error });
  }
  return refuse(error.reason as Reason, contractDetails(error));
}

/** Of what a callee says besides the reason, only what our own contract names. */
function contractDetails({ reason, details }: Refusal): Record<string, string> {
  const [productId = ""] = (details.product_ids ?? "").split(",");
  if (reason === "out_of_stock") return { product_id: productId };
  if (reason === "card_declined") return { decline_code: details.decline_code ?? "" };
  return {};
}
