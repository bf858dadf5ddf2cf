// For tests of the use cases: a store and a provider in memory that outlive the processes which use
// them, and ways to hurt those.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { openTurns } from "./in-turn.ts";
import { memoryPaymentStore } from "./payment-store.memory.ts";
import type { PaymentStore } from "./payment-store.ts";
import { memoryProvider } from "./provider.memory.ts";
import type { Provider } from "./provider.ts";
import { rpc } from "./rpc.ts";

export type PaymentsProcess = HandlersOf<typeof PaymentServiceDefinition>;

export function shop(is: { fundsMinor?: bigint } = {}) {
  const store = memoryPaymentStore();
  const provider = memoryProvider(is);
  let clockMs = Date.UTC(2030, 0, 1);
  return {
    store,
    provider,
    passHours(hours: number) {
      clockMs += hours * 3_600_000;
    },
    /** A process of its own: it shares nothing with another but the store and the provider. */
    process(hurt: { store?: Partial<PaymentStore>; provider?: Partial<Provider> } = {}): PaymentsProcess {
      const nowMs = () => clockMs;
      return rpc({
        store: { ...store, ...hurt.store },
        provider: { ...provider, ...hurt.provider },
        inTurn: openTurns(nowMs),
        nowMs,
        newId: randomUUID,
        processed: { add() {} },
        wakeRelay: () => {},
      });
    },
  };
}

export type Shop = ReturnType<typeof shop>;

/** A function that waits at a gate, before or after it does what it does. */
export function gated<A extends unknown[], R>(work: (...given: A) => Promise<R>, when: "before" | "after") {
  let open = () => {};
  let arrive = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const call = async (...given: A): Promise<R> => {
    if (when === "after") {
      const result = await work(...given);
      arrive();
      await opened;
      return result;
    }
    arrive();
    await opened;
    return work(...given);
  };
  return { call, arrived, open };
}

/** A call that a killed process had made: it never comes back. */
export const never = (): Promise<never> => new Promise(() => {});

export const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "done",
    (error: { reason?: string; name: string }) => error.reason ?? error.name,
  );
