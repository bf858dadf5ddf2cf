// A notification: what a customer is to be told once, and when the telling is tried again. Pure.
//
// Invariants:
//   N1. One event is one notification for one customer, and its id is computed from the two: whoever notes the event
//       again has the same one.
//   N2. A mail's Message-ID is computed from the notification's id, so every copy of a mail has the same.
//   N3. An address is shown masked, and kept in no other form.

import { uuidOf } from "@webstore/kit";
import type { Facts } from "./facts.ts";

/** `sending`: a process has taken it on, and nobody else does before its lease ends. */
export const statuses = ["pending", "sending", "sent", "failed"] as const;
export type Status = (typeof statuses)[number];

export type Notification = {
  readonly notificationId: string;
  readonly eventId: string;
  readonly customerId: string;
  readonly orderId: string;
  readonly facts: Facts;
  readonly subject: string;
  /** Empty until an attempt knew it. */
  readonly recipientMasked: string;
  readonly status: Status;
  /** Those that have begun, without those that did not count. */
  readonly attempts: number;
  /** Why the last attempt failed; empty when it did not. */
  readonly errorReason: string;
  readonly createTimeMs: number;
  readonly sentTimeMs: number | undefined;
};

/** What a new notification is made of. */
export type NewNotification = Pick<
  Notification,
  "notificationId" | "eventId" | "customerId" | "orderId" | "facts" | "subject" | "createTimeMs"
>;

/** As it is stored when whoever adds it claims it. */
export const claimedAsNew = (notification: NewNotification): Notification => ({
  ...notification,
  recipientMasked: "",
  status: "sending",
  attempts: 1,
  errorReason: "",
  sentTimeMs: undefined,
});

export function notificationIdOf(eventId: string, customerId: string): string {
  return uuidOf("notification", eventId, customerId);
}

/** The same resending of the same notification is one, however often it is asked for. */
export function resendIdOf(notificationId: string, resendId: string): string {
  return uuidOf("resend", notificationId, resendId);
}

/** `from` is the sender's address: its domain vouches that the id is nobody else's. */
export function messageIdOf(notificationId: string, from: string): string {
  return `<${notificationId}@${from.slice(from.lastIndexOf("@") + 1)}>`;
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const quickRetriesMs = [secondMs, 2 * secondMs, 4 * secondMs, 30 * secondMs, 5 * minuteMs];
const quickSumMs = quickRetriesMs.reduce((sum, each) => sum + each, 0);

/** The waits between the attempts: quick ones first, then hourly ones up to a day. */
export const retriesMs: readonly number[] = [
  ...quickRetriesMs,
  ...Array.from({ length: Math.floor((dayMs - quickSumMs) / hourMs) }, () => hourMs),
];
export const attemptsMax = retriesMs.length + 1;

/** How long to wait after the attempt of this number; undefined when it was the last. */
export function retryAfterMs(attempt: number): number | undefined {
  return retriesMs[attempt - 1];
}

/** How long to wait at most when a service of ours could not even be asked. */
export const unaskedWaitMsMax = minuteMs;

/** One address, and nothing that a mail server or a header could take for more than that. */
export const isAddress = (text: string): boolean =>
  text.length <= 254 &&
  /^[^\s\p{Cc}\p{Cf}@<>()[\],;:\\"]+@[^\s\p{Cc}\p{Cf}@<>()[\],;:\\"]+\.[^\s\p{Cc}\p{Cf}@<>()[\],;:\\".]+$/u.test(
    text,
  );

/** `a***@example.com`. */
export function masked(address: string): string {
  const at = address.lastIndexOf("@");
  const [first = ""] = address;
  return at > 0 ? `${first}***${address.slice(at)}` : "***";
}

/** The last of a page; the next page begins behind it. */
export type PagePosition = { readonly createTimeMs: number; readonly notificationId: string };
