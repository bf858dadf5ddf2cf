// What the store promises, on a real Postgres: noted once, claimed by one, and what was sent stays sent.

import { randomUUID } from "node:crypto";
import { consumeOnce, inboxMigrations, type Postgres } from "@webstore/kit";
import { freshSchema, migrationsFrom } from "@webstore/kit/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { attemptsMax, claimedAsNew, type NewNotification, resendIdOf } from "./notification.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import type { NotificationStore } from "./notification-store.ts";
import { newNotification } from "./testing-notifications.ts";

let postgres: Postgres;
let store: NotificationStore;
beforeAll(async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  postgres = await freshSchema([...inboxMigrations, ...own]);
  store = postgresNotificationStore(postgres);
});
afterAll(() => postgres?.close());
beforeEach(async () => {
  await postgres.commit([{ text: "truncate notifications, inbox", values: [] }]);
});

const now = Date.parse("2025-11-21T10:00:00Z");
const leaseMs = 60_000;
const claim = (nowMs = now, limit = 10) => store.claim({ nowMs, leaseUntilMs: nowMs + leaseMs, limit });
const all = { orderId: undefined, customerId: undefined, statuses: [] };
const list = () => store.list(all, { limit: 100, after: undefined });

async function added(createTimeMs = now): Promise<NewNotification> {
  const notification = newNotification(createTimeMs);
  await postgres.commit(store.add(notification));
  return notification;
}

test("what is added is found again, and adding it again changes nothing", async () => {
  const notification = await added();
  const [claimed] = await claim();
  await store.markSent(claimed?.notificationId ?? "", {
    sentTimeMs: now + 5,
    recipientMasked: "a***@b.example",
  });
  await postgres.commit(store.add({ ...notification, subject: "another", createTimeMs: now + 10 }));
  expect(await list()).toEqual([
    {
      ...notification,
      status: "sent",
      recipientMasked: "a***@b.example",
      attempts: 1,
      errorReason: "",
      sentTimeMs: now + 5,
    },
  ]);
  expect(await claim(now + leaseMs)).toEqual([]);
});

test("what is added with a lease is its adder's until that ends, and adding it again claims nothing", async () => {
  const notification = newNotification(now);
  const add = async (leaseUntilMs?: number) =>
    (await postgres.commit(store.add(notification, leaseUntilMs))).at(-1)?.length === 1;
  expect([await add(now + leaseMs), await add(now + 2 * leaseMs), await add()]).toEqual([true, false, false]);
  expect(await list()).toEqual([claimedAsNew(notification)]);
  expect(await claim(now + leaseMs - 1)).toEqual([]);
  expect(await claim(now + leaseMs)).toMatchObject([{ status: "sending", attempts: 2 }]);
});

test("a claim reads what it takes and not the whole table, though it was prepared when that was small", async () => {
  // One connection, so that all is prepared and counted there.
  const alone = await freshSchema(migrationsFrom(new URL("./migrations/", import.meta.url)), { poolMax: 1 });
  const shelf = postgresNotificationStore(alone);
  await alone.commit([{ text: "alter table notifications set (autovacuum_enabled = off)", values: [] }]);
  const seen = async () => {
    await alone.query("select pg_stat_force_next_flush()");
    const [row] = await alone.query<{ scans: bigint }>(
      "select seq_scan as scans from pg_stat_user_tables where relid = 'notifications'::regclass",
    );
    return row?.scans;
  };
  const before = await seen();
  // After five the server makes the plan that it keeps.
  for (let count = 0; count < 20; count += 1) {
    for (let each = 0; each < 20; each += 1) await alone.commit(shelf.add(newNotification(now)));
    expect(await shelf.claim({ nowMs: now, leaseUntilMs: now + leaseMs, limit: 2 })).toHaveLength(2);
  }
  expect(await seen()).toBe(before);
  await alone.close();
});

test("an event that comes five times at once is noted once", async () => {
  const notification = newNotification(now);
  const note = () =>
    postgres.commit(consumeOnce("notifications", notification.eventId), store.add(notification));
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, note));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await list()).toHaveLength(1);
});

test("of many that claim at once each gets others, and a lease keeps them until it ends", async () => {
  for (let count = 0; count < 20; count += 1) await added();
  const claims = (await Promise.all(Array.from({ length: 10 }, () => claim(now, 3)))).flat();
  expect(claims).toHaveLength(20);
  expect(new Set(claims.map(({ notificationId }) => notificationId)).size).toBe(20);
  expect(await claim(now + leaseMs - 1)).toEqual([]);
  const again = await claim(now + leaseMs, 100);
  expect(again).toHaveLength(20);
  expect(new Set(again.map(({ attempts }) => attempts))).toEqual(new Set([2]));
});

