// Payments in Postgres: a row an order. Changes are one commit in one round trip; the events go into the outbox behind
// the update that locks the row, so those of one order leave in the order of its changes.
//
// The column of what is due is indexed, so a change of it is not one within its page. An authorization and the end of a
// doubt pay for that; a capture and a refund that are answered do not.

import { type Outbox, type Postgres, type Write, WriteRefused } from "@webstore/kit";
import { noteWrite } from "./notification-store.postgres.ts";
import type { Payment, PaymentStatus, ProviderCall, StatusChange } from "./payment.ts";
import { type PaymentEvent, paymentTopic } from "./payment-event.ts";
import type { Found, PaymentStore, Which } from "./payment-store.ts";
import type { Refund } from "./refund.ts";

const openText = `
  insert into payments (order_id, payment_id, customer_id, country, description, amount_minor, currency, status, asked,
    history, create_time, update_time, unresolved_since, resolution_due)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13)
  on conflict (order_id) do nothing returning 1`;

const markText = `
  insert into payments (order_id, status, create_time, update_time) values ($1, 'voided', $2, $2)
  on conflict (order_id) do nothing returning 1`;

const replaceText = `
  with replaced as (
    update payments set status = $3, captured_minor = $4, refunded_minor = $5, provider_reference = $6,
      receipt_url = $7, decline_code = $8, card_brand = $9, asked = $10, authorize_attempt = $11,
      capture_attempt = $12, void_attempt = $13, void_wanted = $14, refunds = $15, history = $16, update_time = $17,
      unresolved_since = $18, resolution_asks = $19, resolution_due = $20, version = version + 1
    where order_id = $1 and version = $2 returning 1
  )
  select webstore_expect((select count(*) from replaced) = 1, 'payment_moved')`;

const columns = `order_id, payment_id, customer_id, country, description, amount_minor, currency, status,
  captured_minor, refunded_minor, provider_reference, receipt_url, decline_code, card_brand, asked, authorize_attempt,
  capture_attempt, void_attempt, void_wanted, refunds, history, create_time, update_time, unresolved_since, resolution_asks,
  resolution_due, version`;

const byOrderText = `select ${columns} from payments where order_id = $1`;
const byIdText = `select ${columns} from payments where payment_id = $1`;

const listText = `
  select ${columns} from payments
  where payment_id is not null and ($2::text is null or status = $2) and ($3::uuid is null or order_id = $3)`;

const claimText = `
  with due as (
    select order_id from payments where unresolved_since is not null and resolution_due <= $1
    order by resolution_due limit $3 for update skip locked
  )
  update payments set resolution_due = $2, resolution_asks = resolution_asks + 1
  where order_id in (select order_id from due) and resolution_due <= $1 returning ${columns}`;

const unresolvedText = `
  select status, resolution_due is null as is_given_up, count(*)::int as count, min(unresolved_since) as oldest
  from payments where unresolved_since < $1 group by 1, 2`;

const newestFirst = "order by create_time desc, payment_id desc limit $1";

export function postgresPaymentStore(postgres: Postgres, outbox: Outbox): PaymentStore {
  const find = async (which: Which): Promise<Found | undefined> => {
    const [row] =
      "orderId" in which
        ? await postgres.query<Row>(byOrderText, [which.orderId], "payment_by_order")
        : await postgres.query<Row>(byIdText, [which.paymentId], "payment_by_id");
    return row === undefined ? undefined : foundOf(row);
  };
  const add = async (orderId: string, insert: Write): Promise<Found | undefined> => {
    const [added] = await postgres.commit(insert);
    return added?.length === 1 ? undefined : find({ orderId });
  };

  return {
    open: (payment) => add(payment.orderId, openWrite(payment)),
    mark: (orderId, nowMs) =>
      add(orderId, [{ name: "payment_mark", text: markText, values: [orderId, new Date(nowMs)] }]),
    find,
    async replace(before, after, { events, notification }) {
      const told = events.map((event) => publish(outbox, event));
      if (notification !== undefined) told.push(noteWrite(notification));
      try {
        await postgres.commit(replaceWrite(before, after), ...told);
        return true;
      } catch (error) {
        if (error instanceof WriteRefused) return false;
        throw error;
      }
    },
    async list({ status, orderId }, { limit, after }) {
      const values = [limit, status, orderId];
      const rows =
        after === undefined
          ? await postgres.query<PaymentRow>(`${listText} ${newestFirst}`, values, "payment_list")
          : await postgres.query<PaymentRow>(
              `${listText} and (create_time, payment_id) < ($4, $5) ${newestFirst}`,
              [...values, new Date(after.createTimeMs), after.paymentId],
              "payment_list_after",
            );
      return rows.map(paymentOf);
    },
    async claimDue({ nowMs, leaseMs, limit }) {
      const values = [new Date(nowMs), new Date(nowMs + leaseMs), limit];
      const rows = await postgres.query<PaymentRow>(claimText, values, "payment_claim");
      return rows.map(paymentOf);
    },
    async unresolved(beforeMs) {
      const rows = await postgres.query<UnresolvedRow>(
        unresolvedText,
        [new Date(beforeMs)],
        "payment_unresolved",
      );
      return rows.map((row) => ({
        status: row.status,
        isGivenUp: row.is_given_up,
        count: row.count,
        oldestSinceMs: row.oldest.getTime(),
      }));
    },
  };
}

