// The stores of a payments process in MongoDB, with the relay of their events.

import { addOutboxGauges, type Mongo } from "@webstore/kit";
import { mongoNotificationStore } from "./notification-store.mongo.ts";
import type { PaymentsProcess, Stores } from "./open-stores.ts";
import { openPaymentDocuments } from "./payment-document.mongo.ts";
import { openLease, startPaymentRelay } from "./payment-outbox.mongo.ts";
import { mongoPaymentStore } from "./payment-store.mongo.ts";
import { mongoProviderEventStore, openProviderEvents } from "./provider-event-store.mongo.ts";

export async function openMongoStores(
  { bus, log, gauge, nowMs, newId }: Pick<PaymentsProcess, "bus" | "log" | "gauge" | "nowMs" | "newId">,
  mongo: Mongo,
): Promise<Stores> {
  const documents = await openPaymentDocuments(mongo);
  const lease = await openLease(mongo);
  const events = await openProviderEvents(mongo, nowMs());
  const relay = startPaymentRelay({ documents, lease, bus, log, nowMs, holder: newId() });
  addOutboxGauges(gauge, relay);
  return {
    store: mongoPaymentStore(documents, { nowMs, newId }),
    notifications: mongoNotificationStore(documents),
    events: mongoProviderEventStore(events),
    wakeRelay: relay.wake,
    stop: relay.stop,
  };
}
