// The orders in Postgres: one row each.

import type { Postgres, Write } from "@webstore/kit";
import type { Address } from "@webstore/proto/common/v1";
import { cancellable, type Order, type Status, type StatusChange, sourcesOf } from "./order.ts";
import { type OrderStore, orderMoved } from "./order-store.ts";
import type { PricedLine } from "./pricing.ts";

type Row = {
  order_id: string;
  customer_id: string;
  status: Status;
  currency: string;
  lines: StoredLine[];
  subtotal_minor: bigint;
  shipping_minor: bigint;
  discount_minor: bigint;
  total_minor: bigint;
  refunded_minor: bigint;
  campaign: string;
  coupon: string;
  shipping_address: Address;
  payment_id: string | null;
  receipt_url: string;
  failure_reason: string;
  cancel_requested: boolean;
  history: StatusChange[];
  created_at: Date;
  updated_at: Date;
};

/** JSON has no integers of 64 bits, so amounts are texts in it. */
type StoredLine = Omit<PricedLine, "unitPriceMinor" | "lineTotalMinor"> & {
  unitPriceMinor: string;
  lineTotalMinor: string;
};

/** Changes the status if it is one of $3; fails the commit with `order_moved` if not. */
const moveGuarded = `with moved as (
    update orders set status = $2, history = history || $4::jsonb, updated_at = now(),
      refunded_minor = case when $2 = 'refunded' then total_minor else refunded_minor end
    where order_id = $1 and status = any($3) returning 1)
  select webstore_expect((select count(*) from moved) = 1, '${orderMoved}')`;

export function postgresOrderStore(postgres: Postgres): OrderStore {
  return {
    open: (draft, at) => [
      {
        name: "order_open",
        text: `insert into orders (order_id, customer_id, status, currency, lines, subtotal_minor, shipping_minor,
                 discount_minor, total_minor, campaign, coupon, shipping_address, history, created_at)
               values ($1, $2, 'pending', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
        values: [
          draft.orderId,
          draft.customerId,
          draft.currency,
          JSON.stringify(draft.lines.map(storedLine)),
          draft.subtotalMinor,
          draft.shippingMinor,
          draft.discountMinor,
          draft.totalMinor,
          draft.campaign,
          draft.coupon,
          JSON.stringify(draft.shippingAddress),
          historyOf("pending", at, ""),
          // To the millisecond, which is all that a page's token can tell apart.
          new Date(draft.placedAt),
        ],
      },
    ],

    markPaid: (orderId, { paymentId, receiptUrl, at }) => [
      {
        name: "order_paid",
        text: `with moved as (
                 update orders set status = 'paid', payment_id = $2, receipt_url = $3, history = history || $4::jsonb, updated_at = now()
                 where order_id = $1 and status = 'pending' returning 1)
               select webstore_expect((select count(*) from moved) = 1, '${orderMoved}')`,
        values: [orderId, paymentId, receiptUrl, historyOf("paid", at, "")],
      },
    ],

    fail: (orderId, { reason, at }) => [
      {
        text: `update orders set status = 'failed', failure_reason = $2, history = history || $3::jsonb, updated_at = now()
               where order_id = $1 and status = 'pending'`,
        values: [orderId, reason, historyOf("failed", at, reason)],
      },
    ],

    move: (orderId, { from, to, reason, at }) => {
      const allowed = sourcesOf(to).includes(from) ? [from] : [];
      return [{ text: moveGuarded, values: [orderId, to, allowed, historyOf(to, at, reason)] }];
    },

    requestCancel: (orderId) => [
      {
        text: `with noted as (
                 update orders set cancel_requested = true, updated_at = now()
                 where order_id = $1 and status = any($2) and not cancel_requested returning 1)
               select webstore_expect((select count(*) from noted) = 1, '${orderMoved}')`,
        values: [orderId, cancellable],
      },
    ],

    noteNotification: ({ notificationId, orderId, paymentId, paymentStatus, occurredAt }, applied) => [
      {
        text: `insert into payment_notifications (notification_id, order_id, payment_id, payment_status, occurred_at, applied)
               values ($1, $2, $3, $4, $5, $6)`,
        values: [notificationId, orderId, paymentId, paymentStatus, occurredAt, applied],
      },
    ],

    async findNotification(notificationId) {
      const [row] = await postgres.query<{ applied: boolean }>(
        "select applied from payment_notifications where notification_id = $1",
        [notificationId],
      );
      return row;
    },

    async latestNotificationAt(orderId) {
      const [row] = await postgres.query<{ occurred_at: Date }>(
        `select occurred_at from payment_notifications where order_id = $1
         order by occurred_at desc limit 1`,
        [orderId],
      );
      return row?.occurred_at;
    },

    async find(orderId) {
      const [row] = await postgres.query<Row>(
        "select * from orders where order_id = $1",
        [orderId],
        "order_find",
      );
      return row === undefined ? undefined : orderOf(row);
    },

    async list({ customerId, status, limit, after }) {
      const rows = await postgres.query<Row>(
        `select * from orders
         where ($1::uuid is null or customer_id = $1) and ($2::text is null or status = $2)
           and ($3::timestamptz is null or (created_at, order_id) < ($3, $4::uuid))
         order by created_at desc, order_id desc limit $5`,
        [customerId ?? null, status ?? null, after?.createdAt ?? null, after?.orderId ?? null, limit],
      );
      return rows.map(orderOf);
    },

    async commit(...writes: Write[]) {
      await postgres.commit(...writes);
    },
  };
}

function historyOf(status: Status, at: string, reason: string): string {
  const change: StatusChange = { status, at, reason };
  return JSON.stringify([change]);
}

function storedLine(line: PricedLine): StoredLine {
  return {
    ...line,
    unitPriceMinor: line.unitPriceMinor.toString(),
    lineTotalMinor: line.lineTotalMinor.toString(),
  };
}

function orderOf(row: Row): Order {
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    status: row.status,
    currency: row.currency,
    lines: row.lines.map((line) => ({
      ...line,
      unitPriceMinor: BigInt(line.unitPriceMinor),
      lineTotalMinor: BigInt(line.lineTotalMinor),
    })),
    subtotalMinor: row.subtotal_minor,
    shippingMinor: row.shipping_minor,
    discountMinor: row.discount_minor,
    totalMinor: row.total_minor,
    refundedMinor: row.refunded_minor,
    campaign: row.campaign,
    coupon: row.coupon,
    shippingAddress: row.shipping_address,
    paymentId: row.payment_id ?? "",
    receiptUrl: row.receipt_url,
    failureReason: row.failure_reason,
    cancelRequested: row.cancel_requested,
    history: row.history,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
