// What an operator sees of the notifications: how many wait, since when, and how many were given up.

import type { AddGauge } from "@webstore/kit";
import type { Counts, NotificationStore } from "./notification-store.ts";

export function addGauges(
  gauge: AddGauge,
  { store, nowMs }: { readonly store: Pick<NotificationStore, "count">; readonly nowMs: () => number },
): void {
  // All three are asked for together, so that one query is enough.
  let asked: Promise<Counts> | undefined;
  const counts = () => {
    asked ??= store.count().finally(() => {
      asked = undefined;
    });
    return asked;
  };
  gauge("webstore_notifications_waiting", "Mails that are due, or wait to be tried again.", async () => [
    { value: (await counts()).waiting },
  ]);
  gauge("webstore_notifications_failed", "Mails that were given up and not sent once more.", async () => [
    { value: (await counts()).failed },
  ]);
  gauge("webstore_notifications_oldest_age_seconds", "How long the oldest mail waits.", async () => {
    const { oldestCreateTimeMs } = await counts();
    return [
      { value: oldestCreateTimeMs === undefined ? 0 : Math.max(0, nowMs() - oldestCreateTimeMs) / 1_000 },
    ];
  });
}
