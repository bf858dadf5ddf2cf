// A payment as a document of MongoDB: how it stands, its events that the bus has not got yet, and its news that orders
// has not taken yet.
//
// Invariants:
//   K1. A document is an order's: its `_id` is the order's id. One without `paymentId` is a mark.
//   K2. What a change tells is put at the ends of `outbox` and `news` by the command that makes the change, and that
//       command names the version that it changes. So both are in the order of the changes.
//   K3. While `outbox` holds something, `outboxSince` is there; while `news` does, `newsDueAt` is, and only then. Both are
//       indexed, as the lists themselves need not be.
//   K4. Of `news`, only the first is claimed: `newsDueAt` and `newsAttempts` are about it.

import type { Mongo } from "@webstore/kit";
import { Schema } from "mongoose";
import { type Documents, strict } from "./documents.mongo.ts";
import type { Payment, PaymentStatus, ProviderCall } from "./payment.ts";
import type { Refund } from "./refund.ts";
import type { StatusNotification } from "./status-notification.ts";

type RefundPart = Omit<Refund, "createTimeMs"> & { createTime: Date };
/** Its order's id and its payment's are the document's. */
type NewsPart = Omit<StatusNotification, "orderId" | "paymentId" | "occurredAtMs"> & { occurredAt: Date };

/** What `replace` writes. */
type Standing = Pick<
  Payment,
  | "status"
  | "capturedMinor"
  | "refundedMinor"
  | "providerReference"
  | "receiptUrl"
  | "declineCode"
  | "cardBrand"
  | "attempts"
  | "voidWanted"
> & {
  asked?: ProviderCall;
  refunds: RefundPart[];
  history: { status: PaymentStatus; at: Date }[];
  updateTime: Date;
  unresolvedSince?: Date;
  resolutionAsks?: number;
  resolutionDueAt?: Date;
};

export type PaymentDocument = Standing &
  Pick<
    Payment,
    "paymentId" | "customerId" | "country" | "description" | "amountMinor" | "currency" | "version"
  > & {
    _id: string;
    createTime: Date;
    /** The envelopes, as they go to the bus. */
    outbox: string[];
    outboxSince?: Date;
    news: NewsPart[];
    newsDueAt?: Date;
    newsAttempts?: number;
    refusedNews: (NewsPart & { reason: string })[];
  };

const partOf = (fields: Record<string, unknown>) => new Schema(fields, { ...strict, _id: false });

const newsFields = {
  notificationId: String,
  paymentVersion: Number,
  status: String,
  refundedMinor: BigInt,
  occurredAt: Date,
};
const refundFields = {
  refundId: String,
  amountMinor: BigInt,
  reason: String,
  status: String,
  providerReference: String,
  attempt: Number,
  createTime: Date,
};

function paymentSchema(): Schema<PaymentDocument> {
  const schema = new Schema<PaymentDocument>(
    {
      _id: String,
      paymentId: String,
      customerId: String,
      country: String,
      description: String,
      amountMinor: BigInt,
      currency: String,
      status: String,
      capturedMinor: BigInt,
      refundedMinor: BigInt,
      providerReference: String,
      receiptUrl: String,
      declineCode: String,
      cardBrand: String,
      asked: String,
      attempts: partOf({ authorize: Number, capture: Number, void: Number }),
      voidWanted: Boolean,
      refunds: [partOf(refundFields)],
      history: [partOf({ status: String, at: Date })],
      createTime: Date,
      updateTime: Date,
      unresolvedSince: Date,
      resolutionAsks: Number,
      resolutionDueAt: Date,
      version: Number,
      outbox: [String],
      outboxSince: Date,
      news: [partOf(newsFields)],
      newsDueAt: Date,
      newsAttempts: Number,
      refusedNews: [partOf({ ...newsFields, reason: String })],
    },
    strict,
  );
  // What a document has not is not in a sparse index: these hold what is open, however much is over.
  const sparse = { sparse: true };
  schema.index({ paymentId: 1 }, { ...sparse, unique: true });
  schema.index({ createTime: -1, paymentId: -1 });
  schema.index({ unresolvedSince: 1 }, sparse);
  schema.index({ resolutionDueAt: 1 }, sparse);
  schema.index({ outboxSince: 1 }, sparse);
  schema.index({ newsDueAt: 1 }, sparse);
  schema.index({ "refusedNews.notificationId": 1 }, sparse);
  return schema;
}

