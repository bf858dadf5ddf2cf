// Money given back of a payment. All of it is pure.
//
// Invariants:
//   R1. What was refunded and what is asked for together never exceed what was captured: an amount counts from
//       the moment that it is asked for until the provider has refused it. Only what somebody gives back at the provider
//       itself is not asked for first; what is asked for and does not fit any more is then refused there.
//   R2. A refund is asked for under its own key; the attempt is counted up only when the provider has refused it, or
//       has said that it came back.
//   R3. What was refunded is never less than before. A refund that the provider gave and that came back, because the
//       card's bank did not take it, is `owed`: it counts, and is asked for again.
//   R4. `refused` is only what its caller was told so. A refund that was answered as asked for does not vanish: what it
//       is refused for later may pass, and then it stays asked for, under the next key; or it is final, and then it is
//       `failed`, which frees its amount and is left to a person (resolution.ts).

import { enter, type Payment, type PaymentStatus } from "./payment.ts";

export type Refund = {
  readonly refundId: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly status: "asked" | "settled" | "refused" | "owed" | "failed";
  /** The provider's id of it. While it is asked for: the provider has taken it up and is still at it. */
  readonly providerReference: string;
  readonly attempt: number;
  readonly createTimeMs: number;
};

/** How the provider says that one of its refunds stands. */
export type ProviderRefund = {
  readonly reference: string;
  /** Ours, and the attempt that made it; empty and 0 when it was not made by us. */
  readonly refundId: string;
  readonly attempt: number;
  readonly amountMinor: bigint;
  readonly state: "pending" | "succeeded" | "failed";
};

/**
 * How a refusal of the provider is taken. `told`: its caller asked just now and hears of it. Nobody does of the others:
 * one may `pass`, the other is `final`.
 */
export type RefundRefusal = "told" | "passing" | "final";

/** How many refunds a payment can have, so that its record stays small. */
export const refundsMax = 100;

export function findRefund({ refunds }: Payment, refundId: string): Refund | undefined {
  return refunds.find((refund) => refund.refundId === refundId);
}

/** What can still be given back. */
export function refundableMinor({ capturedMinor, refundedMinor, refunds }: Payment): bigint {
  let leftMinor = capturedMinor - refundedMinor;
  for (const { status, amountMinor } of refunds) if (status === "asked") leftMinor -= amountMinor;
  return leftMinor > 0n ? leftMinor : 0n;
}

/** Where a payment of which this much was taken and given back stands, when nobody disputes it. */
export function statusByRefunds({
  capturedMinor,
  refundedMinor,
}: Pick<Payment, "capturedMinor" | "refundedMinor">): PaymentStatus {
  if (refundedMinor === 0n) return "captured";
  return refundedMinor === capturedMinor ? "refunded" : "partially_refunded";
}

/** With the refund asked for: a new one, or the next attempt of one that was refused or failed. */
export function withRefundAsked(
  payment: Payment,
  is: { refundId: string; amountMinor: bigint; reason: string },
  nowMs: number,
): Payment {
  if (is.amountMinor <= 0n || is.amountMinor > refundableMinor(payment)) {
    throw new Error(`payment ${payment.paymentId}: more than is left cannot be refunded`);
  }
  const before = findRefund(payment, is.refundId);
  const refund: Refund = {
    ...is,
    status: "asked",
    providerReference: "",
    attempt: (before?.attempt ?? 0) + 1,
    // A new attempt has a new key, whose age counts from now.
    createTimeMs: nowMs,
  };
  const refunds = before === undefined ? [...payment.refunds, refund] : replaced(payment, refund);
  return { ...payment, refunds, updateTimeMs: nowMs };
}

/** The provider has taken it up, and does not know yet whether the card's bank takes it. */
export function withRefundPending(
  payment: Payment,
  refundId: string,
  reference: string,
  nowMs: number,
): Payment {
  const refund = findRefund(payment, refundId);
  const isOpen = refund?.status === "asked" || refund?.status === "owed";
  if (!isOpen || refund.providerReference === reference) return payment;
  const refunds = replaced(payment, { ...refund, providerReference: reference });
  return { ...payment, refunds, updateTimeMs: nowMs };
}

