// The closed list of reasons for which payments refuses.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("payments", {
  card_declined: {
    code: "FAILED_PRECONDITION",
    caller: "The card was declined.",
    operator:
      "Nothing to do; many at once, or in one country, may be the provider or somebody testing stolen cards.",
  },
  amount_too_large: {
    code: "OUT_OF_RANGE",
    caller: "A payment must be less than 1000.00.",
    operator: "Nothing to do; the limit is a rule of the store.",
  },
  amount_too_small: {
    code: "OUT_OF_RANGE",
    caller: "A payment must be more than 0.",
    operator: "An order for nothing was sent to be paid: look at how it was priced.",
  },
  payment_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such payment.",
    operator: "Nothing to do; an order that was never paid has none.",
  },
  payment_voided: {
    code: "FAILED_PRECONDITION",
    caller: "The payment of this order was voided.",
    operator: "Expected when an order is given up while its payment is still on its way.",
  },
  payment_conflict: {
    code: "ALREADY_EXISTS",
    caller: "This order has a payment of another amount or customer.",
    operator: "A caller asks twice for one order and means two different things: look at the caller.",
  },
  payment_not_capturable: {
    code: "FAILED_PRECONDITION",
    caller: "The payment is not authorized.",
    operator: "It was voided, declined or never authorized; the payment's history says which.",
  },
  payment_not_voidable: {
    code: "FAILED_PRECONDITION",
    caller: "The payment is captured. Refund it instead.",
    operator: "Nothing to do; whoever undoes an order refunds what is captured.",
  },
  payment_not_refundable: {
    code: "FAILED_PRECONDITION",
    caller: "There is nothing of this payment to give back.",
    operator: "It was never captured, is refunded already, or is disputed; the payment's history says which.",
  },
  refund_exceeds_captured: {
    code: "OUT_OF_RANGE",
    caller: "The refund is more than what is left of the payment, or in another currency.",
    operator: "Refunds that are still on their way count too; the payment lists them.",
  },
  webhook_signature_invalid: {
    code: "INVALID_ARGUMENT",
    caller: "The event's signature is missing, wrong or too old.",
    operator:
      "Somebody forges events, or STRIPE_WEBHOOK_SECRET is not the provider's; when old ones are refused, look at the clock.",
  },
});
