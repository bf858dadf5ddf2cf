// The news for orders in Postgres.

import type { Postgres, Write } from "@webstore/kit";
import type { NotificationStore } from "./notification-store.ts";
import type { PaymentStatus } from "./payment.ts";
import type { StatusNotification } from "./status-notification.ts";

const noteText = `
  insert into status_notifications (notification_id, payment_id, payment_version, order_id, status, refunded_minor,
    occurred_at, due_at)
  values ($1, $2, $3, $4, $5, $6, $7, $7)`;

const claimText = `
  with due as (
    select notification_id from status_notifications as this
    where due_at <= $1 and not exists (
      select from status_notifications as earlier
      where earlier.payment_id = this.payment_id and earlier.payment_version < this.payment_version
        and earlier.due_at is not null)
    order by due_at limit $3 for update skip locked
  )
  update status_notifications as this set due_at = $2, attempts = attempts + 1
  from due where this.notification_id = due.notification_id and this.due_at <= $1
  returning this.notification_id, payment_id, payment_version, order_id, status, refunded_minor, occurred_at, attempts`;

const deliveredText = "delete from status_notifications where notification_id = $1";
const refusedText =
  "update status_notifications set due_at = null, refused_for = $2 where notification_id = $1 and due_at is not null";
const postponeText = `
  update status_notifications set due_at = $3
  where notification_id = $1 and attempts = $2 and due_at is not null`;
const backlogText = `
  select count(*) filter (where due_at is not null)::int as waiting,
    min(occurred_at) filter (where due_at is not null) as oldest,
    count(*) filter (where due_at is null)::int as refused
  from status_notifications`;

type Row = {
  notification_id: string;
  payment_id: string;
  payment_version: number;
  order_id: string;
  status: PaymentStatus;
  refunded_minor: bigint;
  occurred_at: Date;
  attempts: number;
};

/** Puts it in, together with the change that it tells of. */
export function noteWrite(is: StatusNotification): Write {
  const { notificationId, paymentId, paymentVersion, orderId, status, refundedMinor } = is;
  const given = [notificationId, paymentId, paymentVersion, orderId, status, refundedMinor];
  return [{ name: "notification_note", text: noteText, values: [...given, new Date(is.occurredAtMs)] }];
}

export function postgresNotificationStore(postgres: Postgres): NotificationStore {
  return {
    async claim({ nowMs, leaseMs, limit }) {
      const values = [new Date(nowMs), new Date(nowMs + leaseMs), limit];
      const rows = await postgres.query<Row>(claimText, values, "notification_claim");
      return rows.map((row) => ({
        notificationId: row.notification_id,
        paymentId: row.payment_id,
        paymentVersion: row.payment_version,
        orderId: row.order_id,
        status: row.status,
        refundedMinor: row.refunded_minor,
        occurredAtMs: row.occurred_at.getTime(),
        attempts: row.attempts,
      }));
    },
    async delivered({ notificationId }) {
      const values = [notificationId];
      await postgres.commit([{ name: "notification_delivered", text: deliveredText, values }]);
    },
    async refused({ notificationId }, reason) {
      const values = [notificationId, reason];
      await postgres.commit([{ name: "notification_refused", text: refusedText, values }]);
    },
    async postpone({ notificationId, attempts }, dueAtMs) {
      const values = [notificationId, attempts, new Date(dueAtMs)];
      await postgres.commit([{ name: "notification_postpone", text: postponeText, values }]);
    },
    async backlog() {
      const [row] = await postgres.query<{ waiting: number; oldest: Date | null; refused: number }>(
        backlogText,
        [],
        "notification_backlog",
      );
      const { waiting = 0, oldest = null, refused = 0 } = row ?? {};
      return { waiting, oldestAtMs: oldest?.getTime(), refused };
    },
  };
}
