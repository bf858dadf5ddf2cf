// Senders that run beside each other, over a real Postgres and a real mail server.

import { unrecordedTelemetry } from "@webstore/kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageIdOf, type NewNotification, type Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { sendNotification } from "./send-notification.ts";
import { inHandMax, startSender } from "./sender.ts";
import { type Desk, from, leaseMs, openDesk } from "./testing-desk.ts";
import { newNotification } from "./testing-notifications.ts";

/** How long a test waits for what comes by itself. */
const soon = { timeout: 10_000 };

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk?.close());

const never = () => new Promise<never>(() => {});

describe("senders that run", () => {
  const start = (
    send: (each: Notification, leaseUntilMs: number) => ReturnType<typeof sendNotification>,
    store: Pick<NotificationStore, "claim"> = desk.store,
  ) =>
    startSender({
      store,
      send,
      leaseMs,
      lookEveryMs: 20,
      nowMs: () => desk.clock.nowMs,
      delayMs: async () => {},
      telemetry: unrecordedTelemetry("notifications"),
      log: desk.log,
    });

  test("two at once send each notification once, and no more than they may at a time", async () => {
    for (let count = 0; count < 40; count += 1) await desk.added();
    let inHand = 0;
    let inHandMost = 0;
    const counted = () => async (each: Notification, leaseUntilMs: number) => {
      inHandMost = Math.max(inHandMost, ++inHand);
      const outcome = await sendNotification(each, leaseUntilMs, desk.parts());
      inHand -= 1;
      return outcome;
    };
    const senders = [start(counted()), start(counted())];
    for (const sender of senders) sender.wake();
    await expect.poll(async () => (await desk.store.count()).waiting, soon).toBe(0);
    for (const sender of senders) await sender.stop(0);
    expect(desk.server.taken).toHaveLength(40);
    expect(new Set(desk.messageIds()).size).toBe(40);
    expect(inHandMost).toBeGreaterThan(1);
    expect(inHandMost).toBeLessThanOrEqual(2 * inHandMax);
  });

  test("one that is slow holds up nobody: the others go out beside it", async () => {
    const slow = await desk.added();
    const release = Promise.withResolvers<void>();
    const sender = start(async (each, leaseUntilMs) => {
      if (each.notificationId === slow.notificationId) await release.promise;
      return sendNotification(each, leaseUntilMs, desk.parts());
    });
    for (let count = 0; count < 12; count += 1) await desk.added();
    sender.wake();
    await expect.poll(() => desk.server.taken.length, soon).toBe(12);
    release.resolve();
    await expect.poll(() => desk.server.taken.length, soon).toBe(13);
    await sender.stop(0);
  });

  test("one whose database or whose work fails goes on at the next look", async () => {
    let failures = 2;
    const sender = startSender({
      store: { claim: (is) => (failures-- > 0 ? Promise.reject(new Error("away")) : desk.store.claim(is)) },
      send: (each, leaseUntilMs) => sendNotification(each, leaseUntilMs, desk.parts()),
      leaseMs,
      lookEveryMs: 5,
      nowMs: () => desk.clock.nowMs,
      delayMs: async () => {},
      telemetry: unrecordedTelemetry("notifications"),
      log: desk.log,
    });
    await desk.added();
    await expect.poll(() => desk.server.taken.length, soon).toBe(1);
    await sender.stop(0);
    expect(desk.logged).toHaveLength(2);
  });

  const stored = (notification: NewNotification) => async (leaseUntilMs?: number) => {
    const rows = await desk.postgres.commit(desk.store.add(notification, leaseUntilMs));
    return rows.at(-1)?.length === 1;
  };
  const send = (each: Notification, leaseUntilMs: number) =>
    sendNotification(each, leaseUntilMs, desk.parts());

  /** What it sends it has from nowhere else than `takeOn`. */
  const startWithoutClaims = async (...[work]: Parameters<typeof start>) => {
    const sender = start(work, { claim: async () => [] });
    // Its first look is over then.
    await new Promise(setImmediate);
    return sender;
  };

  test("what is new is claimed by the commit that stores it, and goes out once however often it comes", async () => {
    let begun = 0;
    const sender = await startWithoutClaims((...given) => {
      begun += 1;
      return send(...given);
    });
    const notification = newNotification(desk.clock.nowMs);
    await sender.takeOn(notification, stored(notification));
    await sender.takeOn(notification, stored(notification));
    await expect.poll(async () => (await desk.rowOf(notification)).status, soon).toBe("sent");
    await sender.stop(0);
    expect(begun).toBe(1);
    expect(desk.messageIds()).toEqual([messageIdOf(notification.notificationId, from.address)]);
    expect(await desk.rowOf(notification)).toMatchObject({ status: "sent", attempts: 1 });
  });

  test("what is new when no place is free is stored for whoever has one, and those that wait go first", async () => {
    const release = Promise.withResolvers<void>();
    let begun = 0;
    const sender = start(async (each, leaseUntilMs) => {
      begun += 1;
      await release.promise;
      return send(each, leaseUntilMs);
    });
    for (let count = 0; count < inHandMax; count += 1) await desk.added();
    sender.wake();
    await expect.poll(() => begun, soon).toBe(inHandMax);
    const late = newNotification(desk.clock.nowMs);
    await sender.takeOn(late, stored(late));
    expect(await desk.rowOf(late)).toMatchObject({ status: "pending", attempts: 0 });
    release.resolve();
    await expect.poll(() => desk.server.taken.length, soon).toBe(inHandMax + 1);
    await sender.stop(0);
  });

  test("one that could not be stored leaves its place to others", async () => {
    const sender = await startWithoutClaims(send);
    const away = () => Promise.reject(new Error("away"));
    for (let count = 0; count < 2 * inHandMax; count += 1)
      await expect(sender.takeOn(newNotification(desk.clock.nowMs), away)).rejects.toThrow("away");
    const notification = newNotification(desk.clock.nowMs);
    await sender.takeOn(notification, stored(notification));
    await expect.poll(() => desk.server.taken.length, soon).toBe(1);
    await sender.stop(0);
  });

  test("those that wait are claimed several at a time", async () => {
    for (let count = 0; count < 40; count += 1) await desk.added();
    const limits: number[] = [];
    const claim: typeof desk.store.claim = (is) => {
      limits.push(is.limit);
      return desk.store.claim(is);
    };
    const sender = start(send, { claim });
    await expect.poll(() => desk.server.taken.length, soon).toBe(40);
    await sender.stop(0);
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(inHandMax / 2);
  });

  test("one that stops finishes what it has in hand and takes on nothing more", async () => {
    await desk.added();
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const sender = startSender({
      store: desk.store,
      send: async (each, leaseUntilMs) => {
        begun.resolve();
        await release.promise;
        return sendNotification(each, leaseUntilMs, desk.parts());
      },
      leaseMs,
      lookEveryMs: 5,
      nowMs: () => desk.clock.nowMs,
      delayMs: never,
      telemetry: unrecordedTelemetry("notifications"),
      log: desk.log,
    });
    await begun.promise;
    const stopped = sender.stop(1_000);
    const { notificationId } = await desk.added();
    sender.wake();
    release.resolve();
    await stopped;
    expect(desk.server.taken).toHaveLength(1);
    expect(await desk.rowOf({ notificationId })).toMatchObject({ status: "pending", attempts: 0 });
  });
});
