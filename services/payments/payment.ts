// A payment: what the store knows of the money of one order, and how it may change. All of it is pure.
//
// Invariants:
//   Y1. A status changes only along `followers`; history keeps each one that was entered.
//   Y2. `asked` is the call that the provider may have got and of which nothing is known yet. It is set only in
//       `created` and `unknown`; in `created` without it, the provider certainly has nothing of the payment.
//   Y3. refunded ≤ captured ≤ amount.
//   Y4. A key belongs to one attempt of one call, and is made of what is stored. The attempt is counted up only after
//       a definite answer that nothing happened, because the provider repeats its answers for the same key.

import type { Intent, IntentState } from "./provider.ts";
import type { Refund } from "./refund.ts";
import { firstResolution, type Resolution } from "./resolution.ts";

export type PaymentStatus =
  | "created"
  | "authorized"
  | "captured"
  | "partially_refunded"
  | "refunded"
  | "voided"
  | "failed"
  | "requires_action"
  | "disputed"
  | "unknown";

export type ProviderCall = "authorize" | "capture" | "void";

export type StatusChange = { readonly status: PaymentStatus; readonly atMs: number };

export type Payment = {
  readonly paymentId: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly country: string;
  readonly description: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly status: PaymentStatus;
  readonly capturedMinor: bigint;
  readonly refundedMinor: bigint;
  /** The provider's id of it; empty until known, as are the next three. */
  readonly providerReference: string;
  readonly receiptUrl: string;
  readonly declineCode: string;
  readonly cardBrand: string;
  readonly asked: ProviderCall | undefined;
  readonly attempts: Readonly<Record<ProviderCall, number>>;
  /** Somebody wants it voided: whatever is still found to be held is let go. */
  readonly voidWanted: boolean;
  readonly refunds: readonly Refund[];
  readonly history: readonly StatusChange[];
  /** Undefined: all is known of it (resolution.ts, D1). */
  readonly resolution: Resolution | undefined;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  /** Counts the changes; the store makes a change only to the version that it was made for. */
  readonly version: number;
};

/**
 * The transition table. What is not known yet may turn out to be taken at once: staff can take what is held at the
 * provider itself.
 */
export const followers: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
  created: ["authorized", "requires_action", "captured", "failed", "voided", "unknown"],
  // Back to created: the provider was asked, and says that it has nothing of it.
  unknown: ["created", "authorized", "requires_action", "captured", "failed", "voided"],
  requires_action: ["authorized", "captured", "failed", "voided", "unknown"],
  authorized: ["captured", "voided", "failed", "unknown"],
  captured: ["partially_refunded", "refunded", "disputed"],
  partially_refunded: ["refunded", "disputed"],
  // A dispute that is won gives back what was there before it.
  disputed: ["captured", "partially_refunded", "refunded"],
  refunded: [],
  voided: [],
  failed: [],
};

/** The oldest entries beyond this are forgotten: a payment that flaps must not grow without end. */
const historyMax = 200;

export function newPayment(is: {
  paymentId: string;
  orderId: string;
  customerId: string;
  country: string;
  description: string;
  amountMinor: bigint;
  currency: string;
  nowMs: number;
}): Payment {
  const { nowMs, ...given } = is;
  return {
    ...given,
    status: "created",
    capturedMinor: 0n,
    refundedMinor: 0n,
    providerReference: "",
    receiptUrl: "",
    declineCode: "",
    cardBrand: "",
    asked: "authorize",
    attempts: { authorize: 1, capture: 1, void: 1 },
    voidWanted: false,
    refunds: [],
    history: [{ status: "created", atMs: nowMs }],
    resolution: firstResolution(nowMs),
    createTimeMs: nowMs,
    updateTimeMs: nowMs,
    version: 1,
  };
}

/** Enters a status with what else changes; one that it has already is entered without a trace. */
export function enter(
  payment: Payment,
  status: PaymentStatus,
  nowMs: number,
  changes: Partial<Payment> = {},
): Payment {
  if (status === payment.status) return { ...payment, asked: undefined, ...changes, updateTimeMs: nowMs };
  if (!followers[payment.status].includes(status)) {
    throw new Error(`payment ${payment.paymentId}: ${payment.status} cannot become ${status}`);
  }
  const history = [...payment.history, { status, atMs: nowMs }].slice(-historyMax);
  return { ...payment, asked: undefined, ...changes, status, history, updateTimeMs: nowMs };
}

