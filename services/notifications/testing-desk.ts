// What the tests of sending share: a schema, a mail server and a clock of their own.

import { inboxMigrations, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { smtpTransport } from "./mail-transport.smtp.ts";
import type { NewNotification, Notification } from "./notification.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import type { NotificationStore } from "./notification-store.ts";
import { productNames } from "./product-names.ts";
import { type SendOutcome, type SendParts, sendNotification } from "./send-notification.ts";
import { inHandMax } from "./sender.ts";
import { type MailServer, openMailServer } from "./testing-mail-server.ts";
import { customerAt, mugAndLamp, newNotification, orderWith } from "./testing-notifications.ts";

export const address = "ada.lovelace@example.com";
export const leaseMs = 60_000;
export const from = { name: "WebStore", address: "orders@shop.example" };

export type Desk = {
  readonly postgres: Postgres;
  readonly store: NotificationStore;
  readonly server: MailServer;
  /** The clock that everything goes by. */
  readonly clock: { nowMs: number };
  /** The fields of every line that was logged. */
  readonly logged: readonly object[];
  readonly log: SendParts["log"];
  parts(more?: Partial<SendParts>): SendParts;
  added(): Promise<NewNotification>;
  claim(): Promise<Notification[]>;
  /** Claims what is due now and sends it, as a sender does that looks once. */
  sendDue(more?: Partial<SendParts>): Promise<SendOutcome[]>;
  rowOf(is: { readonly notificationId: string }): Promise<Notification>;
  messageIds(): string[];
  close(): Promise<void>;
};

export async function openDesk(): Promise<Desk> {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const postgres = await freshSchema([...inboxMigrations, ...own]);
  const store = postgresNotificationStore(postgres);
  const server = await openMailServer();
  const target = {
    kind: "smtp",
    host: "127.0.0.1",
    secure: false,
    requireTls: false,
    login: undefined,
  } as const;
  const transport = smtpTransport({ ...target, port: server.port }, { connectionsMax: inHandMax });
  const clock = { nowMs: Date.parse("2025-11-21T10:00:00Z") };
  const logged: object[] = [];
  const note = (line: object) => void logged.push(line);
  const log = { warn: note, error: note };
  const parts = (more: Partial<SendParts> = {}): SendParts => ({
    identity: customerAt(address),
    namesOf: productNames({ orders: orderWith(mugAndLamp) }),
    store,
    transport,
    from,
    nowMs: () => clock.nowMs,
    delayMs: async () => {},
    log,
    ...more,
  });
  const leaseUntilMs = () => clock.nowMs + leaseMs;
  const claim = () => store.claim({ nowMs: clock.nowMs, leaseUntilMs: leaseUntilMs(), limit: inHandMax });
  return {
    ...{ postgres, store, server, clock, logged, log, parts, claim },
    async added() {
      const notification = newNotification(clock.nowMs);
      await postgres.commit(store.add(notification));
      return notification;
    },
    async sendDue(more) {
      const claimed = await claim();
      return Promise.all(claimed.map((each) => sendNotification(each, leaseUntilMs(), parts(more))));
    },
    async rowOf({ notificationId }) {
      const filter = { orderId: undefined, customerId: undefined, statuses: [] };
      const found = await store.list(filter, { limit: 100, after: undefined });
      const row = found.find((each) => each.notificationId === notificationId);
      if (row === undefined) throw new Error(`there is no notification ${notificationId}`);
      return row;
    },
    messageIds: () => server.taken.map(({ mail }) => mail.messageId ?? ""),
    async close() {
      transport.close();
      await server.close();
      await postgres.close();
    },
  };
}
