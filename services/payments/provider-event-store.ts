// The events that the provider sent.
//
// Every implementation promises:
//   L1. An event is there once, by its id, whoever adds it and however often at once.
//   L2. An event that waits is claimed by one process at a time, and the claim counts the attempt. What was claimed and
//       not settled is due again when the lease has ended.
//   L3. `misses` counts only what was put off as missed, whatever else became of the other attempts.

import type { ProviderEvent } from "./provider-event.ts";

/** `misses`: how often the provider said that it has no such payment. */
export type ClaimedEvent = ProviderEvent & { readonly attempts: number; readonly misses: number };

/** What became of an event. `ignored`: it is about nothing of ours. */
export type EventEnd = "applied" | "ignored" | "given_up";

export type ProviderEventStore = {
  /** Adds one that waits to be applied, or that needs nothing more. False: it was there. */
  add(event: ProviderEvent, status: "waiting" | EventEnd, nowMs: number): Promise<boolean>;
  /** The longest due first. */
  claim(is: { nowMs: number; leaseMs: number; limit: number }): Promise<ClaimedEvent[]>;
  end(eventIds: readonly string[], status: EventEnd): Promise<void>;
  postpone(event: ClaimedEvent, is: { dueAtMs: number; isMissed: boolean }): Promise<void>;
  /** Forgets at most `limit` that were received before this and wait for nothing; gives how many. */
  prune(receivedBeforeMs: number, limit: number): Promise<number>;
  /**
   * Until when the provider's own list was read, for one process that reads on; it is another's turn after `everyMs`.
   * Undefined: it is not due.
   */
  claimSweep(is: { nowMs: number; everyMs: number }): Promise<number | undefined>;
  /** It was read until then, and is to be read on at `dueAtMs`. */
  swept(untilMs: number, dueAtMs: number): Promise<void>;
  backlog(): Promise<{ waiting: number; givenUp: number; oldestAtMs: number | undefined }>;
};
