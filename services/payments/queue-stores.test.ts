// What the stores of news for orders and of the provider's events promise, in memory, on Postgres and on
// MongoDB.

import { randomUUID } from "node:crypto";
import { uuidOf } from "@webstore/kit";
import { freshSchema, migrationsFrom, outboxMigrations } from "@webstore/kit/testing";
import { describeWithDocker } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memoryNotificationStore } from "./notification-store.memory.ts";
import { mongoNotificationStore } from "./notification-store.mongo.ts";
import { noteWrite, postgresNotificationStore } from "./notification-store.postgres.ts";
import type { NotificationStore } from "./notification-store.ts";
import { openPaymentDocuments } from "./payment-document.mongo.ts";
import { mongoPaymentStore } from "./payment-store.mongo.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { memoryProviderEventStore } from "./provider-event-store.memory.ts";
import { mongoProviderEventStore, openProviderEvents } from "./provider-event-store.mongo.ts";
import { postgresProviderEventStore } from "./provider-event-store.postgres.ts";
import type { ProviderEventStore } from "./provider-event-store.ts";
import type { StatusNotification } from "./status-notification.ts";
import { keptPayment } from "./testing.ts";
import { startTestMongo } from "./testing-mongo.ts";

type Subject = {
  notifications: NotificationStore;
  /** Leaves the news of several changes; where it can only come with the change, in the order of the changes. */
  note(...notifications: StatusNotification[]): Promise<unknown>;
  events: ProviderEventStore;
  stop(): Promise<void>;
};

const baseMs = Date.UTC(2030, 0, 1);
const news = (paymentId: string, paymentVersion: number): StatusNotification => ({
  notificationId: randomUUID(),
  paymentId,
  paymentVersion,
  orderId: uuidOf(paymentId, "order"),
  status: "partially_refunded",
  refundedMinor: 5_00n,
  occurredAtMs: baseMs,
});
const event = (is: Partial<ProviderEvent> = {}): ProviderEvent => ({
  eventId: `evt_${randomUUID()}`,
  type: "charge.refunded",
  paymentReference: "pi_1",
  paymentId: randomUUID(),
  createTimeMs: baseMs,
  ...is,
});
const claim = { nowMs: baseMs, leaseMs: 1_000, limit: 100 };

