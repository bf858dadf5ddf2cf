// The news of payments that orders has not taken yet. They come into it with the change that they tell of (S2 of
// payment-store.ts).
//
// Every implementation promises:
//   O1. Of one payment, only the oldest that is waiting is ever claimed, by one process at a time.
//   O2. A claim counts the attempt. What was claimed and not settled is due again when the lease has ended.

import type { StatusNotification } from "./status-notification.ts";

export type ClaimedNotification = StatusNotification & { readonly attempts: number };

export type Backlog = {
  readonly waiting: number;
  /** When the oldest of them came to be; undefined: none waits. */
  readonly oldestAtMs: number | undefined;
  /** Those that orders refused for good. */
  readonly refused: number;
};

export type NotificationStore = {
  claim(is: { nowMs: number; leaseMs: number; limit: number }): Promise<ClaimedNotification[]>;
  /** Orders has it. */
  delivered(notification: ClaimedNotification): Promise<void>;
  /** Orders will never take it. */
  refused(notification: ClaimedNotification, reason: string): Promise<void>;
  postpone(notification: ClaimedNotification, dueAtMs: number): Promise<void>;
  backlog(): Promise<Backlog>;
};
