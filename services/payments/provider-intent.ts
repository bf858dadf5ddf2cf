// What the provider says of a payment, in our words.

import type { Stripe } from "stripe";
import type { Payment } from "./payment.ts";
import type { Intent, IntentState } from "./provider.ts";

const states: Partial<Record<Stripe.PaymentIntent.Status, IntentState>> = {
  requires_action: "requires_action",
  requires_payment_method: "declined",
  requires_capture: "held",
  succeeded: "taken",
  canceled: "released",
};

/** The provider keeps these two, which have no minor unit any more, with two decimals. */
const withTwoDecimals: ReadonlySet<string> = new Set(["ISK", "UGX"]);

export function toProviderAmount(amountMinor: bigint, currency: string): number {
  return Number(withTwoDecimals.has(currency) ? amountMinor * 100n : amountMinor);
}

export function fromProviderAmount(amount: number, currency: string): bigint {
  return withTwoDecimals.has(currency) ? BigInt(amount) / 100n : BigInt(amount);
}

/** Undefined: it is in a state that says nothing yet. Throws on an answer that cannot be about this payment. */
export function intentOf(object: Stripe.PaymentIntent, payment: Payment): Intent | undefined {
  const { id, status, amount, currency, latest_charge, last_payment_error: failure } = object;
  const isSame =
    typeof id === "string" &&
    amount === toProviderAmount(payment.amountMinor, payment.currency) &&
    currency === payment.currency.toLowerCase();
  if (!isSame) throw new Error(`the provider's answer is not about payment ${payment.paymentId}`);
  const state = states[status];
  if (state === undefined) return undefined;
  const charge = typeof latest_charge === "object" && latest_charge !== null ? latest_charge : undefined;
  const isDeclined = state === "declined";
  return {
    reference: id,
    state,
    takenMinor: state === "taken" ? fromProviderAmount(object.amount_received, payment.currency) : 0n,
    receiptUrl: charge?.receipt_url ?? "",
    cardBrand: charge?.payment_method_details?.card?.brand ?? "",
    declineCode: isDeclined ? (failure?.decline_code ?? failure?.code ?? "declined") : "",
    clientSecret: state === "requires_action" ? (object.client_secret ?? "") : "",
  };
}

/** A decline, with the payment intent that it left behind or without one. */
export function declinedIntent(
  { code, object }: { code: string; object: Stripe.PaymentIntent | undefined },
  payment: Payment,
): Intent {
  const intent = object && intentOf(object, payment);
  if (intent !== undefined && intent.state === "declined") return { ...intent, declineCode: code };
  const nothing = { takenMinor: 0n, receiptUrl: "", cardBrand: "", clientSecret: "" };
  return { ...nothing, reference: intent?.reference ?? "", state: "declined", declineCode: code };
}
