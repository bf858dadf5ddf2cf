// The orders in Postgres: one row each.

import type { Postgres, Write } from "@webstore/kit";
import type { Address } from "@webstore/proto/common/v1";
import {
  cancellable,
  type Order,
  refundedStatus,
  type Status,
  type StatusChange,
  sourcesOf,
} from "./order.ts";
import { type OrderStore, orderMoved, type PaymentNotification } from "./order-store.ts";
import type { PricedLine } from "./pricing.ts";

/** Named, not `*`: a prepared statement breaks when a column comes to what it selects. */
const columns = `order_id, customer_id, status, currency, lines, subtotal_minor, shipping_minor, discount_minor,
  total_minor, refunded_minor, campaign, coupon, shipping_address, payment_id, receipt_url, failure_reason,
  cancel_requested, fee_minor, channel, priced, history, created_at, updated_at`;

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
  fee_minor: bigint;
  channel: string;
  priced: boolean;
  history: StatusChange[];
  created_at: Date;
  updated_at: Date;
};

/** JSON has no integers of 64 bits, so amounts are texts in it. */
type StoredLine = Omit<PricedLine, "unitPriceMinor" | "lineTotalMinor"> & {
  unitPriceMinor: string;
  lineTotalMinor: string;
};

/** A change of one order that fails the commit with `order_moved` when its condition (O4) does not hold. */
const guarded = (set: string, where: string) => `with moved as (
    update orders set ${set}, updated_at = now() where order_id = $1 and ${where} returning 1)
  select webstore_expect((select count(*) from moved) = 1, '${orderMoved}')`;

/** The same, and gives the order as it is then. */
const guardedAndGiven = (set: string, where: string) => `with moved as (
    update orders set ${set}, updated_at = now() where order_id = $1 and ${where} returning ${columns})
  select webstore_expect(order_id is not null, '${orderMoved}'), ${columns}
  from (values (1)) as one left join moved on true`;

const isToBeCancelled = "cancel_requested and status in ('new', 'paid', 'processing')";

