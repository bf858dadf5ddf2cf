// What must be found nowhere: a card, passwords, tokens and keys that nobody else uses, in every form in which a store
// could come to write them down.
//
// Invariants:
//   N1. A canary is looked for as it is, in base64 (of whatever text it may stand in), in hexadecimal and as URLs have it,
//       and in any case of its letters. A card number is looked for with anything between its groups.
//   N2. Nothing legitimate contains one, so that every find is a leak.

/** What is looked for. `pattern` is for what no list of texts covers. */
export type Canary = {
  readonly name: string;
  readonly needles: readonly string[];
  readonly pattern?: RegExp;
};

export const card = {
  plain: "4000056655665556",
  spaced: "4000 0566 5566 5556",
  dashed: "4000-0566-5566-5556",
  cvc: "947",
} as const;

/** Where a CVV has any text, this is it: three digits by themselves are found everywhere. */
export const cvcText = "cvvCanaryTd5Wq0";

export const passwords = { registered: "Kanarien-Vogel!7f3a91", wrong: "Falscher-Vogel!20c8e5" } as const;

/** Tokens of payment methods: unknown to the provider, of no known shape, and those of its tests that no other page names. */
export const paymentTokens = {
  unknown: "pm_canaryUnknownHw6Zk2",
  shapeless: "canaryTokenWithoutShapeRv7",
  good: "pm_card_mastercard_prepaid",
  declined: "pm_card_visa_chargeDeclinedLostCard",
  needsAction: "pm_card_threeDSecure2Required",
  processedThenTimeout: "pm_webstore_processedThenTimeout",
  captureTimeout: "pm_webstore_captureTimeout",
  refundRefused: "pm_webstore_refundRefusedOnce",
} as const;

export const bearer = "canary-opaque-bearer-Mt3Gx8";

/** As the configuration takes them. */
export const keys = {
  stripe: "sk_test_canaryKq83vTz1",
  webhook: "whsec_canaryW5u0pLm7",
  paymentUpdates: "canary-updates-key-Xe4Rt9",
  internal: "canary-internal-key-Bn2Ys6",
  journal: "canary-journal-key-Jd8Fa3",
  collector: "canary-collector-key-Qp5Lc1",
  signingKeys: Buffer.from("canary-signing-keys-key-Vk9Ho4-x").toString("base64"),
} as const;

/** What the requests carry, one of each kind. */
export const sent = {
  "card number": card.plain,
  "card number with spaces": card.spaced,
  "card number with dashes": card.dashed,
  password: passwords.wrong,
  "payment token": paymentTokens.unknown,
  "token without a shape": paymentTokens.shapeless,
  "bearer token": bearer,
  "API key": keys.stripe,
} as const;

/** All of them in one value, for where any text is taken. */
export const everything = {
  number: card.plain,
  cvc: card.cvc,
  cvv: cvcText,
  card: [card.spaced, card.dashed],
  password: passwords.registered,
  payment_token: paymentTokens.unknown,
  unnamed: [paymentTokens.shapeless, bearer, passwords.wrong],
  authorization: `Bearer ${bearer}`,
  api_key: keys.stripe,
  keys: Object.values(keys),
} as const;

const between = String.raw`(?:[^0-9a-z]|%[0-9a-f]{2}|\\u[0-9a-f]{4}){0,4}`;

/** Those that are known before anything runs. */
export function knownCanaries(): Canary[] {
  const number: Canary = {
    name: "card number",
    needles: [card.plain, card.spaced, card.dashed].flatMap(encodedOnly),
    pattern: new RegExp(card.spaced.replaceAll(" ", between), "i"),
  };
  const code: Canary = {
    name: "CVV",
    needles: formsOf(cvcText),
    pattern: new RegExp(`(?:cvc|cvv|csc|security.?code)[^a-z0-9]{1,12}${card.cvc}(?![0-9])`, "i"),
  };
  return [
    number,
    code,
    ...Object.entries(passwords).map(([name, text]) => canaryOf(`${name} password`, text)),
    ...Object.entries(paymentTokens).map(([name, text]) => canaryOf(`${name} payment token`, text)),
    canaryOf("opaque bearer token", bearer),
    canaryOf("demo token of grace", "admin-token-456"),
    canaryOf("demo token of test", "test-token-789"),
    canaryOf("demo token of ada", "user-token-123"),
    canaryOf("demo password", "webstore-demo"),
    ...Object.entries(keys).map(([name, text]) => canaryOf(`${name} key`, text)),
  ];
}

/** One that is learned at run time: a refresh token, a client secret, a private key. */
export function canaryOf(name: string, text: string): Canary {
  return { name, needles: formsOf(text) };
}

/** A JWT, of which a part is as good as the whole: the signature, and the middle of the claims. */
export function canaryOfJwt(name: string, token: string): Canary {
  const [, claims = "", signature = ""] = token.split(".");
  return { name, needles: [token, signature, claims.slice(20, 60)].filter((part) => part.length > 20) };
}

const formsOf = (text: string): string[] => [
  ...new Set([text, JSON.stringify(text).slice(1, -1), ...encodedOnly(text)]),
];

function encodedOnly(text: string): string[] {
  const bytes = Buffer.from(text);
  // A form encodes more than a path does.
  const urls = [encodeURIComponent(text), new URLSearchParams([["", text]]).toString().slice(1)];
  const base64 = [0, 1, 2].map((shift) => base64Within(bytes, shift));
  const base64url = base64.map((each) => each.replaceAll("+", "-").replaceAll("/", "_"));
  return [bytes.toString("hex"), ...base64, ...base64url, ...urls.filter((url) => url !== text)];
}

/** What is the same in base64 whatever stands before (so many bytes beyond a whole group) and behind. */
function base64Within(bytes: Buffer, shift: number): string {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
  const whole = padded.subarray(0, padded.length - (padded.length % 3)).toString("base64");
  return whole.slice(shift === 0 ? 0 : 4);
}
