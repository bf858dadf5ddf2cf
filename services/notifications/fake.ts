// Notifications in memory, for the tests of other services: the same answers over a map instead of Postgres.
// notifications.contract.ts holds it.
//
// It differs from the service, on purpose, in three things: the kit's checks of `access` and of the fields' rules do
// not run; it hears no events, so a test says itself what there is; and it sends nothing.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { NotificationServiceDefinition } from "@webstore/proto/notifications/v1";
import type { Facts } from "./facts.ts";
import type { Notification } from "./notification.ts";
import { memoryNotificationStore } from "./notification-store.memory.ts";
import { rpc } from "./rpc.ts";
import { subjectOf } from "./template.ts";

export type FakeNotifications = HandlersOf<typeof NotificationServiceDefinition> & {
  /** Adds a notification that tells these facts, and gives its id. */
  put(facts: Facts, is?: Partial<Notification>): string;
};

export function fakeNotifications(is: { nowMs?: () => number } = {}): FakeNotifications {
  const { nowMs = Date.now } = is;
  const store = memoryNotificationStore();
  return {
    ...rpc({ store, wakeSender: () => {}, nowMs }),
    put(facts, more = {}) {
      const notificationId = more.notificationId ?? randomUUID();
      const { customerId, orderId } = facts;
      const made = { eventId: randomUUID(), customerId, orderId, facts, subject: subjectOf(facts) };
      store.put({ ...made, createTimeMs: nowMs(), ...more, notificationId });
      return notificationId;
    },
  };
}
