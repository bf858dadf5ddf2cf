// What the use cases work with.

import type { Counter, Log } from "@webstore/kit";
import type { InTurn } from "./in-turn.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { Provider } from "./provider.ts";
import type { RecentPayments } from "./recent-payments.ts";

export type Parts = {
  readonly store: PaymentStore;
  readonly provider: Provider;
  readonly inTurn: InTurn;
  /** Payments that this process has just changed. */
  readonly recent: RecentPayments;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  readonly nowMs: () => number;
  readonly newId: () => string;
  /** Counts what became of payments: {country, method, status}. */
  readonly processed: Counter;
  /** Counts what came of asking in the background: {outcome}. */
  readonly resolutions: Counter;
  /** Counts what came of the provider's events: {outcome}. */
  readonly received: Counter;
  /** Whether what is done now is the answer of a call of orders; false in the background. */
  readonly isAnswer: boolean;
  /** Called after a commit that published. */
  readonly wakeRelay: () => void;
  /** Called after a commit with news for orders. */
  readonly wakeNotifier: () => void;
  /** Called after an event of the provider was stored. */
  readonly wakeEvents: () => void;
};
