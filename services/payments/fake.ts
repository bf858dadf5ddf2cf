// Payments in memory, for the tests of other services: the same use cases over a store and a provider in memory.
// payments.contract.ts holds it and the service to the same promises.
//
// It differs from the service, on purpose, in three things: the kit's checks of `access` and of the fields' rules do not
// run; its events go nowhere; and what cards do is read from their tokens (provider.memory.ts).

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { openTurns } from "./in-turn.ts";
import { memoryPaymentStore } from "./payment-store.memory.ts";
import { type MemoryProvider, memoryProvider } from "./provider.memory.ts";
import { rpc } from "./rpc.ts";

export type FakePayments = HandlersOf<typeof PaymentServiceDefinition> &
  Pick<MemoryProvider, "standing" | "loseAnswers" | "setReachable">;

/** `fundsMinor`: what all cards together can pay; without it there is no end to their funds. */
export function fakePayments(
  is: { fundsMinor?: bigint; nowMs?: () => number; newId?: () => string } = {},
): FakePayments {
  const { nowMs = Date.now, newId = randomUUID as () => string, ...funds } = is;
  const provider = memoryProvider(funds);
  const { standing, loseAnswers, setReachable } = provider;
  const handlers = rpc({
    store: memoryPaymentStore(),
    provider,
    inTurn: openTurns(nowMs),
    nowMs,
    newId,
    processed: { add() {} },
    wakeRelay: () => {},
  });
  return { ...handlers, standing, loseAnswers, setReachable };
}