/** The longer ones; each belongs to its statement's name for ever. */
const texts = {
  open: `insert into orders (order_id, customer_id, status, currency, lines, subtotal_minor, shipping_minor,
           discount_minor, total_minor, campaign, coupon, shipping_address, history, created_at, channel, priced)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
  markPaid: guardedAndGiven(
    "status = 'paid', payment_id = $2, receipt_url = $3, history = history || $4::jsonb",
    "status = 'pending' and not cancel_requested",
  ),
  fail: `update orders set status = $2, history = history || $4::jsonb, updated_at = now(),
           failure_reason = case when $2 = 'failed' then $3 else '' end
         where order_id = $1 and status = 'pending'`,
  move: guardedAndGiven(
    "status = $2, history = history || $4::jsonb",
    "status = any($3) and not cancel_requested and (priced or $2 <> 'processing')",
  ),
  cancel: guarded(
    "status = 'cancelled', history = history || $3::jsonb, fee_minor = $2",
    `${isToBeCancelled} and status = $4 and refunded_minor = $5`,
  ),
  refund: guarded(
    "refunded_minor = $2, status = $3, history = history || $4::jsonb, fee_minor = least(fee_minor, total_minor - $2)",
    "refunded_minor = $5 and status = $6 and cancel_requested = $7 and payment_id is not null",
  ),
  price: guarded(
    `currency = $2, lines = $3, subtotal_minor = $4, shipping_minor = $5, discount_minor = $6, total_minor = $7,
     campaign = $8, priced = true`,
    "status = 'new' and not priced",
  ),
};

export function postgresOrderStore(postgres: Postgres): OrderStore {
  return {
    ...placing,
    ...afterwards,
    ...notificationsOf(postgres),
    ...readingOf(postgres),
    async commit(...writes: Write[]) {
      await postgres.commit(...writes);
    },
    async commitMove(orderId, is, ...also: Write[]) {
      const rows = await postgres.commit(afterwards.move(orderId, is), ...also);
      return placing.givenBy(rows) as Order;
    },
  };
}

const placing: Pick<OrderStore, "open" | "markPaid" | "givenBy" | "fail" | "price"> = {
  open: (order) => [
    {
      name: "order_opened",
      text: texts.open,
      values: [
        order.orderId,
        order.customerId,
        order.status,
        order.currency,
        storedLines(order.lines),
        order.subtotalMinor,
        order.shippingMinor,
        order.discountMinor,
        order.totalMinor,
        order.campaign,
        order.coupon,
        JSON.stringify(order.shippingAddress),
        JSON.stringify(order.history),
        order.createdAt,
        order.channel,
        order.priced,
      ],
    },
  ],

  markPaid: (orderId, { paymentId, receiptUrl, at }) => [
    {
      name: "order_paid_and_given",
      text: texts.markPaid,
      values: [orderId, paymentId, receiptUrl, historyOf("paid", at, "")],
    },
  ],

  givenBy: ([given]) => (given === undefined ? undefined : orderOf(given[0] as Row)),

  fail: (orderId, { to, reason, at }) => [
    { name: "order_failed", text: texts.fail, values: [orderId, to, reason, historyOf(to, at, reason)] },
  ],

  price: (orderId, price) => [
    {
      name: "order_priced",
      text: texts.price,
      values: [
        orderId,
        price.currency,
        storedLines(price.lines),
        price.subtotalMinor,
        price.shippingMinor,
        price.discountMinor,
        price.totalMinor,
        price.campaign,
      ],
    },
  ],
};

const afterwards: Pick<
  OrderStore,
  "move" | "requestCancel" | "expectCancellable" | "cancel" | "noteNotCancelled" | "refund"
> = {
  move: (orderId, { from, to, reason, at }) => {
    const allowed = sourcesOf(to).includes(from) ? [from] : [];
    const values = [orderId, to, allowed, historyOf(to, at, reason)];
    return [{ name: "order_moved_on", text: texts.move, values }];
  },

  requestCancel: (orderId) => [
    {
      name: "order_cancel_requested",
      text: guarded("cancel_requested = true", "status = any($2) and not cancel_requested"),
      values: [orderId, cancellable],
    },
  ],

  expectCancellable: (orderId) => [
    {
      name: "order_cancellable",
      text: `select webstore_expect(exists (
               select 1 from orders where order_id = $1 and ${isToBeCancelled}), '${orderMoved}')`,
      values: [orderId],
    },
  ],

  cancel: ({ orderId, status, refundedMinor }, { feeMinor, reason, at }) => [
    {
      name: "order_cancelled",
      text: texts.cancel,
      values: [orderId, feeMinor, historyOf("cancelled", at, reason), status, refundedMinor],
    },
  ],

  noteNotCancelled: (orderId, { reason, at }) => [
    {
      name: "order_not_cancelled",
      text: `update orders set updated_at = now(),
               history = history || jsonb_build_array(jsonb_build_object('status', status, 'at', $2::text, 'reason', $3::text))
             where order_id = $1 and ${isToBeCancelled} and history -> -1 ->> 'reason' <> $3`,
      values: [orderId, at, reason],
    },
  ],

  refund: (before, { refundedMinor, reason, at }) => {
    const { orderId, status, cancelRequested } = before;
    const to = refundedStatus(before, refundedMinor);
    const added = to === status ? "[]" : historyOf(to, at, reason);
    const isRise = refundedMinor > before.refundedMinor;
    const from = isRise ? before.refundedMinor : null;
    const values = [orderId, refundedMinor, to, added, from, status, cancelRequested];
    return [{ name: "order_refunded", text: texts.refund, values }];
  },
};

function notificationsOf(postgres: Postgres): Pick<OrderStore, "noteNotification" | "findNotification"> {
  return {
    noteNotification: (notification: PaymentNotification, applied: boolean) => [
      {
        name: "payment_notification_noted",
        text: `insert into payment_notifications
                 (notification_id, order_id, payment_id, payment_status, occurred_at, refunded_minor, applied)
               values ($1, $2, $3, $4, $5, $6, $7)`,
        values: [
          notification.notificationId,
          notification.orderId,
          notification.paymentId,
          notification.paymentStatus,
          notification.occurredAt,
          notification.refundedMinor,
          applied,
        ],
      },
    ],

    async findNotification(notificationId) {
      const [row] = await postgres.query<{ applied: boolean }>(
        "select applied from payment_notifications where notification_id = $1",
        [notificationId],
        "payment_notification_found",
      );
      return row;
    },
  };
}

function readingOf(postgres: Postgres): Pick<OrderStore, "find" | "list"> {
  return {
    async find(orderId) {
      const [row] = await postgres.query<Row>(
        `select ${columns} from orders where order_id = $1`,
        [orderId],
        "order_found",
      );
      return row === undefined ? undefined : orderOf(row);
    },

    async list({ customerId, status, limit, after }) {
      const rows = await postgres.query<Row>(
        `select ${columns} from orders
         where ($1::uuid is null or customer_id = $1) and ($2::text is null or status = $2)
           and ($3::timestamptz is null or (created_at, order_id) < ($3, $4::uuid))
         order by created_at desc, order_id desc limit $5`,
        [customerId ?? null, status ?? null, after?.createdAt ?? null, after?.orderId ?? null, limit],
      );
      return rows.map(orderOf);
    },
  };
}

function historyOf(status: Status, at: string, reason: string): string {
  const change: StatusChange = { status, at, reason };
  return JSON.stringify([change]);
}

function storedLines(lines: readonly PricedLine[]): string {
  const stored = lines.map(
    (line): StoredLine => ({
      ...line,
      unitPriceMinor: line.unitPriceMinor.toString(),
      lineTotalMinor: line.lineTotalMinor.toString(),
    }),
  );
  return JSON.stringify(stored);
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
    feeMinor: row.fee_minor,
    channel: row.channel,
    priced: row.priced,
    history: row.history,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
