// The events that wait in the documents of their payments, and the relay that moves them to the bus.
//
// Invariants:
//   X1. An event is put into its payment's document by the command that makes the change; the bus is not asked. It is
//       taken out only after the bus has acknowledged it: at least once, under the same id.
//   X2. One relay at a time reads, publishes and takes out, under a lease. Where a lease ends too early, two publish the
//       same; but each begins with the first event that a payment has, so of every event the first copy comes in the
//       order of the payment's changes, and a consumer knows the second by its id.
//   X3. Nothing is skipped: a look begins with the payment that has waited longest, and exactly what was published is
//       taken out, whatever has come behind it.
//   X4. A process that finds the lease held has nothing to do: its holder looks again after it has let go.

import { type Bus, currentContext, encodeEvent, type Log, type Mongo } from "@webstore/kit";
import { Schema } from "mongoose";
import { addOnce, asWritten, type Documents, strict } from "./documents.mongo.ts";
import type { PaymentDocuments } from "./payment-document.mongo.ts";
import { type PaymentEvent, paymentTopic } from "./payment-event.ts";
import { startWorker } from "./worker.ts";

/** An event as it goes to the bus, whenever that is. */
export function envelopeOf(
  { name, data }: PaymentEvent,
  { nowMs, newId }: { nowMs: () => number; newId: () => string },
): string {
  return encodeEvent({
    id: newId(),
    name,
    data,
    occurredAt: new Date(nowMs()).toISOString(),
    traceparent: currentContext().span?.traceparent ?? "",
  });
}

type Lease = { _id: string; holder: string; untilTime: Date };
export type LeaseDocuments = Documents<Lease>;

const leaseId = "outbox";

/** Once a connection. */
export async function openLease({ connection, run }: Mongo): Promise<LeaseDocuments> {
  const schema = new Schema<Lease>({ _id: String, holder: String, untilTime: Date }, strict);
  const model = connection.model<Lease>("payment_leases", schema, "payment_leases");
  await addOnce(run(() => model.create({ _id: leaseId, holder: "", untilTime: new Date(0) })));
  return { model, run };
}

export type PaymentRelay = {
  /** Costs nothing: call it after every commit that published. */
  wake(): void;
  /** What waits for the bus; `rows` is counted up to 10,000. */
  backlog(): Promise<{ rows: number; oldestAgeMs: number }>;
  /** Finishes the batch in hand. What is left stays where it is. */
  stop(): Promise<void>;
};

export type RelayParts = {
  readonly documents: PaymentDocuments;
  readonly lease: LeaseDocuments;
  readonly bus: Pick<Bus, "publish">;
  readonly nowMs: () => number;
  /** Nobody else's. */
  readonly holder: string;
};

/** How long events wait that a killed process has left. */
const pollMs = 1_000;
/** How long a killed relay holds up the others: far longer than a batch takes. */
const leaseMs = 15_000;
const paymentsMax = 200;
const eventsMax = 500;
const backlogMax = 10_000;

export function startPaymentRelay(parts: RelayParts & { readonly log: Log }): PaymentRelay {
  const worker = startWorker({
    name: "outbox",
    log: parts.log,
    pollMs,
    round: async () => {
      const moved = await moveEvents(parts);
      // What came meanwhile goes next, after the worker's pause, so that events travel together.
      if (moved === "some") worker.wake();
      return moved === "full";
    },
  });
  return { wake: worker.wake, stop: worker.stop, backlog: () => backlogOf(parts) };
}

/** One look. `full`: there may be more; `held`: another relay is at it. */
export async function moveEvents(parts: RelayParts): Promise<"none" | "some" | "full" | "held"> {
  const { model, run } = parts.documents;
  const isWaiting = await run(() => model.exists(waiting));
  if (isWaiting === null) return "none";
  if (!(await hold(parts))) return "held";
  try {
    return await moveBatch(parts);
  } finally {
    // If not now, it ends by itself.
    await letGo(parts).catch(() => {});
  }
}

const waiting = { outboxSince: { $exists: true } };

async function hold({ lease: { model, run }, holder, nowMs }: RelayParts): Promise<boolean> {
  const isFree = [{ untilTime: { $lte: new Date(nowMs()) } }, { holder }];
  const change = { $set: { holder, untilTime: new Date(nowMs() + leaseMs) } };
  const { matchedCount } = await run(() => model.updateOne({ _id: leaseId, $or: isFree }, change));
  return matchedCount === 1;
}

async function letGo({ lease: { model, run }, holder }: RelayParts): Promise<void> {
  await run(() => model.updateOne({ _id: leaseId, holder }, { $set: { untilTime: new Date(0) } }));
}

async function moveBatch({ documents: { model, run }, bus }: RelayParts): Promise<"some" | "full"> {
  const found = await run(() =>
    model.find(waiting, null, asWritten).select("outbox").sort({ outboxSince: 1 }).limit(paymentsMax),
  );
  const all = found.flatMap(({ _id, outbox }) => outbox.map((value) => ({ orderId: _id, value })));
  const batch = all.slice(0, eventsMax);
  await bus.publish(
    batch.map(({ orderId, value }) => ({
      topic: paymentTopic,
      key: orderId,
      value: Buffer.from(value),
      headers: {},
    })),
  );
  const published = Map.groupBy(batch, ({ orderId }) => orderId);
  await run(() =>
    model.bulkWrite(
      found.flatMap(({ _id }) => takeOut(_id, published.get(_id)?.map(({ value }) => value) ?? [])),
    ),
  );
  return found.length === paymentsMax || all.length > eventsMax ? "full" : "some";
}

/** In this order: the second asks what the first has left. */
function takeOut(orderId: string, published: readonly string[]) {
  return [
    { updateOne: { filter: { _id: orderId }, update: { $pullAll: { outbox: published } } } },
    {
      updateOne: {
        filter: { _id: orderId, "outbox.0": { $exists: false } },
        update: { $unset: { outboxSince: 1 } },
      },
    },
  ];
}

async function backlogOf({ documents: { model, run }, nowMs }: RelayParts) {
  const found = await run(() =>
    model
      .find(waiting, null, asWritten)
      .select("outbox outboxSince")
      .sort({ outboxSince: 1 })
      .limit(backlogMax),
  );
  const rows = found.reduce((count, { outbox }) => count + outbox.length, 0);
  const oldestAtMs = found[0]?.outboxSince?.getTime() ?? nowMs();
  return { rows: Math.min(rows, backlogMax), oldestAgeMs: Math.max(0, nowMs() - oldestAtMs) };
}
