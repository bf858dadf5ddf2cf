// The operations on payment intents. Each reads its parameters, then refuses, then acts.

import { timingSafeEqual } from "node:crypto";
import { invalidRequest, noSuch } from "./api-error.ts";
import { scheduleDispute } from "./charge-back.ts";
import { emit } from "./event.ts";
import { checkExpand, withExpanded } from "./expansion.ts";
import type { Params } from "./form.ts";
import {
  type Metadata,
  mergeMetadata,
  missing,
  only,
  readAmount,
  readChoice,
  readCurrency,
  readFlag,
  readList,
  readMetadata,
  readText,
} from "./parameters.ts";
import { cancel, capture, cardError, pay, paymentMethodOf } from "./pay.ts";
import {
  cancellationReasons,
  captured,
  captureMethods,
  checkCancelable,
  checkCapturable,
  confirmToken,
  failed,
  type PaymentIntent,
} from "./payment-intent.ts";
import { genericDecline } from "./payment-method.ts";
import type { Operation, Work } from "./provider.ts";

const createParams = new Set([
  ...[
    "amount",
    "currency",
    "confirm",
    "capture_method",
    "confirmation_method",
    "description",
    "metadata",
    "expand",
  ],
  ...[
    "payment_method",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "receipt_email",
    "return_url",
  ],
  ...["off_session", "error_on_requires_action", "use_stripe_sdk", "statement_descriptor_suffix"],
]);
const updateParams = new Set(["metadata", "description", "receipt_email", "expand"]);
const confirmParams = new Set([
  ...["payment_method", "return_url", "off_session", "error_on_requires_action", "use_stripe_sdk"],
  ...["client_secret", "receipt_email", "expand"],
]);
const captureParams = new Set(["amount_to_capture", "metadata", "expand"]);
const cancelParams = new Set(["cancellation_reason", "expand"]);
const retrieveParams = new Set(["client_secret", "expand"]);

function readReturnUrl(params: Params): string | undefined {
  const text = readText(params, "return_url", 2_048);
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return text;
  throw invalidRequest("Not a valid URL", { param: "return_url", code: "url_invalid" });
}

function readAbsent(params: Params): boolean {
  return readFlag(params, "off_session") || readFlag(params, "error_on_requires_action");
}

function readTypes(params: Params): readonly string[] {
  const types = readList(params, "allowed_payment_method_types", 10);
  if (types.every((type) => type === "card")) return ["card"];
  throw invalidRequest("The payment method type provided is not supported; use card.", {
    param: "allowed_payment_method_types",
  });
}

function intentOf(work: Work, id: string): PaymentIntent {
  const intent = work.store.paymentIntents.find(id);
  if (intent === undefined) throw noSuch("payment_intent", id, "intent", 404);
  return intent;
}

/** Refuses a secret that is not this intent's. */
export function checkSecret(intent: PaymentIntent, secret: string): void {
  const given = Buffer.from(secret);
  const expected = Buffer.from(intent.client_secret);
  if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw invalidRequest(
    "The client_secret provided does not match any associated PaymentIntent on this account. Ensure the client_secret matches the PaymentIntent.",
    { param: "client_secret", code: "payment_intent_invalid_parameter" },
  );
}

type NewIntent = Pick<
  PaymentIntent,
  "amount" | "currency" | "capture_method" | "description" | "payment_method_types" | "receipt_email"
> & { readonly metadata: Metadata };

function newIntent(work: Work, is: NewIntent, token: string | undefined): PaymentIntent {
  const id = work.provider.ids.next("pi", work.nowSeconds);
  return {
    id,
    object: "payment_intent",
    amount: is.amount,
    amount_capturable: 0,
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: is.capture_method,
    client_secret: work.provider.ids.secretOf(id),
    confirmation_method: "automatic",
    created: work.nowSeconds,
    currency: is.currency,
    customer: null,
    description: is.description,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: is.metadata,
    next_action: null,
    payment_method: token ?? null,
    payment_method_types: is.payment_method_types,
    processing: null,
    receipt_email: is.receipt_email,
    status: token === undefined ? "requires_payment_method" : "requires_confirmation",
  };
}

export const createPaymentIntent: Operation = {
  scenarioName: "create",
  forShoppers: false,
  parse(params) {
    only(params, createParams);
    const amount = readAmount(params, "amount");
    if (amount === undefined) throw missing("amount");
    const intent: NewIntent = {
      amount,
      currency: readCurrency(params),
      capture_method: readChoice(params, "capture_method", captureMethods) ?? "automatic_async",
      description: readText(params, "description", 1_000) ?? null,
      metadata: mergeMetadata({}, readMetadata(params)),
      payment_method_types: readTypes(params),
      receipt_email: readText(params, "receipt_email", 320) ?? null,
    };
    readChoice(params, "confirmation_method", ["automatic"]);
    const token = readText(params, "payment_method", 255);
    const confirm = readFlag(params, "confirm");
    const absent = readAbsent(params);
    const returnUrl = readReturnUrl(params);
    const expand = checkExpand(params);
    if (confirm && token === undefined) throw missing("payment_method");
    return {
      about: { metadata: intent.metadata, token },
      token,
      attempts: confirm,
      execute(work) {
        const method = token === undefined ? undefined : paymentMethodOf(token);
        const made = newIntent(work, intent, token);
        const save = (after: PaymentIntent) => work.store.paymentIntents.insert(after, null);
        if (!confirm || method === undefined) {
          save(made);
          emit(work, "payment_intent.created", made, made);
          return withExpanded(work.store, made, expand);
        }
        const attempt = { method, authenticated: false, absent, asks: false, returnUrl };
        return withExpanded(work.store, pay(work, made, attempt, save), expand);
      },
    };
  },
};

