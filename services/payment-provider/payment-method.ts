// The test payment methods: Stripe's tokens, and ours that bring a scenario. Nothing else can be
// paid with, and no card number is ever taken: a token stands for what its card would do.

import { type DisputePlan, unanswered } from "./dispute.ts";
import type { RefundPlan } from "./refund.ts";
import {
  defaultCloseAfterMs,
  defaultDelayMs,
  defaultDisputeDelayMs,
  type RequestAction,
  type ScenarioOperation,
  type WebhookAction,
} from "./scenario-actions.ts";

export type Card = {
  readonly brand: string;
  readonly last4: string;
  readonly funding: "credit" | "debit" | "prepaid";
};

export type Decline = {
  readonly code: string;
  readonly declineCode: string;
  readonly message: string;
};

/** What goes wrong with the requests of a payment, or with its events. */
export type Trouble =
  | {
      readonly kind: "request";
      readonly action: RequestAction;
      readonly operations: readonly ScenarioOperation[];
      /** Only the first time for an order; otherwise every time. */
      readonly once: boolean;
    }
  | { readonly kind: "webhook"; readonly action: WebhookAction };

export type PaymentMethod = {
  readonly token: string;
  readonly card: Card;
  /** What happens when it is confirmed. */
  readonly outcome: "approved" | "declined" | "needs_action";
  /** Why, when it is declined; with `needs_action`, after the shopper has proved who they are. */
  readonly decline: Decline | undefined;
  /** How the shopper answers the bank, without being asked to. */
  readonly answer: { readonly delayMs: number; readonly outcome: "succeeded" | "failed" } | undefined;
  /** What follows its capture. */
  readonly dispute: (DisputePlan & { readonly delayMs: number }) | undefined;
  /** What becomes of its refunds. */
  readonly refund: RefundPlan | undefined;
  readonly trouble: Trouble | undefined;
  /** For people. */
  readonly does: string;
};

export const genericDecline: Decline = {
  code: "card_declined",
  declineCode: "generic_decline",
  message: "Your card was declined.",
};

export const authenticationDecline: Decline = {
  code: "authentication_required",
  declineCode: "authentication_required",
  message: "Your card was declined. This transaction requires authentication.",
};

const methods = new Map<string, PaymentMethod>();

const plain = {
  outcome: "approved",
  decline: undefined,
  answer: undefined,
  dispute: undefined,
  refund: undefined,
  trouble: undefined,
  does: "is approved",
} as const;

function add(token: string, card: Card, is: Partial<PaymentMethod> = {}): void {
  methods.set(token, { ...plain, ...is, token, card });
}

function card(brand: string, last4: string, funding: Card["funding"] = "credit"): Card {
  return { brand, last4, funding };
}

const visa = card("visa", "4242");
add("pm_card_visa", visa);
add("pm_card_visa_debit", card("visa", "5556", "debit"));
add("pm_card_mastercard", card("mastercard", "4444"));
add("pm_card_mastercard_debit", card("mastercard", "8210", "debit"));
add("pm_card_mastercard_prepaid", card("mastercard", "5100", "prepaid"));
add("pm_card_amex", card("amex", "0005"));
add("pm_card_discover", card("discover", "1117"));
add("pm_card_diners", card("diners", "0004"));
add("pm_card_jcb", card("jcb", "0505"));
add("pm_card_unionpay", card("unionpay", "0005"));

const asks = { outcome: "needs_action", does: "asks who the shopper is" } as const;
add("pm_card_authenticationRequired", card("visa", "3184"), asks);
add("pm_card_threeDSecure2Required", card("visa", "3220"), asks);
add("pm_card_createDispute", card("visa", "0259"), {
  dispute: { ...unanswered, delayMs: 0 },
  does: "is disputed right after its capture, and lost unless it is answered within 7 days",
});
add("pm_card_pendingRefund", card("visa", "7726"), {
  refund: { starts: "pending", ends: "succeeded", delayMs: defaultDelayMs },
  does: "its refunds are pending, and succeed later",
});
add("pm_card_refundFail", card("visa", "5126"), {
  refund: { starts: "succeeded", ends: "failed", delayMs: defaultDelayMs },
  does: "its refunds succeed, and come back later as failed",
});

const declined = (declineCode: string, message: string): Decline => ({
  code: "card_declined",
  declineCode,
  message,
});