export const isTaken = ({ status }: Payment): boolean =>
  status === "captured" || status === "partially_refunded" || status === "refunded" || status === "disputed";

/** Nothing is held, nothing is taken, and nothing ever will be. */
export const isOver = ({ status }: Payment): boolean =>
  status === "voided" || status === "failed" || status === "refunded";

/** How it stands at the provider is not known, and there is no reference yet to ask by. */
export const isUnlocated = ({ status, asked }: Payment): boolean =>
  status === "created" || (status === "unknown" && asked === "authorize");

/** The provider certainly has nothing of it (Y2). */
export const isUntouched = ({ status, asked }: Payment): boolean =>
  status === "created" && asked === undefined;

const statusBy: Readonly<Record<IntentState, PaymentStatus>> = {
  requires_action: "requires_action",
  held: "authorized",
  taken: "captured",
  released: "voided",
  declined: "failed",
};

/**
 * The payment once the provider has said how it stands. What is old news changes nothing; what
 * contradicts what the provider said before is thrown.
 */
export function settledBy(payment: Payment, intent: Intent, nowMs: number): Payment {
  const status = statusBy[intent.state];
  if (status === payment.status || isOldNews(payment, intent)) return payment;
  return enter(payment, status, nowMs, {
    providerReference: intent.reference || payment.providerReference,
    cardBrand: intent.cardBrand || payment.cardBrand,
    declineCode: intent.declineCode,
    capturedMinor: intent.takenMinor,
    receiptUrl: intent.state === "taken" ? intent.receiptUrl : "",
  });
}

function isOldNews(payment: Payment, { state }: Intent): boolean {
  if (isTaken(payment)) return state === "held" || state === "taken";
  // `held`: an answer that was on its way while the money was let go, or money that a shopper had held after all, with
  // another card; whoever sees that lets it go (observe-payment.ts).
  return (payment.status === "voided" || payment.status === "failed") && state !== "taken";
}

/** The provider was asked and has not answered. Nothing changes when it is known by now how the payment stands. */
export function unansweredBy(payment: Payment, call: ProviderCall, nowMs: number): Payment {
  const isOpen = call === "authorize" ? isUnlocated(payment) : !isTaken(payment) && !isOver(payment);
  if (!isOpen || (payment.status === "unknown" && payment.asked === call)) return payment;
  return enter(payment, "unknown", nowMs, { asked: call, voidWanted: payment.voidWanted || call === "void" });
}

/** The provider has answered that this attempt did nothing: the next one has a key of its own. */
export function withNextAttempt(
  payment: Payment,
  refused: { call: ProviderCall; attempt: number },
  nowMs: number,
): Payment {
  const { call, attempt } = refused;
  // What failed can still be closed at the provider (settle-payment.ts).
  const isEnded = isOver(payment) && !(payment.status === "failed" && call === "void");
  if (payment.attempts[call] !== attempt || isEnded || isTaken(payment)) return payment;
  const attempts = { ...payment.attempts, [call]: attempt + 1 };
  if (call !== "authorize") return { ...payment, attempts, updateTimeMs: nowMs };
  if (!isUnlocated(payment)) return payment;
  return enter(payment, payment.voidWanted ? "voided" : "created", nowMs, { attempts });
}

/** Somebody wants it voided. What the provider certainly has nothing of is voided with that. */
export function withVoidWanted(payment: Payment, nowMs: number): Payment {
  if (isUntouched(payment)) return enter(payment, "voided", nowMs, { voidWanted: true });
  if (!isUnlocated(payment) || payment.voidWanted) return payment;
  return { ...payment, voidWanted: true, updateTimeMs: nowMs };
}

/** The provider's idempotency key of the call's present attempt. */
export function providerKey({ paymentId, attempts }: Payment, call: ProviderCall): string {
  return `${paymentId}:${call}:${attempts[call]}`;
}
