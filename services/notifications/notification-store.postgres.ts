// Notifications in Postgres: a row each. A claim is one statement over what `for update skip locked` leaves to it.

import type { Postgres } from "@webstore/kit";
import type { Facts } from "./facts.ts";
import type { Notification, Status } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";

const columns = `notification_id, event_id, customer_id, order_id, facts, subject, recipient_masked, status, attempts,
  error_reason, create_time, sent_time`;

const addText = `
  insert into notifications
    (notification_id, event_id, customer_id, order_id, kind, facts, subject, create_time, due_at, status, attempts)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict (notification_id) do nothing
  returning 1`;

/** As an upsert that always meets its rows, because a plan for `update … where notification_id in (…)` that was made while the
 *  table was small reads the whole table, and is kept until the server next analyzes it. Here there is nothing to join. */
const claimText = `
  insert into notifications
  select * from notifications where due_at <= $1 order by due_at limit $3 for update skip locked
  on conflict (notification_id) do update
    set status = 'sending', attempts = notifications.attempts + 1, due_at = $2
  returning ${columns}`;

const sentText = `
  update notifications set status = 'sent', due_at = null, error_reason = '', sent_time = $2, recipient_masked = $3
  where notification_id = $1 and status <> 'sent'`;

const failedText = `
  update notifications set status = case when $4::timestamptz is null then 'failed' else 'pending' end, due_at = $4,
    error_reason = $3, recipient_masked = $5, attempts = attempts - $6
  where notification_id = $1 and status = 'sending' and attempts = $2
  returning 1`;

const resendText = `
  insert into notifications
    (notification_id, event_id, customer_id, order_id, resend_of, kind, facts, subject, create_time, due_at)
  select $2, event_id, customer_id, order_id, notification_id, kind, facts, subject, $3, $3
  from notifications where notification_id = $1
  on conflict (notification_id) do nothing`;

const listText = `
  select ${columns} from notifications
  where ($2::uuid is null or order_id = $2) and ($3::uuid is null or customer_id = $3)
    and ($4::text[] = '{}' or status = any($4))
    and ($5::timestamptz is null or (create_time, notification_id) < ($5, $6::uuid))
  order by create_time desc, notification_id desc limit $1`;

const countText = `
  select
    (select count(*) from notifications where due_at is not null) as waiting,
    (select min(create_time) from notifications where due_at is not null) as oldest,
    (select count(*) from notifications failed where status = 'failed'
       and not exists (select 1 from notifications again where again.resend_of = failed.notification_id)) as failed`;

export function postgresNotificationStore(postgres: Postgres): NotificationStore {
  return {
    add: ({ notificationId, eventId, customerId, orderId, facts, subject, createTimeMs }, leaseUntilMs) => [
      {
        name: "notification_add",
        text: addText,
        values: [
          ...[notificationId, eventId, customerId, orderId, facts.kind, JSON.stringify(facts), subject],
          ...[new Date(createTimeMs), new Date(leaseUntilMs ?? createTimeMs)],
          ...(leaseUntilMs === undefined ? ["pending", 0] : ["sending", 1]),
        ],
      },
    ],

    async claim({ nowMs, leaseUntilMs, limit }) {
      const values = [new Date(nowMs), new Date(leaseUntilMs), limit];
      const [rows] = await postgres.commit([{ name: "notification_claim", text: claimText, values }]);
      return (rows as Row[]).map(notificationOf);
    },

    async markSent(notificationId, { sentTimeMs, recipientMasked }) {
      const values = [notificationId, new Date(sentTimeMs), recipientMasked];
      await postgres.commit([{ name: "notification_sent", text: sentText, values }]);
    },

    async markFailed(notificationId, { attempt, counts, reason, recipientMasked, retryAtMs }) {
      const retryAt = retryAtMs === undefined ? null : new Date(retryAtMs);
      const values = [notificationId, attempt, reason, retryAt, recipientMasked, counts ? 0 : 1];
      const [rows] = await postgres.commit([{ name: "notification_failed", text: failedText, values }]);
      return rows?.length === 1;
    },

    async resend(notificationId, { newId, nowMs }) {
      await postgres.commit([{ text: resendText, values: [notificationId, newId, new Date(nowMs)] }]);
      const [row] = await postgres.query<Row>(
        `select ${columns} from notifications where notification_id = $1`,
        [newId],
        "notification_by_id",
      );
      return row === undefined ? undefined : notificationOf(row);
    },

    async list({ orderId, customerId, statuses }, { limit, after }) {
      const position = [after === undefined ? null : new Date(after.createTimeMs), after?.notificationId];
      const values = [limit, orderId, customerId, statuses, ...position];
      return (await postgres.query<Row>(listText, values, "notification_list")).map(notificationOf);
    },

    async count() {
      const [row] = await postgres.query<{ waiting: bigint; failed: bigint; oldest: Date | null }>(
        countText,
        [],
        "notification_count",
      );
      return {
        waiting: Number(row?.waiting ?? 0n),
        failed: Number(row?.failed ?? 0n),
        oldestCreateTimeMs: row?.oldest?.getTime(),
      };
    },
  };
}

type Row = {
  notification_id: string;
  event_id: string;
  customer_id: string;
  order_id: string;
  facts: Facts;
  subject: string;
  recipient_masked: string;
  status: Status;
  attempts: number;
  error_reason: string;
  create_time: Date;
  sent_time: Date | null;
};

function notificationOf(row: Row): Notification {
  return {
    notificationId: row.notification_id,
    eventId: row.event_id,
    customerId: row.customer_id,
    orderId: row.order_id,
    facts: row.facts,
    subject: row.subject,
    recipientMasked: row.recipient_masked,
    status: row.status,
    attempts: row.attempts,
    errorReason: row.error_reason,
    createTimeMs: row.create_time.getTime(),
    sentTimeMs: row.sent_time?.getTime(),
  };
}
