// The provider through Stripe's official client, pointed at Stripe or at the simulator.
//
// Invariants:
//   P1. What the provider says is input: an answer about another amount, or in a state that we cannot read, is not
//       believed.
//   P2. No error text of the provider leaves this file: it may name the token. Only types, codes and request ids do.
//   P3. The client tries nothing again by itself.

import type { Breaker } from "@webstore/kit";
import { Stripe } from "stripe";
import { type Payment, providerKey } from "./payment.ts";
import type { Lookup, Outcome, Provider, RefundOutcome } from "./provider.ts";
import { type Ask, askThrough, type Failure, type ProviderTelemetry } from "./provider-ask.ts";
import { openProviderHttp } from "./provider-http.ts";
import { declinedIntent, intentOf, toProviderAmount } from "./provider-intent.ts";
import { lists } from "./provider-lists.ts";
import { refundKey } from "./refund.ts";

const apiVersion = "2026-10-28.endive";
const expandCharge = ["latest_charge"];
const pageSize = 100;
const pagesMax = 100;
/** How far the provider's clock may be off, and how late a call may get through. */
const clockSkewSeconds = 30;
const lateSeconds = 600;

/** The parameters of a payment intent that do not say how it is paid. */
function intentParams(payment: Payment): Stripe.PaymentIntentCreateParams {
  return {
    amount: toProviderAmount(payment.amountMinor, payment.currency),
    currency: payment.currency.toLowerCase(),
    capture_method: "manual",
    allowed_payment_method_types: ["card"],
  };
}

export function stripeProvider(
  is: {
    url: string;
    apiKey: string;
    timeoutMs: number;
    breaker: Breaker;
  } & ProviderTelemetry,
): { provider: Provider; close: () => Promise<void> } {
  const { hostname, port, protocol, origin } = new URL(is.url);
  const http = openProviderHttp(origin);
  const stripe = new Stripe(is.apiKey, {
    apiVersion,
    host: hostname,
    port: port || (protocol === "https:" ? "443" : "80"),
    protocol: protocol === "https:" ? "https" : "http",
    httpClient: http,
    maxNetworkRetries: 0,
    timeout: is.timeoutMs,
    telemetry: false,
  });
  const ask = askThrough(is.breaker, is);
  const provider = { ...changes(stripe, ask), ...lookups(stripe, ask), ...lists(stripe, ask) };
  return { provider, close: () => http.close() };
}

type Changes = Pick<Provider, "authorize" | "capture" | "cancel" | "refund" | "closeAuthorization">;

function changes({ paymentIntents, refunds }: Stripe, ask: Ask): Changes {
  const refund: Provider["refund"] = async (payment, refund) => {
    const { paymentId, providerReference, currency } = payment;
    const params: Stripe.RefundCreateParams = {
      payment_intent: providerReference,
      amount: toProviderAmount(refund.amountMinor, currency),
      metadata: { payment_id: paymentId, refund_id: refund.refundId, attempt: refund.attempt },
    };
    const idempotencyKey = refundKey(payment, refund);
    const answer = await ask("refund", () => refunds.create(params, { idempotencyKey }));
    if (answer.is !== "answered") return refundFailure(answer);
    const { id, status } = answer.object;
    if (status === "failed" || status === "canceled") return { is: "refused", code: `refund_${status}` };
    return { is: status === "succeeded" ? "done" : "pending", reference: id };
  };

  return {
    async authorize(payment, paymentMethodToken) {
      const { orderId: order_id, paymentId: payment_id, country, description } = payment;
      const params: Stripe.PaymentIntentCreateParams = {
        ...intentParams(payment),
        confirm: true,
        payment_method: paymentMethodToken,
        metadata: { order_id, payment_id, country },
        expand: expandCharge,
        ...(description === "" ? {} : { description }),
      };
      const idempotencyKey = providerKey(payment, "authorize");
      return outcomeOf(
        await ask("authorize", () => paymentIntents.create(params, { idempotencyKey })),
        payment,
      );
    },

    async capture(payment) {
      const idempotencyKey = providerKey(payment, "capture");
      const send = () =>
        paymentIntents.capture(payment.providerReference, { expand: expandCharge }, { idempotencyKey });
      return outcomeOf(await ask("capture", send), payment);
    },

    async cancel(payment) {
      const idempotencyKey = providerKey(payment, "void");
      const send = () =>
        paymentIntents.cancel(payment.providerReference, { expand: expandCharge }, { idempotencyKey });
      return outcomeOf(await ask("void", send), payment);
    },

    refund,

    async closeAuthorization(payment) {
      const idempotencyKey = providerKey(payment, "authorize");
      // Without a payment method it holds nothing; without `payment_id` it is not taken for the payment's own.
      const params = { ...intentParams(payment), metadata: { closes: idempotencyKey } };
      const answer = await ask("close", () => paymentIntents.create(params, { idempotencyKey }));
      if (answer.is === "unanswered") return "unanswered";
      if (answer.is !== "answered") return "used";
      const { id } = answer.object;
      // For the tidiness of the provider's list; nothing depends on it.
      await ask("close", () => paymentIntents.cancel(id)).catch(() => {});
      return "closed";
    },
  };
}

function lookups({ paymentIntents }: Stripe, ask: Ask): Pick<Provider, "retrieve" | "find"> {
  return {
    async retrieve(payment) {
      const params = { expand: expandCharge };
      const answer = await ask("retrieve", () => paymentIntents.retrieve(payment.providerReference, params));
      const intent = answer.is === "answered" ? intentOf(answer.object, payment) : undefined;
      return intent === undefined ? { is: "unanswered" } : { is: "done", intent };
    },

    async find(payment): Promise<Lookup> {
      const created = {
        gte: Math.floor(payment.createTimeMs / 1_000) - clockSkewSeconds,
        lte: Math.ceil(payment.updateTimeMs / 1_000) + clockSkewSeconds + lateSeconds,
      };
      let after: { starting_after?: string } = {};
      for (let page = 0; page < pagesMax; page += 1) {
        const params = { limit: pageSize, created, expand: ["data.latest_charge"], ...after };
        const answer = await ask("find", () => paymentIntents.list(params));
        if (answer.is !== "answered") return { is: "unanswered" };
        const { data, has_more } = answer.object;
        const found = data.find(({ metadata }) => metadata.payment_id === payment.paymentId);
        const intent = found && intentOf(found, payment);
        if (intent !== undefined) return { is: "done", intent };
        if (found !== undefined) return { is: "unanswered" };
        const last = data.at(-1);
        if (!has_more || last === undefined) return { is: "nothing" };
        after = { starting_after: last.id };
      }
      return { is: "unanswered" };
    },
  };
}

type IntentAnswer = { readonly is: "answered"; readonly object: Stripe.PaymentIntent } | Failure;

function outcomeOf(answer: IntentAnswer, payment: Payment): Outcome {
  if (answer.is === "answered") {
    const intent = intentOf(answer.object, payment);
    return intent === undefined ? { is: "unanswered" } : { is: "done", intent };
  }
  if (answer.is !== "declined") return answer;
  return { is: "done", intent: declinedIntent(answer, payment) };
}

function refundFailure(failure: Failure): RefundOutcome {
  return failure.is === "declined" ? { is: "refused", code: failure.code } : failure;
}
