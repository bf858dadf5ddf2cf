// One call to the provider: through the breaker, measured, and its failure in one of a few kinds.
//
// Which kind decides what may happen next, so it is read from what is certain: the status, and whether the provider
// keeps its answer under the key. It keeps a 500 and repeats it; it does not keep a 429 or a 503.

import {
  type Breaker,
  currentContext,
  type Histogram,
  Outage,
  type Telemetry,
  withoutStacks,
} from "@webstore/kit";
import { Stripe } from "stripe";
import { isNotSent } from "./provider-http.ts";

export type Failure =
  | { readonly is: "declined"; readonly code: string; readonly object: Stripe.PaymentIntent | undefined }
  | { readonly is: "refused"; readonly code: string }
  | { readonly is: "obscure" }
  | { readonly is: "unanswered" };

export type Ask = <T>(
  operation: string,
  send: () => Promise<T>,
) => Promise<{ readonly is: "answered"; readonly object: T } | Failure>;

export type ProviderTelemetry = {
  readonly telemetry: Telemetry;
  /** `external.payment.provider.duration`, in seconds: {operation, outcome}. */
  readonly duration: Histogram;
};

const peer = "payment-provider";

/** Carries a failure that the breaker counts through it. */
class CountedFailure extends Outage {
  readonly failure: Failure;
  constructor(failure: Failure, message: string) {
    super(peer, message);
    this.failure = failure;
  }
}

export function askThrough(breaker: Breaker, { telemetry, duration }: ProviderTelemetry): Ask {
  return async (operation, send) => {
    const startedAt = performance.now();
    const parent = currentContext().span?.traceparent;
    const span = telemetry.span(`${peer} ${operation}`, "client", parent, {
      "peer.service": peer,
      operation,
    });
    let outcome = "not_sent";
    let trouble: unknown;
    try {
      const answer = await breaker.run(async () => {
        try {
          return { is: "answered", object: await withoutStacks(send) } as const;
        } catch (error) {
          return failureOf(operation, error);
        }
      });
      outcome = answer.is;
      return answer;
    } catch (error) {
      trouble = error;
      if (!(error instanceof CountedFailure)) throw error;
      outcome = error.failure.is;
      return error.failure;
    } finally {
      duration.record((performance.now() - startedAt) / 1_000, { operation, outcome });
      span.end(trouble);
    }
  };
}

/** Throws what the breaker counts, and an Outage where nothing was sent. What is no failure of a call is thrown on. */
function failureOf(operation: string, error: unknown): Failure {
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  const { statusCode, type, code, requestId } = error;
  const text =
    `${peer}: ${operation}: ${type} ${statusCode ?? ""} ${code ?? ""} ${requestId ?? ""}`.trimEnd();
  if (error instanceof Stripe.errors.StripeConnectionError) {
    if (isNotSent(error.detail)) throw new Outage(peer, text, { notSent: true });
    throw new CountedFailure({ is: "unanswered" }, text);
  }
  // Without the right key, or with too many at once, it does not even look at the call.
  if (statusCode === 401 || statusCode === 403 || statusCode === 429) {
    throw new Outage(peer, text, { notSent: true });
  }
  if (statusCode === 500) throw new CountedFailure({ is: "obscure" }, text);
  if (statusCode === undefined || statusCode > 500) throw new CountedFailure({ is: "unanswered" }, text);
  // Another call under this key is being worked on.
  if (statusCode === 409) return { is: "unanswered" };
  if (error instanceof Stripe.errors.StripeIdempotencyError) return { is: "obscure" };
  if (isDecline(error)) {
    return { is: "declined", code: error.decline_code ?? code ?? "declined", object: error.payment_intent };
  }
  return { is: "refused", code: code ?? "" };
}

/** Codes about the request itself: it would be refused under any key. */
const neverCodes: ReadonlySet<string> = new Set(["amount_too_small", "amount_too_large"]);

/** The card's bank said no, or the token or the amount is one that nobody can be charged with. */
function isDecline(error: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  if (error instanceof Stripe.errors.StripeCardError) return true;
  return error.param === "payment_method" || neverCodes.has(error.code ?? "");
}
