// The test payment methods: Stripe's tokens, and ours that script a scenario. Nothing else can be
// paid with, and no card number is ever taken: a token stands for what its card would do.

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

export type PaymentMethod = {
  readonly token: string;
  readonly card: Card;
  /** What happens when it is confirmed. */
  readonly outcome: "approved" | "declined" | "needs_action";
  /** Why, when it is declined. */
  readonly decline: Decline | undefined;
  readonly disputed: boolean;
  /** The scenario that comes with it; see scenarios.ts. */
  readonly scenario: string | undefined;
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

function add(token: string, card: Card, is: Partial<PaymentMethod> = {}): void {
  const plain = { outcome: "approved", decline: undefined, disputed: false, scenario: undefined } as const;
  methods.set(token, { ...plain, token, card, ...is });
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
add("pm_card_authenticationRequired", card("visa", "3184"), { outcome: "needs_action" });
add("pm_card_threeDSecure2Required", card("visa", "3220"), { outcome: "needs_action" });
add("pm_card_createDispute", card("visa", "0259"), { disputed: true });

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
    add(`${prefix}${suffix}`, card("visa", last4), { outcome: "declined", decline });
  }
}

/** The tokens that are not Stripe's: a good Visa card, with something going wrong around it. */
const scenarioTokens: Readonly<Record<string, string>> = {
  pm_webstore_processedThenTimeout: "processed_then_timeout",
  pm_webstore_slow: "slow",
  pm_webstore_drop: "drop",
  pm_webstore_captureDeclined: "capture_declined",
  pm_webstore_refundRefused: "refund_refused",
  pm_webstore_webhookDuplicate: "webhook_duplicate",
  pm_webstore_webhookLate: "webhook_late",
  pm_webstore_webhookNever: "webhook_never",
  pm_webstore_webhookOutOfOrder: "webhook_out_of_order",
};
for (const [token, scenario] of Object.entries(scenarioTokens)) add(token, visa, { scenario });

export function findPaymentMethod(token: string): PaymentMethod | undefined {
  return methods.get(token);
}

export const paymentMethodTokens: readonly string[] = [...methods.keys()];
