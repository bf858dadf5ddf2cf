// The stores of a payments process, in what its `store` is: PostgreSQL, where the kit relays the events, or MongoDB, where
// we do.

import type { Process } from "@webstore/kit";
import type { PaymentsConfig } from "./config.ts";
import type { payments } from "./definition.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import type { NotificationStore } from "./notification-store.ts";
import { postgresPaymentStore } from "./payment-store.postgres.ts";
import type { PaymentStore } from "./payment-store.ts";
import { postgresProviderEventStore } from "./provider-event-store.postgres.ts";
import type { ProviderEventStore } from "./provider-event-store.ts";

export type PaymentsProcess = Process<typeof payments, PaymentsConfig>;

export type Stores = {
  readonly store: PaymentStore;
  readonly notifications: NotificationStore;
  readonly events: ProviderEventStore;
  /** Called after a commit that published. */
  readonly wakeRelay: () => void;
  /** Ends the relay, where it is ours; before the bus and the store are closed. */
  stop(): Promise<void>;
};

export async function openStores(process: PaymentsProcess): Promise<Stores> {
  const { store, outbox, wakeRelay } = process;
  if (store.kind === "mongo") {
    // Read where it is used: a laptop's process has no need of it.
    const { openMongoStores } = await import("./open-stores.mongo.ts");
    return openMongoStores(process, store.mongo);
  }
  const { postgres } = store;
  return {
    store: postgresPaymentStore(postgres, outbox),
    notifications: postgresNotificationStore(postgres),
    events: postgresProviderEventStore(postgres),
    wakeRelay,
    stop: async () => {},
  };
}
