// Senders that run beside each other, over a real Postgres and a real mail server.

import { unrecordedTelemetry } from "@webstore/kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Notification } from "./notification.ts";
import { sendNotification } from "./send-notification.ts";
import { inHandMax, startSender } from "./sender.ts";
import { type Desk, leaseMs, openDesk } from "./testing-desk.ts";

/** How long a test waits for what comes by itself. */
const soon = { timeout: 10_000 };

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk?.close());

const never = () => new Promise<never>(() => {});

describe("senders that run", () => {
  const start = (send: (each: Notification, leaseUntilMs: number) => ReturnType<typeof sendNotification>) =>
    startSender({
      store: desk.store,
      send,
      leaseMs,
      lookEveryMs: 20,
      nowMs: () => desk.clock.nowMs,
      delayMs: async () => {},
      telemetry: unrecordedTelemetry("notifications"),
      log: desk.log,
    });

  test("two at once send each notification once, and no more than four at a time each", async () => {
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