function queueSuite(name: string, start: () => Promise<Subject>) {
  describe(name, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject?.stop());

    test("of one payment only the oldest news is claimed, by one at a time", async () => {
      const { notifications, note } = subject;
      const [paymentId, other] = [randomUUID(), randomUUID()];
      const [second, first, elsewhere] = [news(paymentId, 7), news(paymentId, 3), news(other, 9)];
      await note(second, first, elsewhere);
      const claims = await Promise.all(Array.from({ length: 10 }, () => notifications.claim(claim)));
      const byVersion = claims.flat().toSorted((a, b) => a.paymentVersion - b.paymentVersion);
      expect(byVersion).toEqual([
        { ...first, attempts: 1 },
        { ...elsewhere, attempts: 1 },
      ]);
      expect(await notifications.claim(claim)).toEqual([]);
      await notifications.delivered({ ...first, attempts: 1 });
      await notifications.delivered({ ...elsewhere, attempts: 1 });
      const [next] = await notifications.claim(claim);
      expect(next).toEqual({ ...second, attempts: 1 });
      await notifications.delivered({ ...second, attempts: 1 });
      expect(await notifications.backlog()).toEqual({ waiting: 0, oldestAtMs: undefined, refused: 0 });
    });

    test("news that comes while the one before it is being told waits behind it", async () => {
      const { notifications, note } = subject;
      const paymentId = randomUUID();
      const [first, second] = [news(paymentId, 1), news(paymentId, 2)];
      await note(first);
      expect(await notifications.claim(claim)).toEqual([{ ...first, attempts: 1 }]);
      await note(second);
      expect(await notifications.claim(claim)).toEqual([]);
      const [again] = await notifications.claim({ ...claim, nowMs: baseMs + claim.leaseMs });
      expect(again).toEqual({ ...first, attempts: 2 });
      await notifications.delivered({ ...first, attempts: 1 });
      expect(await notifications.claim(claim)).toEqual([{ ...second, attempts: 1 }]);
      await notifications.delivered({ ...first, attempts: 2 });
      expect(await notifications.backlog()).toMatchObject({ waiting: 1 });
      await notifications.delivered({ ...second, attempts: 1 });
    });

    test("news that is put off is due then, and holds up what comes after it", async () => {
      const { notifications, note } = subject;
      const paymentId = randomUUID();
      const first = news(paymentId, 1);
      await note(first);
      await note(news(paymentId, 2));
      const [claimed] = await notifications.claim(claim);
      if (claimed === undefined) throw new Error("nothing was due");
      await notifications.postpone(claimed, baseMs + 4_000);
      expect(await notifications.claim({ ...claim, nowMs: baseMs + 3_999 })).toEqual([]);
      expect(await notifications.claim({ ...claim, nowMs: baseMs + 4_000 })).toEqual([
        { ...first, attempts: 2 },
      ]);
      // Whoever claimed it before has nothing to say any more.
      await notifications.postpone(claimed, baseMs);
      expect(await notifications.claim({ ...claim, nowMs: baseMs + 4_000 })).toEqual([]);
      expect(await notifications.backlog()).toEqual({ waiting: 2, oldestAtMs: baseMs, refused: 0 });
    });

    test("news that was refused is kept, and holds up nothing", async () => {
      const { notifications, note } = subject;
      const before = await notifications.backlog();
      const paymentId = randomUUID();
      await note(news(paymentId, 1));
      const second = news(paymentId, 2);
      await note(second);
      const claimed = (await notifications.claim(claim)).find((each) => each.paymentId === paymentId);
      if (claimed === undefined) throw new Error("nothing was due");
      await notifications.refused(claimed, "payment_mismatch");
      const next = await notifications.claim(claim);
      expect(next.filter((each) => each.paymentId === paymentId)).toEqual([{ ...second, attempts: 1 }]);
      const { waiting, refused } = await notifications.backlog();
      expect([waiting - before.waiting, refused]).toEqual([1, 1]);
    });

    test("of twenty who add one event at once, one does", async () => {
      const { events } = subject;
      const one = event();
      const all = await Promise.all(Array.from({ length: 20 }, () => events.add(one, "waiting", baseMs)));
      expect(all.filter(Boolean)).toHaveLength(1);
      const claims = await Promise.all(Array.from({ length: 10 }, () => events.claim(claim)));
      expect(claims.flat()).toEqual([{ ...one, attempts: 1, misses: 0 }]);
      expect(await events.claim({ ...claim, nowMs: baseMs + 1_000 })).toEqual([
        { ...one, attempts: 2, misses: 0 },
      ]);
      // Whoever claimed it before has nothing to say any more.
      await events.postpone({ ...one, attempts: 1, misses: 0 }, { dueAtMs: baseMs, isMissed: true });
      expect(await events.claim({ ...claim, nowMs: baseMs + 1_000 })).toEqual([]);
      await events.end([one.eventId], "applied");
      expect(await events.claim({ ...claim, nowMs: baseMs + 9_000 })).toEqual([]);
      expect(await events.add(one, "waiting", baseMs)).toBe(false);
    });

    test("events that are added at once are each what they are", async () => {
      const { events } = subject;
      const quoted = event({ eventId: `evt_z${randomUUID()}`, paymentReference: 'pi_"{2},\\' });
      const waiting = [quoted, event({ eventId: `evt_a${randomUUID()}`, paymentId: "" }), event()];
      const ended = event({ paymentReference: "pi_3" });
      const all = [...waiting, ended, ...waiting];
      const added = await Promise.all(
        all.map((each) => events.add(each, each === ended ? "applied" : "waiting", baseMs)),
      );
      expect(added).toEqual([true, true, true, true, false, false, false]);
      const claimed = await events.claim(claim);
      const byId = (a: ProviderEvent, b: ProviderEvent) => a.eventId.localeCompare(b.eventId);
      expect(claimed.toSorted(byId)).toEqual(
        waiting.map((each) => ({ ...each, attempts: 1, misses: 0 })).sort(byId),
      );
      await events.end(
        waiting.map(({ eventId }) => eventId),
        "applied",
      );
    });

    test("an event is put off, given up, or about nothing", async () => {
      const { events } = subject;
      const [one, two] = [event({ paymentId: "" }), event()];
      await events.add(one, "waiting", baseMs);
      await events.add(two, "ignored", baseMs);
      await events.add(event(), "applied", baseMs);
      const [claimed] = await events.claim(claim);
      expect(claimed).toEqual({ ...one, attempts: 1, misses: 0 });
      if (claimed === undefined) return;
      await events.postpone(claimed, { dueAtMs: baseMs + 50, isMissed: false });
      expect(await events.claim({ ...claim, nowMs: baseMs + 49 })).toEqual([]);
      for (const misses of [0, 1]) {
        const [again] = await events.claim({ ...claim, nowMs: baseMs + 50 });
        expect(again).toMatchObject({ attempts: misses + 2, misses });
        if (again !== undefined) await events.postpone(again, { dueAtMs: baseMs + 50, isMissed: true });
      }
      expect(await events.backlog()).toEqual({ waiting: 1, givenUp: 0, oldestAtMs: baseMs });
      await events.end([one.eventId, two.eventId], "given_up");
      expect(await events.backlog()).toEqual({ waiting: 0, givenUp: 1, oldestAtMs: undefined });
    });

    test("old events are forgotten a few at a time, unless they wait", async () => {
      const { events } = subject;
      const oldMs = Date.UTC(2020, 0, 1);
      const old = Array.from({ length: 5 }, () => event());
      for (const each of old) await events.add(each, "ignored", oldMs);
      const waiting = event();
      await events.add(waiting, "waiting", oldMs);
      expect(await events.prune(oldMs + 1, 3)).toBe(3);
      expect(await events.prune(oldMs + 1, 3)).toBe(2);
      expect(await events.prune(oldMs + 1, 3)).toBe(0);
      expect(await events.add(waiting, "waiting", baseMs)).toBe(false);
      await events.end([waiting.eventId], "applied");
    });

    test("one at a time reads the provider's list, from where the last one ended", async () => {
      const { events } = subject;
      await events.swept(baseMs, baseMs + 10);
      const due = { nowMs: baseMs + 10, everyMs: 100 };
      expect(await events.claimSweep({ ...due, nowMs: baseMs + 9 })).toBeUndefined();
      const claims = await Promise.all(Array.from({ length: 10 }, () => events.claimSweep(due)));
      expect(claims.filter((each) => each !== undefined)).toEqual([baseMs]);
      await events.swept(baseMs + 5, baseMs + 20);
      expect(await events.claimSweep({ ...due, nowMs: baseMs + 20 })).toBe(baseMs + 5);
    });
  });
}

