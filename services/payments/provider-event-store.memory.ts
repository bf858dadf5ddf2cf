// The provider's events in memory, for the fake and for tests of the use cases.

import type { ProviderEvent } from "./provider-event.ts";
import type { EventEnd, ProviderEventStore } from "./provider-event-store.ts";

type Kept = ProviderEvent & {
  status: "waiting" | EventEnd;
  attempts: number;
  misses: number;
  dueAtMs: number;
  receiveTimeMs: number;
};

export function memoryProviderEventStore(): ProviderEventStore & {
  statusOf(eventId: string): Kept["status"] | undefined;
} {
  const kept = new Map<string, Kept>();
  const sweep = { untilMs: 0, dueAtMs: 0 };
  const inStatus = (status: Kept["status"]) => [...kept.values()].filter((each) => each.status === status);
  return {
    statusOf: (eventId) => kept.get(eventId)?.status,
    async add(event, status, nowMs) {
      if (kept.has(event.eventId)) return false;
      kept.set(event.eventId, {
        ...event,
        status,
        attempts: 0,
        misses: 0,
        dueAtMs: nowMs,
        receiveTimeMs: nowMs,
      });
      return true;
    },
    async claim({ nowMs, leaseMs, limit }) {
      const due = inStatus("waiting")
        .filter(({ dueAtMs }) => dueAtMs <= nowMs)
        .sort((a, b) => a.dueAtMs - b.dueAtMs)
        .slice(0, limit);
      return due.map((each) => {
        each.dueAtMs = nowMs + leaseMs;
        each.attempts += 1;
        const { eventId, type, paymentReference, paymentId, createTimeMs, attempts, misses } = each;
        return { eventId, type, paymentReference, paymentId, createTimeMs, attempts, misses };
      });
    },
    async end(eventIds, status) {
      for (const eventId of eventIds) {
        const found = kept.get(eventId);
        if (found?.status === "waiting") found.status = status;
      }
    },
    async postpone({ eventId, attempts }, { dueAtMs, isMissed }) {
      const found = kept.get(eventId);
      if (found?.attempts !== attempts || found.status !== "waiting") return;
      found.dueAtMs = dueAtMs;
      if (isMissed) found.misses += 1;
    },
    async prune(receivedBeforeMs, limit) {
      const old = [...kept.values()]
        .filter(({ status, receiveTimeMs }) => status !== "waiting" && receiveTimeMs < receivedBeforeMs)
        .sort((a, b) => a.receiveTimeMs - b.receiveTimeMs)
        .slice(0, limit);
      for (const { eventId } of old) kept.delete(eventId);
      return old.length;
    },
    async claimSweep({ nowMs, everyMs }) {
      if (sweep.dueAtMs > nowMs) return undefined;
      sweep.dueAtMs = nowMs + everyMs;
      return sweep.untilMs;
    },
    async swept(untilMs, dueAtMs) {
      Object.assign(sweep, { untilMs, dueAtMs });
    },
    async backlog() {
      const waiting = inStatus("waiting");
      const oldestAtMs =
        waiting.length === 0 ? undefined : Math.min(...waiting.map((each) => each.receiveTimeMs));
      return { waiting: waiting.length, givenUp: inStatus("given_up").length, oldestAtMs };
    },
  };
}
