// What an operator watches of payments: what is not known, what orders has not taken, what the provider told and is not
// applied. Each is one query of what is open, however much is over.

import type { Process } from "@webstore/kit";
import type { payments } from "./definition.ts";
import type { NotificationStore } from "./notification-store.ts";
import type { PaymentStore, Unresolved } from "./payment-store.ts";
import type { ProviderEventStore } from "./provider-event-store.ts";

type AddGauge = Process<typeof payments, unknown>["gauge"];

/** Until the first ask is due, a payment is mostly just being worked on. */
const freshMs = 5_000;

export function addGauges(
  gauge: AddGauge,
  is: {
    readonly store: Pick<PaymentStore, "unresolved">;
    readonly notifications: Pick<NotificationStore, "backlog">;
    readonly events: Pick<ProviderEventStore, "backlog">;
    readonly nowMs: () => number;
  },
): void {
  const { store, notifications, events, nowMs } = is;
  const unresolved = () => store.unresolved(nowMs() - freshMs);
  const ageOf = (atMs: number | undefined) => [
    { value: atMs === undefined ? 0 : Math.max(0, nowMs() - atMs) / 1_000 },
  ];

  gauge("webstore_payments_unresolved", "Payments of which not all is known, by status.", async () =>
    (await unresolved()).filter(({ isGivenUp }) => !isGivenUp).map(readingOf),
  );
  gauge("webstore_payments_given_up", "Unresolved payments that nobody asks about any more.", async () =>
    (await unresolved()).filter(({ isGivenUp }) => isGivenUp).map(readingOf),
  );
  gauge("webstore_payments_unresolved_age_seconds", "How long the oldest has been unresolved.", async () => {
    const oldest = (await unresolved()).map(({ oldestSinceMs }) => oldestSinceMs);
    return ageOf(oldest.length === 0 ? undefined : Math.min(...oldest));
  });
  gauge("webstore_payments_notifications", "News for orders, by what became of it.", async () => {
    const { waiting, refused } = await notifications.backlog();
    return byStatus({ waiting, refused });
  });
  gauge("webstore_payments_notification_age_seconds", "How long the oldest news waits.", async () =>
    ageOf((await notifications.backlog()).oldestAtMs),
  );
  gauge("webstore_payments_provider_events", "Events of the provider, by what became of them.", async () => {
    const { waiting, givenUp } = await events.backlog();
    return byStatus({ waiting, given_up: givenUp });
  });
  gauge("webstore_payments_provider_event_age_seconds", "How long the oldest event waits.", async () =>
    ageOf((await events.backlog()).oldestAtMs),
  );
}

const readingOf = ({ status, count }: Unresolved) => ({ labels: { status }, value: count });

const byStatus = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([status, value]) => ({ labels: { status }, value }));
