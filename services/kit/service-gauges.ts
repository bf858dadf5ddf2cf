// The gauges that every service has for what the kit does for it, as Prometheus names them.

import type { Breaker } from "./breaker.ts";
import type { Bus, Subscription } from "./bus.ts";
import type { AddGauge } from "./gauge.ts";
import type { Relay } from "./outbox.ts";
import type { Postgres } from "./postgres.ts";
import { countUnfinished } from "./saga-count.ts";

const breakerOpen = 2;

export function addOutboxGauges(gauge: AddGauge, relay: Pick<Relay, "backlog">): void {
  // Both gauges are asked for together, so that one query is enough.
  let asked: Promise<{ rows: number; oldestAgeMs: number }> | undefined;
  const backlog = () => {
    asked ??= relay.backlog().finally(() => {
      asked = undefined;
    });
    return asked;
  };
  gauge(
    "webstore_outbox_backlog",
    "Events that are committed and not yet on the bus, up to 10,000.",
    async () => [{ value: (await backlog()).rows }],
  );
  gauge("webstore_outbox_oldest_age_seconds", "How long the oldest event waits for the bus.", async () => [
    { value: (await backlog()).oldestAgeMs / 1_000 },
  ]);
}

/** The same bus; what is subscribed to through it shows its lag for as long as it is. */
export function withLagGauge(gauge: AddGauge, bus: Bus): Bus {
  const subscriptions = new Map<Subscription, { topic: string; group: string }>();
  gauge("webstore_consumer_lag", "Messages published and not yet consumed, by topic and group.", () =>
    Promise.all(
      [...subscriptions].map(async ([subscription, labels]) => ({ labels, value: await subscription.lag() })),
    ),
  );
  return {
    ...bus,
    async subscribe(is) {
      const subscription = await bus.subscribe(is);
      subscriptions.set(subscription, { topic: is.topic, group: is.group });
      const stop = () => {
        subscriptions.delete(subscription);
        return subscription.stop();
      };
      return { ...subscription, stop };
    },
  };
}

export function addBreakerGauge(gauge: AddGauge, breakers: Readonly<Record<string, Breaker>>): void {
  gauge("webstore_breaker_open", "1 while nothing is sent to the callee, by callee.", () =>
    Object.entries(breakers).map(([callee, breaker]) => ({
      labels: { callee },
      value: breaker.state() === breakerOpen ? 1 : 0,
    })),
  );
}

export function addSagaGauge(gauge: AddGauge, postgres: Postgres): void {
  gauge(
    "webstore_sagas_unfinished",
    "Sagas that have not ended, by name and status: running, waiting, compensating or stuck.",
    () => countUnfinished(postgres),
  );
}