export type PaymentDocuments = Documents<PaymentDocument>;

/** Once a connection. Brings the indexes up to date. */
export async function openPaymentDocuments({ connection, run }: Mongo): Promise<PaymentDocuments> {
  const model = connection.model<PaymentDocument>("payments", paymentSchema(), "payments");
  await run(() => model.createIndexes());
  return { model, run };
}

export function documentOf(payment: Payment): PaymentDocument {
  const { paymentId, orderId, customerId, country, description, amountMinor, currency, version } = payment;
  return {
    ...{ _id: orderId, paymentId, customerId, country, description, amountMinor, currency, version },
    ...standingOf(payment),
    createTime: new Date(payment.createTimeMs),
    ...{ outbox: [], news: [], refusedNews: [] },
  };
}

export function standingOf(payment: Payment): Standing {
  const { amountMinor, capturedMinor, refundedMinor, asked, resolution } = payment;
  if (refundedMinor < 0n || refundedMinor > capturedMinor || capturedMinor > amountMinor)
    throw new Error(`payment ${payment.paymentId}: refunded ≤ captured ≤ amount does not hold`);
  const { status, providerReference, receiptUrl, declineCode, cardBrand, attempts, voidWanted } = payment;
  return {
    ...{ status, capturedMinor, refundedMinor, providerReference, receiptUrl, declineCode, cardBrand },
    ...{ attempts, voidWanted },
    ...(asked === undefined ? {} : { asked }),
    refunds: payment.refunds.map(({ createTimeMs, ...refund }) => ({
      ...refund,
      createTime: new Date(createTimeMs),
    })),
    history: payment.history.map((entry) => ({ status: entry.status, at: new Date(entry.atMs) })),
    updateTime: new Date(payment.updateTimeMs),
    ...(resolution === undefined ? {} : resolutionPart(resolution)),
  };
}

function resolutionPart({ sinceMs, asks, dueAtMs }: NonNullable<Payment["resolution"]>) {
  const known = { unresolvedSince: new Date(sinceMs), resolutionAsks: asks };
  return dueAtMs === undefined ? known : { ...known, resolutionDueAt: new Date(dueAtMs) };
}

/** What a standing may lack; what it lacks has to be taken out of the document. */
const optional = ["asked", "unresolvedSince", "resolutionAsks", "resolutionDueAt"] as const;

export const lackedBy = (standing: Standing) =>
  Object.fromEntries(optional.filter((name) => standing[name] === undefined).map((name) => [name, 1]));

export function paymentOf(document: PaymentDocument): Payment {
  const { _id: orderId, paymentId, customerId, country, description, amountMinor, currency } = document;
  const { status, capturedMinor, refundedMinor, providerReference, receiptUrl, declineCode } = document;
  const { cardBrand, asked, attempts, voidWanted, version, unresolvedSince, resolutionDueAt } = document;
  return {
    ...{ paymentId, orderId, customerId, country, description, amountMinor, currency },
    ...{ status, capturedMinor, refundedMinor, providerReference, receiptUrl, declineCode },
    ...{ cardBrand, asked, attempts, voidWanted, version },
    refunds: document.refunds.map(({ createTime, ...refund }) => ({
      ...refund,
      createTimeMs: createTime.getTime(),
    })),
    history: document.history.map((entry) => ({ status: entry.status, atMs: entry.at.getTime() })),
    createTimeMs: document.createTime.getTime(),
    updateTimeMs: document.updateTime.getTime(),
    resolution:
      unresolvedSince === undefined
        ? undefined
        : {
            sinceMs: unresolvedSince.getTime(),
            asks: document.resolutionAsks ?? 0,
            dueAtMs: resolutionDueAt?.getTime(),
          },
  };
}

export function newsPart(is: StatusNotification): NewsPart {
  const { notificationId, paymentVersion, status, refundedMinor, occurredAtMs } = is;
  return { notificationId, paymentVersion, status, refundedMinor, occurredAt: new Date(occurredAtMs) };
}
