// Payments in memory, for the tests of other services: the same use cases over a store and a provider in memory.
// payments.contract.ts holds it and the service to the same promises.
//
// It differs from the service, on purpose, in four things: the kit's checks of `access` and of the fields' rules do not
// run; its events go nowhere; what cards do is read from their tokens (provider.memory.ts); and nothing happens by
// itself. What the provider would tell by an event (`confirm`, `openDispute` and so on) is known at once, what is
// unknown stays so until somebody asks, and news for orders waits for `deliver`.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { UpdateOrderPaymentStatusRequest } from "@webstore/proto/orders/v1";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { findPayment } from "./change-payment.ts";
import { openTurns } from "./in-turn.ts";
import { memoryNotificationStore } from "./notification-store.memory.ts";
import { notificationMessage } from "./notify-orders.ts";
import { observePayment } from "./observe-payment.ts";
import { memoryPaymentStore } from "./payment-store.memory.ts";
import { type MemoryProvider, memoryProvider } from "./provider.memory.ts";
import { memoryProviderEventStore } from "./provider-event-store.memory.ts";
import type { EventParts } from "./receive-provider-event.ts";
import { recentPayments } from "./recent-payments.ts";
import { rpc } from "./rpc.ts";

export type FakePayments = HandlersOf<typeof PaymentServiceDefinition> &
  Pick<MemoryProvider, "standing" | "loseAnswers" | "setReachable"> & {
    /** The shopper answers the bank's question. */
    confirm(orderId: string, outcome: "succeeded" | "failed"): Promise<void>;
    /** The shopper's bank demands all of it back. */
    openDispute(orderId: string): Promise<void>;
    closeDispute(orderId: string, outcome: "won" | "lost"): Promise<void>;
    /** Somebody gives money back at the provider itself. */
    refundThere(orderId: string, amountMinor: bigint): Promise<void>;
    /**
     * Gives the news for orders to `send`, the oldest first, until there is none; what it throws is thrown, and that
     * notification comes again. Gives how many were delivered.
     */
    deliver(send: (notification: UpdateOrderPaymentStatusRequest) => Promise<unknown>): Promise<number>;
  };

/** `fundsMinor`: what all cards together can pay; without it there is no end to their funds. */
export function fakePayments(
  is: { fundsMinor?: bigint; nowMs?: () => number; newId?: () => string } = {},
): FakePayments {
  const { nowMs = Date.now, newId = randomUUID as () => string, ...funds } = is;
  const provider = memoryProvider(funds);
  const { standing, loseAnswers, setReachable } = provider;
  const notifications = memoryNotificationStore();
  const nothing = () => {};
  const parts: EventParts = {
    store: memoryPaymentStore(notifications),
    events: memoryProviderEventStore(),
    webhookSecrets: ["whsec_webstore"],
    provider,
    inTurn: openTurns(nowMs),
    recent: recentPayments(nowMs),
    log: { info: nothing, warn: nothing, error: nothing },
    nowMs,
    newId,
    processed: { add: nothing },
    resolutions: { add: nothing },
    received: { add: nothing },
    isAnswer: true,
    wakeRelay: nothing,
    wakeNotifier: nothing,
    wakeEvents: nothing,
  };
  const happen = async (orderId: string, what: (reference: string) => void) => {
    const payment = await findPayment(parts, { orderId });
    what(payment.providerReference);
    await observePayment({ ...parts, isAnswer: false }, payment, { isAboutReturns: true });
  };
  return {
    ...rpc(parts),
    standing,
    loseAnswers,
    setReachable,
    confirm: (orderId, outcome) => happen(orderId, (reference) => provider.confirm(reference, outcome)),
    openDispute: (orderId) => happen(orderId, provider.openDispute),
    closeDispute: (orderId, outcome) =>
      happen(orderId, (reference) => provider.closeDispute(reference, outcome)),
    refundThere: (orderId, amountMinor) =>
      happen(orderId, (reference) => provider.refundThere(reference, amountMinor)),
    async deliver(send) {
      for (let count = 0; ; count += 1) {
        // Whenever it is due: nobody waits in a test.
        const claim = { nowMs: Number.MAX_SAFE_INTEGER, leaseMs: 0, limit: 1 };
        const [next] = await notifications.claim(claim);
        if (next === undefined) return count;
        await send(notificationMessage(next));
        await notifications.delivered(next);
      }
    },
  };
}