test("what somebody else is just claiming is passed over, not waited for", async () => {
  const [first, second] = [await added(now - 1_000), await added()];
  const lock = "select 1 from notifications where notification_id = $1 for update";
  await postgres.transaction(async (other) => {
    await other.query(lock, [first.notificationId]);
    expect((await claim()).map(({ notificationId }) => notificationId)).toEqual([second.notificationId]);
  });
});

test("nothing is claimed before it is due, and the longest due first", async () => {
  await added(now + 1_000);
  const { notificationId } = await added(now - 1_000);
  expect(await claim(now - 1_001)).toEqual([]);
  expect((await claim(now + 5_000, 1)).map((each) => each.notificationId)).toEqual([notificationId]);
});

const failed = (attempt: number, retryAtMs: number | undefined) => ({
  attempt,
  counts: true,
  reason: "no",
  recipientMasked: "",
  retryAtMs,
});

test("a failure is believed of the last who claimed, and a success of anybody", async () => {
  const { notificationId } = await added();
  await claim(now);
  await claim(now + leaseMs);
  expect(await store.markFailed(notificationId, failed(1, undefined))).toBe(false);
  expect((await list())[0]).toMatchObject({ status: "sending", attempts: 2, errorReason: "" });
  await store.markSent(notificationId, { sentTimeMs: now, recipientMasked: "a***@b.example" });
  expect(await store.markFailed(notificationId, failed(2, now))).toBe(false);
  await store.markSent(notificationId, { sentTimeMs: now + 99, recipientMasked: "b***@b.example" });
  expect((await list())[0]).toMatchObject({
    status: "sent",
    sentTimeMs: now,
    recipientMasked: "a***@b.example",
  });
});

test("a failure is due again when it says, or never", async () => {
  const { notificationId } = await added();
  await claim();
  expect(await store.markFailed(notificationId, failed(1, now + 1_000))).toBe(true);
  expect(await claim(now + 999)).toEqual([]);
  expect(await claim(now + 1_000)).toHaveLength(1);
  expect(await store.markFailed(notificationId, failed(2, undefined))).toBe(true);
  expect(await claim(now + 365 * 86_400_000)).toEqual([]);
  expect((await list())[0]).toMatchObject({ status: "failed", errorReason: "no" });
});

test("a failure that does not count leaves its number to the next attempt, and no earlier claimer's word is taken for it", async () => {
  const { notificationId } = await added();
  await claim(now);
  await claim(now + leaseMs);
  const uncounted = { ...failed(2, now + leaseMs), counts: false };
  expect(await store.markFailed(notificationId, uncounted)).toBe(true);
  expect((await list())[0]).toMatchObject({ status: "pending", attempts: 1, errorReason: "no" });
  expect((await claim(now + leaseMs))[0]).toMatchObject({ attempts: 2 });
  expect(await store.markFailed(notificationId, failed(1, now))).toBe(false);
});

test("a resending is a row of its own, due at once, and one however often it is asked for", async () => {
  const { notificationId, ...original } = await added();
  await claim();
  await store.markFailed(notificationId, failed(1, undefined));
  expect(await store.count()).toMatchObject({ waiting: 0, failed: 1 });
  const newId = resendIdOf(notificationId, randomUUID());
  const resend = () => store.resend(notificationId, { newId, nowMs: now + 50 });
  const [first, second] = await Promise.all([resend(), resend()]);
  expect(first).toEqual(second);
  expect(first).toMatchObject({ ...original, notificationId: newId, createTimeMs: now + 50, attempts: 0 });
  expect(await store.count()).toMatchObject({ waiting: 1, failed: 0, oldestCreateTimeMs: now + 50 });
  expect(await claim(now + 50)).toHaveLength(1);
  const unknown = randomUUID();
  expect(await store.resend(unknown, { newId: resendIdOf(unknown, newId), nowMs: now })).toBeUndefined();
});

test("what waits is counted, and since when", async () => {
  expect(await store.count()).toEqual({ waiting: 0, failed: 0, oldestCreateTimeMs: undefined });
  await added(now + 1);
  await added(now);
  await claim(now, 1);
  expect(await store.count()).toEqual({ waiting: 2, failed: 0, oldestCreateTimeMs: now });
});

test("a row has no place for what must not be kept", async () => {
  const columns = await postgres.query<{ name: string }>(
    `select column_name as name from information_schema.columns
     where table_schema = current_schema() and table_name = 'notifications'`,
  );
  const names = columns.map(({ name }) => name).join(" ");
  expect(names).toContain("recipient_masked");
  expect(names).not.toMatch(/email|address|text|html|body|username/);
  expect(attemptsMax).toBeGreaterThan(1);
});