export const retrievePaymentIntent: Operation = {
  scenarioName: "retrieve",
  forShoppers: true,
  parse(params, id) {
    only(params, retrieveParams);
    const secret = readText(params, "client_secret", 255);
    const expand = checkExpand(params);
    return {
      about: id,
      execute(work) {
        if (secret === undefined && expand.length === 0) {
          const text = work.store.paymentIntents.findText(id);
          if (text !== undefined) return text;
        }
        const intent = intentOf(work, id);
        if (secret !== undefined) checkSecret(intent, secret);
        return withExpanded(work.store, intent, expand);
      },
    };
  },
};

export const updatePaymentIntent: Operation = {
  scenarioName: "update",
  forShoppers: false,
  parse(params, id) {
    only(params, updateParams);
    const metadata = readMetadata(params);
    const description = readText(params, "description", 1_000);
    const receiptEmail = readText(params, "receipt_email", 320);
    const expand = checkExpand(params);
    return {
      about: id,
      execute(work) {
        const intent = intentOf(work, id);
        const after: PaymentIntent = {
          ...intent,
          metadata: mergeMetadata(intent.metadata, metadata),
          description: description ?? intent.description,
          receipt_email: receiptEmail ?? intent.receipt_email,
        };
        work.store.paymentIntents.update(after);
        return withExpanded(work.store, after, expand);
      },
    };
  },
};

/**
 * By the merchant: a new attempt. By the shopper, who sends the client_secret, while an action is
 * awaited: the action is done, and the attempt goes on.
 */
export const confirmPaymentIntent: Operation = {
  scenarioName: "confirm",
  forShoppers: true,
  parse(params, id) {
    only(params, confirmParams);
    const token = readText(params, "payment_method", 255);
    const secret = readText(params, "client_secret", 255);
    const absent = readAbsent(params);
    const returnUrl = readReturnUrl(params);
    const receiptEmail = readText(params, "receipt_email", 320);
    const expand = checkExpand(params);
    return {
      about: id,
      token,
      attempts: true,
      execute(work) {
        const intent = intentOf(work, id);
        if (secret !== undefined) checkSecret(intent, secret);
        const method = paymentMethodOf(confirmToken(intent, token));
        const waiting = intent.status === "requires_action" && token === undefined;
        const attempt = {
          method,
          absent,
          returnUrl,
          authenticated: waiting && secret !== undefined,
          asks: waiting && secret === undefined,
        };
        const before = { ...intent, receipt_email: receiptEmail ?? intent.receipt_email };
        return withExpanded(work.store, pay(work, before, attempt, work.store.paymentIntents.update), expand);
      },
    };
  },
};

function refuseCapture(work: Work, intent: PaymentIntent): never {
  const chargeId = intent.latest_charge ?? undefined;
  const { code, declineCode, message } = genericDecline;
  const error = { type: "card_error", code, decline_code: declineCode, message } as const;
  const after = failed(intent, chargeId === undefined ? error : { ...error, charge: chargeId });
  work.store.paymentIntents.update(after);
  emit(work, "payment_intent.payment_failed", after, after);
  throw cardError(genericDecline, chargeId, after);
}

export const capturePaymentIntent: Operation = {
  scenarioName: "capture",
  forShoppers: false,
  parse(params, id) {
    only(params, captureParams);
    const amountToCapture = readAmount(params, "amount_to_capture");
    const metadata = readMetadata(params);
    const expand = checkExpand(params);
    return {
      about: id,
      attempts: true,
      execute(work) {
        const intent = intentOf(work, id);
        checkCapturable(intent);
        const amount = amountToCapture ?? intent.amount_capturable;
        if (amount > intent.amount_capturable) {
          throw invalidRequest(
            `You cannot capture ${amount}: the remaining authorized amount is ${intent.amount_capturable}.`,
            { param: "amount_to_capture", code: "amount_too_large" },
          );
        }
        const held = work.store.charges.find(intent.latest_charge ?? "");
        if (held === undefined) throw new Error("an intent that requires capture has no charge");
        const after = { ...captured(intent, amount), metadata: mergeMetadata(intent.metadata, metadata) };
        // Nothing is held after this, whether or not it is captured.
        work.provider.timers.letGo("expire_authorization", id);
        if (work.met?.action === "decline") refuseCapture(work, intent);
        const taken = capture(work, held, amount);
        work.store.charges.update(taken);
        work.store.paymentIntents.update(after);
        emit(work, "payment_intent.succeeded", after, after);
        scheduleDispute(work, taken);
        return withExpanded(work.store, after, expand);
      },
    };
  },
};

export const cancelPaymentIntent: Operation = {
  scenarioName: "cancel",
  forShoppers: false,
  parse(params, id) {
    only(params, cancelParams);
    const reason = readChoice(params, "cancellation_reason", cancellationReasons) ?? null;
    const expand = checkExpand(params);
    return {
      about: id,
      execute(work) {
        const intent = intentOf(work, id);
        checkCancelable(intent);
        const after = cancel(work, intent, reason);
        return withExpanded(work.store, after, expand);
      },
    };
  },
};