const declines: readonly (readonly [suffix: string, last4: string, decline: Decline])[] = [
  ["", "0002", genericDecline],
  ["InsufficientFunds", "9995", declined("insufficient_funds", "Your card has insufficient funds.")],
  ["LostCard", "9987", declined("lost_card", "Your card was declined.")],
  ["StolenCard", "9979", declined("stolen_card", "Your card was declined.")],
  ["Fraudulent", "0019", declined("fraudulent", "Your card was declined.")],
  [
    "VelocityLimitExceeded",
    "6975",
    declined("card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently."),
  ],
  [
    "ExpiredCard",
    "0069",
    { code: "expired_card", declineCode: "expired_card", message: "Your card has expired." },
  ],
  [
    "IncorrectCvc",
    "0127",
    {
      code: "incorrect_cvc",
      declineCode: "incorrect_cvc",
      message: "Your card's security code is incorrect.",
    },
  ],
  [
    "ProcessingError",
    "0119",
    {
      code: "processing_error",
      declineCode: "processing_error",
      message: "An error occurred while processing your card. Try again in a little bit.",
    },
  ],
];
for (const [suffix, last4, decline] of declines) {
  for (const prefix of ["pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"]) {
    const does = `is declined: ${decline.declineCode}`;
    add(`${prefix}${suffix}`, card("visa", last4), { outcome: "declined", decline, does });
  }
}
add("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", card("visa", "3178"), {
  outcome: "needs_action",
  decline: declined("insufficient_funds", "Your card has insufficient funds."),
  does: "asks who the shopper is, and is declined then",
});

/** The tokens that are not Stripe's: a good Visa card, with something going wrong around it. */
function addOurs(name: string, does: string, is: Partial<PaymentMethod>): void {
  add(`pm_webstore_${name}`, visa, { ...is, does });
}

const paying: readonly ScenarioOperation[] = ["create", "confirm"];

function trouble(
  action: RequestAction,
  operations: readonly ScenarioOperation[],
  once = false,
): Partial<PaymentMethod> {
  return { trouble: { kind: "request", action, operations, once } };
}

const unansweredKey = "is carried out without an answer";
addOurs("processedThenTimeout", `paying ${unansweredKey}`, trouble("processed_then_timeout", paying));
addOurs("captureTimeout", `its capture ${unansweredKey}`, trouble("processed_then_timeout", ["capture"]));
addOurs("refundTimeout", `its refund ${unansweredKey}`, trouble("processed_then_timeout", ["refund"]));
addOurs(
  "processedThen500",
  "paying is carried out and answered with 500",
  trouble("processed_then_500", paying),
);
addOurs("slow", "paying takes 3 s", trouble("slow", paying));
addOurs("drop", "paying is cut off, every time", trouble("drop", paying));
addOurs("dropOnce", "paying is cut off, the first time for an order", trouble("drop", paying, true));
addOurs("captureDeclined", "its capture is declined", trouble("decline", ["capture"]));
addOurs("refundRefused", "its refund is refused, every time", trouble("decline", ["refund"]));
addOurs("refundRefusedOnce", "its refund is refused, the first time", trouble("decline", ["refund"], true));

addOurs("refundPendingThenFailed", "its refunds are pending, and fail later", {
  refund: { starts: "pending", ends: "failed", delayMs: defaultDelayMs },
});
for (const [name, outcome] of [
  ["disputeWon", "won"],
  ["disputeLost", "lost"],
] as const) {
  addOurs(name, `is disputed 1 day after its capture, and ${outcome} 1 day later`, {
    dispute: { delayMs: defaultDisputeDelayMs, closeAfterMs: defaultCloseAfterMs, outcome },
  });
}
for (const [name, outcome] of [
  ["actionSucceeds", "succeeded"],
  ["actionFails", "failed"],
] as const) {
  addOurs(name, `asks who the shopper is, who answers 3 s later: ${outcome}`, {
    outcome: "needs_action",
    answer: { delayMs: defaultDelayMs, outcome },
  });
}
for (const [name, action, does] of [
  ["webhookDuplicate", "webhook_duplicate", "each of its events comes twice"],
  ["webhookLate", "webhook_late", "each of its events comes 3 s late"],
  ["webhookNever", "webhook_never", "none of its events comes"],
  ["webhookOutOfOrder", "webhook_out_of_order", "its events overtake each other"],
] as const) {
  addOurs(name, does, { trouble: { kind: "webhook", action } });
}

export function findPaymentMethod(token: string): PaymentMethod | undefined {
  return methods.get(token);
}

export const paymentMethodTokens: readonly string[] = [...methods.keys()];

/** What each token does, for people. */
export const paymentMethodHelp: Readonly<Record<string, string>> = Object.fromEntries(
  [...methods.values()].map(({ token, does }) => [token, does]),
);
