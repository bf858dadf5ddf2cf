// The notifications. Every implementation promises:
//   S1. A notification is added once; adding it again changes nothing.
//   S2. Of all that claim at a time, one gets a notification, and nobody else does until its lease ends. The claim
//       stands before the claimer hears of it, and counts as an attempt unless its claimer says that it does not.
//   S3. What has been sent stays sent: no later word of anybody changes it. That it was sent is believed of anybody,
//       for then it is true; that an attempt failed, only of the last who claimed it.
//   S4. A list goes from the newest to the oldest, by id within a millisecond.

import type { Write } from "@webstore/kit";
import type { NewNotification, Notification, PagePosition, Status } from "./notification.ts";

export type Filter = {
  readonly orderId: string | undefined;
  readonly customerId: string | undefined;
  /** Any of these; empty: whichever. */
  readonly statuses: readonly Status[];
};

/** How an attempt ended that did not send the mail. */
export type Failed = {
  /** The number of the attempt. */
  readonly attempt: number;
  /** False: the number of attempts goes back by one. */
  readonly counts: boolean;
  readonly reason: string;
  readonly recipientMasked: string;
  /** When to try again; undefined: never. */
  readonly retryAtMs: number | undefined;
};

export type Counts = {
  readonly waiting: number;
  readonly failed: number;
  readonly oldestCreateTimeMs: number | undefined;
};

export type NotificationStore = {
  /** For the commit that also notes the event; its last statement gives a row if the notification was not there yet. With
   *  `leaseUntilMs` it is added as one that the caller has claimed. */
  add(notification: NewNotification, leaseUntilMs?: number): Write;
  /** The due ones, the longest due first; from now until `leaseUntilMs` they are the caller's. */
  claim(is: { nowMs: number; leaseUntilMs: number; limit: number }): Promise<Notification[]>;
  markSent(notificationId: string, is: { sentTimeMs: number; recipientMasked: string }): Promise<void>;
  /** False when somebody else has claimed it since. */
  markFailed(notificationId: string, is: Failed): Promise<boolean>;
  /** Adds a copy under `newId` that is due at once; gives it, or undefined when there is nothing to copy. */
  resend(notificationId: string, is: { newId: string; nowMs: number }): Promise<Notification | undefined>;
  list(filter: Filter, page: { limit: number; after: PagePosition | undefined }): Promise<Notification[]>;
  /** Failed ones that were sent once more do not count: somebody has looked after them. */
  count(): Promise<Counts>;
};