function openWrite(payment: Payment): Write {
  const { orderId, paymentId, customerId, country, description, amountMinor, currency, status, asked } =
    payment;
  const given = [orderId, paymentId, customerId, country, description, amountMinor, currency, status, asked];
  const { since, due } = resolutionTimes(payment);
  const values = [...given, JSON.stringify(payment.history), new Date(payment.createTimeMs), since, due];
  return [{ name: "payment_open", text: openText, values }];
}

function replaceWrite({ orderId, version }: Payment, after: Payment): Write {
  const { authorize, capture, void: voiding } = after.attempts;
  const { since, asks, due } = resolutionTimes(after);
  const values = [
    ...[orderId, version, after.status, after.capturedMinor, after.refundedMinor, after.providerReference],
    ...[after.receiptUrl, after.declineCode, after.cardBrand, after.asked, authorize, capture, voiding],
    ...[
      after.voidWanted,
      refundsText(after.refunds),
      JSON.stringify(after.history),
      new Date(after.updateTimeMs),
    ],
    ...[since, asks, due],
  ];
  return [{ name: "payment_replace", text: replaceText, values }];
}

function publish(outbox: Outbox, { name, data }: PaymentEvent): Write {
  return outbox.publish({ topic: paymentTopic, key: data.orderId, name, data });
}

function resolutionTimes({ resolution }: Payment): { since: Date | null; asks: number; due: Date | null } {
  if (resolution === undefined) return { since: null, asks: 0, due: null };
  const { sinceMs, asks, dueAtMs } = resolution;
  return { since: new Date(sinceMs), asks, due: dueAtMs === undefined ? null : new Date(dueAtMs) };
}

function refundsText(refunds: readonly Refund[]): string {
  if (refunds.length === 0) return "[]";
  return JSON.stringify(refunds.map((refund) => ({ ...refund, amountMinor: String(refund.amountMinor) })));
}

type PaymentRow = {
  order_id: string;
  payment_id: string;
  customer_id: string;
  country: string;
  description: string;
  amount_minor: bigint;
  currency: string;
  status: PaymentStatus;
  captured_minor: bigint;
  refunded_minor: bigint;
  provider_reference: string;
  receipt_url: string;
  decline_code: string;
  card_brand: string;
  asked: ProviderCall | null;
  authorize_attempt: number;
  capture_attempt: number;
  void_attempt: number;
  void_wanted: boolean;
  refunds: (Omit<Refund, "amountMinor"> & { amountMinor: string })[];
  history: StatusChange[];
  create_time: Date;
  update_time: Date;
  unresolved_since: Date | null;
  resolution_asks: number;
  resolution_due: Date | null;
  version: number;
};
type UnresolvedRow = { status: PaymentStatus; is_given_up: boolean; count: number; oldest: Date };
type Row = PaymentRow | { payment_id: null };

const foundOf = (row: Row): Found => (row.payment_id === null ? "marked" : paymentOf(row));

function paymentOf(row: PaymentRow): Payment {
  return {
    paymentId: row.payment_id,
    orderId: row.order_id,
    customerId: row.customer_id,
    country: row.country,
    description: row.description,
    amountMinor: row.amount_minor,
    currency: row.currency,
    status: row.status,
    capturedMinor: row.captured_minor,
    refundedMinor: row.refunded_minor,
    providerReference: row.provider_reference,
    receiptUrl: row.receipt_url,
    declineCode: row.decline_code,
    cardBrand: row.card_brand,
    asked: row.asked ?? undefined,
    attempts: { authorize: row.authorize_attempt, capture: row.capture_attempt, void: row.void_attempt },
    voidWanted: row.void_wanted,
    refunds: row.refunds.map((refund) => ({ ...refund, amountMinor: BigInt(refund.amountMinor) })),
    history: row.history,
    createTimeMs: row.create_time.getTime(),
    updateTimeMs: row.update_time.getTime(),
    resolution:
      row.unresolved_since === null
        ? undefined
        : {
            sinceMs: row.unresolved_since.getTime(),
            asks: row.resolution_asks,
            dueAtMs: row.resolution_due?.getTime(),
          },
    version: row.version,
  };
}