/** Also one that was thought refused or failed: what the provider has given is given. */
export function withRefundSettled(
  payment: Payment,
  refundId: string,
  reference: string,
  nowMs: number,
): Payment {
  const refund = findRefund(payment, refundId);
  if (refund === undefined || refund.status === "settled") return payment;
  const settled: Refund = { ...refund, status: "settled", providerReference: reference };
  if (refund.status === "owed") {
    return { ...payment, refunds: replaced(payment, settled), updateTimeMs: nowMs };
  }
  return given(payment, settled, nowMs);
}

/** The provider refused it (R4). One that is owed goes on being so, under the next key. */
export function withRefundRefused(
  payment: Payment,
  refundId: string,
  refusal: RefundRefusal,
  nowMs: number,
): Payment {
  const refund = findRefund(payment, refundId);
  if (refund?.status === "owed") return again(payment, refund, nowMs);
  if (refund?.status !== "asked") return payment;
  if (refusal === "passing") return again(payment, refund, nowMs);
  const status = refusal === "told" ? "refused" : "failed";
  return { ...payment, refunds: replaced(payment, { ...refund, status }), updateTimeMs: nowMs };
}

/** A refund that nobody asked us for: made at the provider itself, or by a dispute that was lost. */
export function withRefundFound(
  payment: Payment,
  is: Pick<Refund, "refundId" | "amountMinor" | "reason" | "providerReference">,
  nowMs: number,
): Payment {
  const leftMinor = payment.capturedMinor - payment.refundedMinor;
  if (findRefund(payment, is.refundId) !== undefined || leftMinor === 0n) return payment;
  const amountMinor = is.amountMinor < leftMinor ? is.amountMinor : leftMinor;
  return given(payment, { ...is, amountMinor, status: "settled", attempt: 1, createTimeMs: nowMs }, nowMs);
}

function given(payment: Payment, settled: Refund, nowMs: number): Payment {
  const refundedMinor = payment.refundedMinor + settled.amountMinor;
  if (refundedMinor > payment.capturedMinor) {
    throw new Error(`payment ${payment.paymentId}: more was given back than was taken`);
  }
  const isKnown = findRefund(payment, settled.refundId) !== undefined;
  const refunds = isKnown ? replaced(payment, settled) : [...payment.refunds, settled];
  const status = payment.status === "disputed" ? "disputed" : statusByRefunds({ ...payment, refundedMinor });
  return enter(payment, status, nowMs, { refundedMinor, refunds });
}

/**
 * The payment once the provider has said how its refunds stand. `idOf` gives one that it did not get from us an id. An
 * older attempt that failed says nothing of the present one.
 */
export function settledByRefunds(
  payment: Payment,
  found: readonly ProviderRefund[],
  idOf: (reference: string) => string,
  nowMs: number,
): Payment {
  return found.reduce((current, each) => settledByRefund(current, each, idOf, nowMs), payment);
}

function settledByRefund(
  payment: Payment,
  found: ProviderRefund,
  idOf: (reference: string) => string,
  nowMs: number,
): Payment {
  const { reference, amountMinor } = found;
  const ours =
    payment.refunds.find(({ providerReference }) => providerReference === reference) ??
    payment.refunds.find(
      (each) =>
        each.providerReference === "" && each.refundId === found.refundId && each.attempt === found.attempt,
    );
  if (ours === undefined) {
    const is = { refundId: idOf(reference), amountMinor, reason: "", providerReference: reference };
    return found.state === "succeeded" ? withRefundFound(payment, is, nowMs) : payment;
  }
  if (found.state === "succeeded") return withRefundSettled(payment, ours.refundId, reference, nowMs);
  if (found.state === "pending") return withRefundPending(payment, ours.refundId, reference, nowMs);
  if (ours.status === "settled") return again(payment, { ...ours, status: "owed" }, nowMs);
  return withRefundRefused(payment, ours.refundId, "passing", nowMs);
}

/** To be asked for under the next key. */
function again(payment: Payment, refund: Refund, nowMs: number): Payment {
  const next = { providerReference: "", attempt: refund.attempt + 1, createTimeMs: nowMs };
  const refunds = replaced(payment, { ...refund, ...next });
  return { ...payment, refunds, updateTimeMs: nowMs };
}

function replaced({ refunds }: Payment, by: Refund): Refund[] {
  return refunds.map((refund) => (refund.refundId === by.refundId ? by : refund));
}

export function refundKey({ paymentId }: Payment, { refundId, attempt }: Refund): string {
  return `${paymentId}:refund:${refundId}:${attempt}`;
}
