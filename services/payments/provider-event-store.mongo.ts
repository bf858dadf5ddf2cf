// The provider's events in MongoDB: a document an event, by its id. And one document that says until when the provider's
// own list was read.
//
// `dueAt` is there exactly while an event waits.

import type { Mongo } from "@webstore/kit";
import { Schema } from "mongoose";
import { addOnce, asWritten, claimDue, type Documents, strict } from "./documents.mongo.ts";
import type { ProviderEvent } from "./provider-event.ts";
import type { EventEnd, ProviderEventStore } from "./provider-event-store.ts";

type EventDocument = Omit<ProviderEvent, "eventId" | "createTimeMs"> & {
  _id: string;
  createTime: Date;
  receiveTime: Date;
  status: "waiting" | EventEnd;
  attempts: number;
  misses: number;
  dueAt?: Date;
};
type SweepDocument = { _id: string; sweptUntil: Date; dueAt: Date };

export type ProviderEventDocuments = {
  readonly events: Documents<EventDocument>;
  readonly sweep: Documents<SweepDocument>;
};

const sweepId = "events";
/** Where a new store begins to read the provider's own list. */
const firstSweepMs = 86_400_000;

function eventSchema(): Schema<EventDocument> {
  const schema = new Schema<EventDocument>(
    {
      _id: String,
      type: String,
      paymentReference: String,
      paymentId: String,
      createTime: Date,
      receiveTime: Date,
      status: String,
      attempts: Number,
      misses: Number,
      dueAt: Date,
    },
    strict,
  );
  schema.index({ dueAt: 1 }, { sparse: true });
  schema.index({ status: 1, receiveTime: 1 });
  schema.index({ receiveTime: 1 });
  return schema;
}

/** Once a connection. Brings the indexes up to date. */
export async function openProviderEvents(
  { connection, run }: Mongo,
  nowMs: number,
): Promise<ProviderEventDocuments> {
  const events = connection.model<EventDocument>("provider_events", eventSchema(), "provider_events");
  const swept = new Schema<SweepDocument>({ _id: String, sweptUntil: Date, dueAt: Date }, strict);
  const sweep = connection.model<SweepDocument>("provider_event_sweep", swept, "provider_event_sweep");
  await run(() => events.createIndexes());
  const first = { _id: sweepId, sweptUntil: new Date(nowMs - firstSweepMs), dueAt: new Date(nowMs) };
  await addOnce(run(() => sweep.create(first)));
  return { events: { model: events, run }, sweep: { model: sweep, run } };
}

export function mongoProviderEventStore({ events, sweep }: ProviderEventDocuments): ProviderEventStore {
  const { model, run } = events;
  return {
    add({ eventId, createTimeMs, ...given }, status, nowMs) {
      const now = new Date(nowMs);
      const times = { createTime: new Date(createTimeMs), receiveTime: now };
      const due = status === "waiting" ? { dueAt: now } : {};
      const document = { _id: eventId, ...given, ...times, status, attempts: 0, misses: 0, ...due };
      return addOnce(run(() => model.create(document)));
    },
    async claim(is) {
      const found = await claimDue(events, { dueAt: "dueAt", attempts: "attempts" }, is);
      return found.map(({ _id, type, paymentReference, paymentId, createTime, attempts, misses }) => ({
        ...{ eventId: _id, type, paymentReference, paymentId, attempts, misses },
        createTimeMs: createTime.getTime(),
      }));
    },
    async end(eventIds, status) {
      const open = { _id: { $in: [...eventIds] }, status: "waiting" } as const;
      await run(() => model.updateMany(open, { $set: { status }, $unset: { dueAt: 1 } }));
    },
    async postpone({ eventId, attempts }, { dueAtMs, isMissed }) {
      const change = { $set: { dueAt: new Date(dueAtMs) }, $inc: { misses: isMissed ? 1 : 0 } };
      await run(() => model.updateOne({ _id: eventId, attempts, status: "waiting" }, change));
    },
    async prune(receivedBeforeMs, limit) {
      const isOver = { receiveTime: { $lt: new Date(receivedBeforeMs) }, dueAt: { $exists: false } };
      const old = await run(() =>
        model.find(isOver, null, asWritten).select("_id").sort({ receiveTime: 1 }).limit(limit),
      );
      if (old.length === 0) return 0;
      const ids = old.map(({ _id }) => _id);
      return (await run(() => model.deleteMany({ _id: { $in: ids }, ...isOver }))).deletedCount;
    },
    async claimSweep({ nowMs, everyMs }) {
      const due = { _id: sweepId, dueAt: { $lte: new Date(nowMs) } };
      const change = { $set: { dueAt: new Date(nowMs + everyMs) } };
      const claimed = await run(() =>
        sweep.model.findOneAndUpdate(due, change, { returnDocument: "after", ...asWritten }),
      );
      return claimed?.sweptUntil.getTime();
    },
    async swept(untilMs, dueAtMs) {
      const change = { $max: { sweptUntil: new Date(untilMs) }, $set: { dueAt: new Date(dueAtMs) } };
      await run(() => sweep.model.updateOne({ _id: sweepId }, change));
    },
    async backlog() {
      const [waiting, givenUp, oldest] = await Promise.all([
        run(() => model.countDocuments({ status: "waiting" })),
        run(() => model.countDocuments({ status: "given_up" })),
        run(() => model.findOne({ status: "waiting" }, null, { sort: { receiveTime: 1 }, ...asWritten })),
      ]);
      return { waiting, givenUp, oldestAtMs: oldest?.receiveTime.getTime() };
    },
  };
}
