// The news for orders in MongoDB: in the documents of their payments (payment-document.mongo.ts, K3 and K4).

import { asWritten, claimDue } from "./documents.mongo.ts";
import type { ClaimedNotification, NotificationStore } from "./notification-store.ts";
import { newsPart, type PaymentDocument, type PaymentDocuments } from "./payment-document.mongo.ts";

/** Payments with news beyond it are not counted; an operator sees no difference. */
const backlogMax = 10_000;

export function mongoNotificationStore(documents: PaymentDocuments): NotificationStore {
  const { model, run } = documents;

  /** Takes it off, if it is still there. What stands behind it is due at once, and nobody has tried it yet. */
  const takeOff = async ({ orderId, notificationId }: ClaimedNotification, keep: object = {}) => {
    const itself = { _id: orderId, "news.0.notificationId": notificationId };
    const change = { $pop: { news: -1 }, ...keep } as const;
    const alone = await run(() =>
      model.updateOne(
        { ...itself, "news.1": { $exists: false } },
        { ...change, $unset: { newsDueAt: 1, newsAttempts: 1 } },
      ),
    );
    if (alone.matchedCount === 1) return;
    // News only ever comes behind it, so there is no third case.
    await run(() =>
      model.updateOne(
        { ...itself, "news.1": { $exists: true } },
        { ...change, $set: { newsDueAt: new Date(0), newsAttempts: 0 } },
      ),
    );
  };

  return {
    async claim(is) {
      const fields = { dueAt: "newsDueAt", attempts: "newsAttempts" } as const;
      return (await claimDue(documents, fields, is)).flatMap(firstOf);
    },
    delivered: (notification) => takeOff(notification),
    refused: (notification, reason) =>
      takeOff(notification, { $push: { refusedNews: { ...newsPart(notification), reason } } }),
    async postpone({ orderId, notificationId, attempts }, dueAtMs) {
      const itself = { _id: orderId, "news.0.notificationId": notificationId, newsAttempts: attempts };
      await run(() => model.updateOne(itself, { $set: { newsDueAt: new Date(dueAtMs) } }));
    },
    async backlog() {
      const [waiting, refused] = await Promise.all([
        run(() =>
          model
            .find({ newsDueAt: { $exists: true } }, null, asWritten)
            .select("news")
            .limit(backlogMax),
        ),
        run(() =>
          model
            .find({ "refusedNews.notificationId": { $exists: true } }, null, asWritten)
            .select("refusedNews")
            .limit(backlogMax),
        ),
      ]);
      const times = waiting.flatMap(({ news }) => news.map(({ occurredAt }) => occurredAt.getTime()));
      return {
        waiting: times.length,
        oldestAtMs: times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)),
        refused: refused.reduce((count, { refusedNews }) => count + refusedNews.length, 0),
      };
    },
  };
}

function firstOf({ _id, paymentId, news, newsAttempts }: PaymentDocument): ClaimedNotification[] {
  return news.slice(0, 1).map(({ occurredAt, ...each }) => ({
    ...each,
    orderId: _id,
    paymentId,
    occurredAtMs: occurredAt.getTime(),
    attempts: newsAttempts ?? 0,
  }));
}
