// For tests of the use cases: a store and a provider in memory that outlive the processes which use
// them, and ways to hurt those.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import { unrecordedTelemetry } from "@webstore/kit/testing";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { applyProviderEvents } from "./apply-provider-events.ts";
import { openTurns } from "./in-turn.ts";
import { memoryNotificationStore } from "./notification-store.memory.ts";
import { type NotifyParts, notifyOrders } from "./notify-orders.ts";
import { memoryPaymentStore } from "./payment-store.memory.ts";
import type { PaymentStore } from "./payment-store.ts";
import { memoryProvider } from "./provider.memory.ts";
import type { Provider } from "./provider.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { memoryProviderEventStore } from "./provider-event-store.memory.ts";
import type { EventParts } from "./receive-provider-event.ts";
import { recentPayments } from "./recent-payments.ts";
import { resolveDue } from "./resolve-due.ts";
import { rpc } from "./rpc.ts";
import { byOrder, invoice } from "./testing.ts";

export type PaymentsProcess = HandlersOf<typeof PaymentServiceDefinition>;

/** What goes wrong in one process. */
export type Hurt = {
  store?: Partial<PaymentStore>;
  provider?: Partial<Provider>;
  log?: EventParts["log"];
};

const nothing = () => {};
export const silentLog: EventParts["log"] = { info: nothing, warn: nothing, error: nothing };
const untraced = unrecordedTelemetry("test");

export function shop(is: { fundsMinor?: bigint } = {}) {
  const notifications = memoryNotificationStore();
  const store = memoryPaymentStore(notifications);
  const events = memoryProviderEventStore();
  const provider = memoryProvider(is);
  let clockMs = Date.UTC(2030, 0, 1);
  const nowMs = () => clockMs;
  /** A process of its own: it shares nothing with another but the stores and the provider. */
  const partsOf = (hurt: Hurt): EventParts => ({
    store: { ...store, ...hurt.store },
    provider: { ...provider, ...hurt.provider },
    events,
    webhookSecrets: ["whsec_webstore"],
    inTurn: openTurns(nowMs),
    recent: recentPayments(nowMs),
    log: hurt.log ?? silentLog,
    nowMs,
    newId: randomUUID,
    processed: { add: nothing },
    resolutions: { add: nothing },
    received: { add: nothing },
    isAnswer: true,
    wakeRelay: nothing,
    wakeNotifier: nothing,
    wakeEvents: nothing,
  });
  return {
    store,
    provider,
    notifications,
    events,
    nowMs,
    passMs(ms: number) {
      clockMs += ms;
    },
    passHours(hours: number) {
      clockMs += hours * 3_600_000;
    },
    partsOf,
    process: (hurt: Hurt = {}): PaymentsProcess => rpc(partsOf(hurt)),
    /** What a process does by itself, one round of it. */
    resolve: (hurt: Hurt = {}) => resolveDue(partsOf(hurt), untraced),
    apply: (hurt: Hurt = {}) => applyProviderEvents({ ...partsOf(hurt), telemetry: untraced }),
    /** Tells of the payment what the provider would, without a signature. */
    tell: (event: ProviderEvent) => events.add(event, "waiting", nowMs()),
    notify: (orders: NotifyParts["orders"], log = silentLog) =>
      notifyOrders({ notifications, orders, telemetry: untraced, log, nowMs }),
  };
}

export type Shop = ReturnType<typeof shop>;

/** A payment that was taken, and what asks for all of it back. */
export async function capturedPayment(at: Shop) {
  const asked = invoice();
  await at.process().createPayment(asked);
  const which = byOrder(asked.orderId);
  await at.process().capturePayment(which);
  const refundId = randomUUID();
  return { which, refundId, refund: { ...which, amount: undefined, refundId, reason: "" } };
}

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
