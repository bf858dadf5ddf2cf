// Payments in MongoDB: a document an order, and a command a change (payment-document.mongo.ts). It relies on no more than
// that a command changes a document as a whole, and only one that is as the command says.

import type { QueryFilter, UpdateQuery } from "mongoose";
import { addOnce, asWritten, claimDue } from "./documents.mongo.ts";
import type { Payment } from "./payment.ts";
import {
  documentOf,
  lackedBy,
  newsPart,
  type PaymentDocument,
  type PaymentDocuments,
  paymentOf,
  standingOf,
} from "./payment-document.mongo.ts";
import { envelopeOf } from "./payment-outbox.mongo.ts";
import type {
  Found,
  PagePosition,
  PaymentFilter,
  PaymentStore,
  Told,
  Unresolved,
  Which,
} from "./payment-store.ts";

/** Payments beyond it are not counted; an operator sees no difference. */
const unresolvedMax = 10_000;

export function mongoPaymentStore(
  documents: PaymentDocuments,
  is: { nowMs: () => number; newId: () => string },
): PaymentStore {
  const { model, run } = documents;

  const find = async (which: Which): Promise<Found | undefined> => {
    const filter = "orderId" in which ? { _id: which.orderId } : which;
    const found = await run(() => model.findOne(filter, null, asWritten));
    return found === null ? undefined : foundOf(found);
  };
  const add = async (document: Pick<PaymentDocument, "_id"> & Partial<PaymentDocument>) => {
    const isAdded = await addOnce(run(() => model.create(document)));
    return isAdded ? undefined : find({ orderId: document._id });
  };

  return {
    open: (payment) => add(documentOf(payment)),
    mark(orderId, nowMs) {
      const now = new Date(nowMs);
      return add({ _id: orderId, status: "voided", createTime: now, updateTime: now, version: 1 });
    },
    find,
    async replace({ orderId, version }, after, told) {
      const change = changeOf(after, told, is);
      const { matchedCount } = await run(() => model.updateOne({ _id: orderId, version }, change));
      return matchedCount === 1;
    },
    async list(filter, { limit, after }) {
      const newestFirst = { createTime: -1, paymentId: -1 } as const;
      const found = await run(() =>
        model.find(listed(filter, after), null, { sort: newestFirst, limit, ...asWritten }),
      );
      return found.map(paymentOf);
    },
    async claimDue(claim) {
      const fields = { dueAt: "resolutionDueAt", attempts: "resolutionAsks" } as const;
      return (await claimDue(documents, fields, claim)).map(paymentOf);
    },
    async unresolved(beforeMs) {
      const found = await run(() =>
        model
          .find({ unresolvedSince: { $lt: new Date(beforeMs) } }, null, asWritten)
          .select("status unresolvedSince resolutionDueAt")
          .sort({ unresolvedSince: 1 })
          .limit(unresolvedMax),
      );
      return counted(found);
    },
  };
}

const foundOf = (document: PaymentDocument): Found =>
  document.paymentId === undefined ? "marked" : paymentOf(document);

function changeOf(
  after: Payment,
  { events, notification }: Told,
  is: { nowMs: () => number; newId: () => string },
): UpdateQuery<PaymentDocument> {
  const standing = standingOf(after);
  const outbox = { $each: events.map((event) => envelopeOf(event, is)) };
  return {
    $set: standing,
    $unset: lackedBy(standing),
    $inc: { version: 1 },
    $push: { outbox, news: { $each: notification === undefined ? [] : [newsPart(notification)] } },
    // What waits already waits for longer.
    ...(events.length === 0 ? {} : { $min: { outboxSince: new Date(is.nowMs()) } }),
    // The first of several keeps its lease, or its pause, which are later.
    ...(notification === undefined ? {} : { $max: { newsDueAt: new Date(notification.occurredAtMs) } }),
  };
}

function listed(
  { status, orderId }: PaymentFilter,
  after: PagePosition | undefined,
): QueryFilter<PaymentDocument> {
  const createTime = new Date(after?.createTimeMs ?? 0);
  return {
    paymentId: { $exists: true },
    ...(status === undefined ? {} : { status }),
    ...(orderId === undefined ? {} : { _id: orderId }),
    ...(after === undefined
      ? {}
      : { $or: [{ createTime: { $lt: createTime } }, { createTime, paymentId: { $lt: after.paymentId } }] }),
  };
}

type Open = Pick<PaymentDocument, "status" | "unresolvedSince" | "resolutionDueAt">;

/** `open`: the oldest first. */
function counted(open: readonly Open[]): Unresolved[] {
  const groups = new Map<string, Unresolved>();
  for (const { status, unresolvedSince, resolutionDueAt } of open) {
    const isGivenUp = resolutionDueAt === undefined;
    const oldestSinceMs = unresolvedSince?.getTime() ?? 0;
    const before = groups.get(`${status} ${isGivenUp}`) ?? { status, isGivenUp, count: 0, oldestSinceMs };
    groups.set(`${status} ${isGivenUp}`, { ...before, count: before.count + 1 });
  }
  return [...groups.values()];
}
