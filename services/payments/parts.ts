// What the use cases work with.

import type { Counter } from "@webstore/kit";
import type { InTurn } from "./in-turn.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { Provider } from "./provider.ts";

export type Parts = {
  readonly store: PaymentStore;
  readonly provider: Provider;
  readonly inTurn: InTurn;
  readonly nowMs: () => number;
  readonly newId: () => string;
  /** Counts what became of payments: {country, method, status}. */
  readonly processed: Counter;
  /** Called after a commit that published. */
  readonly wakeRelay: () => void;
};