queueSuite("the queues in memory", async () => {
  const notifications = memoryNotificationStore();
  return {
    notifications,
    note: async (...all) => all.forEach(notifications.note),
    events: memoryProviderEventStore(),
    stop: async () => {},
  };
});

queueSuite("the queues on Postgres", async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const postgres = await freshSchema([...outboxMigrations, ...own]);
  // A new store begins a day ago; this suite lives in 2030.
  return {
    notifications: postgresNotificationStore(postgres),
    note: async (...all) => {
      for (const each of all) await postgres.commit(noteWrite(each));
    },
    events: postgresProviderEventStore(postgres),
    stop: () => postgres.close(),
  };
});

test("on Postgres, events that are added at once are one commit", async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const postgres = await freshSchema([...outboxMigrations, ...own]);
  let commits = 0;
  const counted: typeof postgres = {
    ...postgres,
    commit: (...all) => {
      commits += 1;
      return postgres.commit(...all);
    },
  };
  const events = postgresProviderEventStore(counted);
  const all = Array.from({ length: 30 }, () => event());
  await Promise.all(all.map((each) => events.add(each, "applied", baseMs)));
  expect(commits).toBe(1);
  await postgres.close();
});

describeWithDocker("in a container", () => {
  queueSuite("the queues on MongoDB", async () => {
    const server = await startTestMongo();
    const mongo = await server.open();
    const documents = await openPaymentDocuments(mongo);
    const store = mongoPaymentStore(documents, { nowMs: Date.now, newId: randomUUID });
    const noteOne = async (notification: StatusNotification) => {
      const { orderId, paymentId } = notification;
      await store.open(keptPayment({ orderId, paymentId }));
      const payment = await store.find({ orderId });
      if (payment === undefined || payment === "marked") throw new Error("it was opened");
      expect(await store.replace(payment, payment, { events: [], notification })).toBe(true);
    };
    return {
      notifications: mongoNotificationStore(documents),
      note: async (...all) => {
        for (const each of all.toSorted((a, b) => a.paymentVersion - b.paymentVersion)) await noteOne(each);
      },
      events: mongoProviderEventStore(await openProviderEvents(mongo, baseMs)),
      stop: server.stop,
    };
  });
});
