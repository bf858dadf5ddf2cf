// What of a payment's changes is news to orders. They are read off the change itself, so no path can forget to tell.
//
// Orders hears of authorizing, capturing and voiding as the answer of its own calls. What it cannot hear so: money that
// went back, disputes and their end, and what came of a payment that its own call left open.

import { uuidOf } from "@webstore/kit";
import type { Payment, PaymentStatus } from "./payment.ts";

export type StatusNotification = {
  readonly notificationId: string;
  readonly paymentId: string;
  /** The payment's, after the change: notifications of one payment are delivered in its order. */
  readonly paymentVersion: number;
  readonly orderId: string;
  readonly status: PaymentStatus;
  /** What of the payment went back in all. */
  readonly refundedMinor: bigint;
  readonly occurredAtMs: number;
};

const openStatuses: ReadonlySet<PaymentStatus> = new Set(["unknown", "requires_action"]);
const outcomes: ReadonlySet<PaymentStatus> = new Set(["authorized", "captured", "voided", "failed"]);

/** `isAnswer`: the change is the answer of a call that orders waits for. `after` is the change to version + 1. */
export function newsOf(before: Payment, after: Payment, isAnswer: boolean): StatusNotification | undefined {
  const isReturned = after.refundedMinor > before.refundedMinor;
  const isAboutDispute =
    after.status !== before.status && (after.status === "disputed" || before.status === "disputed");
  const isOutcome = !isAnswer && openStatuses.has(before.status) && outcomes.has(after.status);
  if (!isReturned && !isAboutDispute && !isOutcome) return undefined;
  const { paymentId, orderId, status, refundedMinor, updateTimeMs } = after;
  const paymentVersion = before.version + 1;
  return {
    notificationId: uuidOf(paymentId, "status", String(paymentVersion)),
    paymentId,
    paymentVersion,
    orderId,
    status,
    refundedMinor,
    occurredAtMs: updateTimeMs,
  };
}
