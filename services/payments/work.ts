// What a payments process does by itself: it asks about payments that are due, applies the provider's events, reads those
// that never came, and tells orders the news. And the use cases' parts, which wake that work.

import type { Telemetry } from "@webstore/kit";
import { type ApplyParts, applyProviderEvents, pruneProviderEvents } from "./apply-provider-events.ts";
import { type NotifyParts, notifyOrders } from "./notify-orders.ts";
import type { EventParts } from "./receive-provider-event.ts";
import { resolveDue } from "./resolve-due.ts";
import { sweepProviderEvents } from "./sweep-provider-events.ts";
import { startWorker, type Worker } from "./worker.ts";

export type WorkParts = Omit<EventParts, "wakeNotifier" | "wakeEvents" | "log"> &
  NotifyParts &
  Pick<ApplyParts, "log"> & {
    readonly telemetry: Pick<Telemetry, "span">;
    /** How often the provider's own list of events is read. */
    readonly sweepEveryMs: number;
  };

/** How long what a killed process has left waits to be seen. */
const pollMs = { resolutions: 1_000, events: 1_000, notifications: 1_000 };
const pruneEveryMs = 3_600_000;

export type Work = {
  readonly parts: WorkParts & EventParts;
  stop(): Promise<void>;
};

export function startWork(given: WorkParts): Work {
  const { log, telemetry } = given;
  let notifier: Worker | undefined;
  let applier: Worker | undefined;
  const parts: WorkParts & EventParts = {
    ...given,
    wakeNotifier: () => notifier?.wake(),
    wakeEvents: () => applier?.wake(),
  };
  const start = (name: keyof typeof pollMs, round: () => Promise<boolean>) =>
    startWorker({ name, log, pollMs: pollMs[name], round });
  const everyMs = given.sweepEveryMs;
  notifier = start("notifications", () => notifyOrders(parts));
  applier = start("events", () => applyProviderEvents(parts));
  const resolver = start("resolutions", () => resolveDue(parts, telemetry));
  const sweep = () => sweepProviderEvents(parts, { everyMs });
  const sweeper = startWorker({ name: "sweep", log, pollMs: everyMs, round: sweep });
  const prune = () => pruneProviderEvents(parts);
  const pruner = startWorker({ name: "pruning", log, pollMs: pruneEveryMs, round: prune });
  const workers = [notifier, applier, resolver, sweeper, pruner];
  return {
    parts,
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}
