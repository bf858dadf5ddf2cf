// Sending over a real Postgres and a real mail server: what arrives, how often, and what becomes of what does not. The
// clock is the test's, so that a day passes at once.

import { Outage, Refusal } from "@webstore/kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { attemptsMax, messageIdOf, type Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { type SendParts, sendNotification } from "./send-notification.ts";
import { address, type Desk, from, leaseMs, openDesk } from "./testing-desk.ts";
import type { Treatment } from "./testing-mail-server.ts";
import { customerAt } from "./testing-notifications.ts";

/** How long a test waits for what comes by itself. */
const soon = { timeout: 10_000 };

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk?.close());

/** After this the connection would be given up by itself. */
const silenceMs = 20_000;
const never = () => new Promise<never>(() => {});

test("a notification becomes one mail to the customer's address of today, and the row says so", async () => {
  const notification = await desk.added();
  expect(await desk.sendDue()).toEqual(["sent"]);
  const [taken] = desk.server.taken;
  expect(taken?.to).toEqual([address]);
  expect(taken?.mail).toMatchObject({
    messageId: messageIdOf(notification.notificationId, from.address),
    subject: notification.subject,
    text: expect.stringContaining("2 × Blue mug"),
    html: expect.stringContaining("Desk lamp"),
  });
  expect(await desk.rowOf(notification)).toMatchObject({
    status: "sent",
    attempts: 1,
    recipientMasked: "a***@example.com",
    sentTimeMs: desk.clock.nowMs,
  });
  expect(await desk.sendDue()).toEqual([]);
});

test("half of a lease need not be a whole number of milliseconds", async () => {
  await desk.added();
  const [claimed] = await desk.claim();
  const leaseUntilMs = desk.clock.nowMs + leaseMs - 1;
  expect(await sendNotification(claimed as Notification, leaseUntilMs, desk.parts())).toBe("sent");
});

test("a server that puts off, hangs up or is away is tried again on the schedule, with the same Message-ID", async () => {
  const notification = await desk.added();
  const treatments: Treatment[] = ["busy", "lose", "busy", "lose"];
  desk.server.next(...treatments);
  for (const [index, waitMs] of [1_000, 2_000, 4_000, 30_000].entries()) {
    expect(await desk.sendDue()).toEqual(["retried"]);
    expect(await desk.rowOf(notification)).toMatchObject({ status: "pending", attempts: index + 1 });
    desk.clock.nowMs += waitMs - 1;
    expect(await desk.sendDue()).toEqual([]);
    desk.clock.nowMs += 1;
  }
  expect(await desk.sendDue()).toEqual(["sent"]);
  expect(desk.messageIds()).toEqual([messageIdOf(notification.notificationId, from.address)]);
  expect(await desk.rowOf(notification)).toMatchObject({ status: "sent", attempts: 5, errorReason: "" });
});

test("after a day of trying it is given up, and says why", async () => {
  const notification = await desk.added();
  const startedAtMs = desk.clock.nowMs;
  desk.server.next(...Array<Treatment>(attemptsMax).fill("busy"));
  for (let attempt = 1; attempt < attemptsMax; attempt += 1) {
    expect(await desk.sendDue()).toEqual(["retried"]);
    desk.clock.nowMs += 3_600_000;
  }
  expect(await desk.sendDue()).toEqual(["failed"]);
  expect(desk.clock.nowMs).toBeGreaterThan(startedAtMs + 23 * 3_600_000);
  const errorReason = "the mail server answered 450 4.2.1 come back later";
  expect(await desk.rowOf(notification)).toMatchObject({
    status: "failed",
    attempts: attemptsMax,
    errorReason,
  });
  expect(await desk.store.count()).toMatchObject({ failed: 1, waiting: 0 });
  desk.clock.nowMs += 365 * 86_400_000;
  expect(await desk.sendDue()).toEqual([]);
});

test.each<[Treatment, RegExp]>([
  ["refuse", /550 5\.1\.1/],
  ["rejected", /554 5\.7\.1/],
])("a final answer (%s) fails at once, without the address in the reason", async (treatment, reason) => {
  const notification = await desk.added();
  desk.server.next(treatment);
  expect(await desk.sendDue()).toEqual(["failed"]);
  const { status, errorReason } = await desk.rowOf(notification);
  expect([status, errorReason]).toEqual(["failed", expect.stringMatching(reason)]);
  expect(errorReason).not.toMatch(/ada|@/);
  expect(desk.server.taken).toEqual([]);
});

test("a server that says nothing is given up on within half a lease", {
  timeout: silenceMs / 2,
}, async () => {
  const notification = await desk.added();
  desk.server.next("hang");
  const [claimed] = await desk.claim();
  // Half of what is left of this lease is a tenth of a second.
  const outcome = await sendNotification(claimed as Notification, desk.clock.nowMs + 200, desk.parts());
  expect(outcome).toBe("retried");
  expect(await desk.rowOf(notification)).toMatchObject({
    errorReason: "the mail server did not answer in time",
  });
});

describe("a process that dies", () => {
  test("before it sends: another sends, when the lease has ended", async () => {
    const notification = await desk.added();
    expect(await desk.claim()).toHaveLength(1);
    desk.clock.nowMs += leaseMs - 1;
    expect(await desk.sendDue()).toEqual([]);
    desk.clock.nowMs += 1;
    expect(await desk.sendDue()).toEqual(["sent"]);
    expect(desk.server.taken).toHaveLength(1);
    expect(await desk.rowOf(notification)).toMatchObject({ status: "sent", attempts: 2 });
  });

  test.each<[string, Treatment]>([
    ["while the server has not answered, and has not taken it", "lose"],
    ["while the server has not answered, and has taken it", "drop"],
  ])("%s: what arrives is one mail", async (_, treatment) => {
    const notification = await desk.added();
    desk.server.next(treatment);
    const [claimed] = await desk.claim();
    // Dead: how it ended is never noted.
    const dead = { ...desk.store, markFailed: never, markSent: never };
    void sendNotification(claimed as Notification, desk.clock.nowMs + leaseMs, desk.parts({ store: dead }));
    await expect.poll(() => desk.server.received(), soon).toBe(1);
    desk.clock.nowMs += leaseMs;
    expect(await desk.sendDue()).toEqual(["sent"]);
    expect(desk.server.taken).toHaveLength(treatment === "drop" ? 2 : 1);
    expect(new Set(desk.messageIds())).toEqual(
      new Set([messageIdOf(notification.notificationId, from.address)]),
    );
  });

  test("between the server's answer and the commit: the copy is the same mail", async () => {
    await desk.added();
    const [claimed] = await desk.claim();
    const answered = Promise.withResolvers<void>();
    const markSent = () => {
      answered.resolve();
      return never();
    };
    void sendNotification(
      claimed as Notification,
      desk.clock.nowMs + leaseMs,
      desk.parts({ store: { ...desk.store, markSent } }),
    );
    await answered.promise;
    desk.clock.nowMs += leaseMs;
    expect(await desk.sendDue()).toEqual(["sent"]);
    const [first, second] = desk.server.taken;
    expect(desk.server.taken).toHaveLength(2);
    const { messageId, date, subject, text, html, to } = first?.mail ?? {};
    expect(second?.mail).toMatchObject({ messageId, date, subject, text, html, to });
    desk.clock.nowMs += leaseMs;
    expect(await desk.sendDue()).toEqual([]);
  });

  test("at each attempt, is not followed for ever: the mail is given up", async () => {
    const notification = await desk.added();
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      expect(await desk.claim()).toHaveLength(1);
      desk.clock.nowMs += leaseMs;
    }
    expect(await desk.sendDue()).toEqual(["failed"]);
    expect(await desk.rowOf(notification)).toMatchObject({
      status: "failed",
      errorReason: expect.stringMatching(/given up/),
    });
    expect(desk.server.received()).toBe(0);
  });
});

test("a database that is away for a moment does not make a mail go twice", async () => {
  const notification = await desk.added();
  let away = 3;
  const markSent: NotificationStore["markSent"] = async (...given) => {
    if (away-- > 0) throw new Error("the database is away");
    await desk.store.markSent(...given);
  };
  expect(await desk.sendDue({ store: { ...desk.store, markSent } })).toEqual(["sent"]);
  desk.clock.nowMs += leaseMs;
  expect(await desk.sendDue()).toEqual([]);
  expect(desk.server.taken).toHaveLength(1);
  expect(await desk.rowOf(notification)).toMatchObject({ status: "sent" });
});

test("a sender that comes back after its lease cannot undo what another has done", async () => {
  const notification = await desk.added();
  const [stale] = await desk.claim();
  desk.clock.nowMs += leaseMs;
  expect(await desk.sendDue()).toEqual(["sent"]);
  desk.server.next("refuse");
  expect(await sendNotification(stale as Notification, desk.clock.nowMs, desk.parts())).toBe("overtaken");
  expect(await desk.rowOf(notification)).toMatchObject({ status: "sent", attempts: 2, errorReason: "" });
});

test("a service of ours that cannot even be asked is asked again soon, for as long as it takes", async () => {
  const notification = await desk.added();
  const away = new Outage("identity", "identity: the breaker is open", { notSent: true });
  const identity = { getUser: () => Promise.reject(away) };
  const waitsMs = [1_000, 2_000, 4_000, 30_000, ...Array<number>(attemptsMax).fill(60_000)];
  for (const [index, waitMs] of waitsMs.entries()) {
    expect(await desk.sendDue({ identity })).toEqual(["retried"]);
    expect(await desk.rowOf(notification)).toMatchObject({ attempts: Math.min(index + 1, 4) });
    desk.clock.nowMs += waitMs - 1;
    expect(await desk.sendDue()).toEqual([]);
    desk.clock.nowMs += 1;
  }
  // One that was asked and did not answer counts.
  const hanging = { getUser: () => Promise.reject(new Outage("identity", "DEADLINE_EXCEEDED")) };
  expect(await desk.sendDue({ identity: hanging })).toEqual(["retried"]);
  expect(await desk.rowOf(notification)).toMatchObject({ attempts: 5 });
  desk.clock.nowMs += 300_000;
  expect(await desk.sendDue()).toEqual(["sent"]);
});

describe("the customer", () => {
  const refusing = (reason: string): SendParts["identity"] => ({
    getUser: () =>
      Promise.reject(new Refusal({ service: "identity", reason, code: "NOT_FOUND", message: "none" })),
  });

  test("who does not exist gets no mail, and that is final", async () => {
    const notification = await desk.added();
    expect(await desk.sendDue({ identity: refusing("user_not_found") })).toEqual(["failed"]);
    expect(await desk.rowOf(notification)).toMatchObject({
      errorReason: "there is no such customer",
      recipientMasked: "",
    });
  });

  test.each([
    ["is away", { getUser: () => Promise.reject(new Outage("identity", "down")) }, "identity did not answer"],
    ["does not let us ask", refusing("permission_denied"), "identity refused: permission_denied"],
  ])("is asked for again when identity %s", async (_, identity, errorReason) => {
    const notification = await desk.added();
    expect(await desk.sendDue({ identity })).toEqual(["retried"]);
    expect(await desk.rowOf(notification)).toMatchObject({ status: "pending", errorReason });
    desk.clock.nowMs += 1_000;
    expect(await desk.sendDue()).toEqual(["sent"]);
  });

  test.each([
    "ada@example.com, eve@evil.example",
    "ada@example.com\r\nBcc: eve@evil.example",
    "ada <eve@evil.example>",
    "ada",
  ])("with %j for an address gets none, and neither does anybody else", async (email) => {
    const notification = await desk.added();
    expect(await desk.sendDue({ identity: customerAt(email) })).toEqual(["failed"]);
    expect(desk.server.received()).toBe(0);
    const { errorReason, recipientMasked } = await desk.rowOf(notification);
    expect(errorReason).toBe("the customer's address is none that mail can go to");
    expect(recipientMasked).not.toMatch(/\p{Cc}/u);
  });
});

test("an order that orders does not know is told with its products' ids; orders that is away is asked again", async () => {
  await desk.added();
  expect(await desk.sendDue({ namesOf: async () => new Map() })).toEqual(["sent"]);
  expect(desk.server.taken[0]?.mail.text).toContain("2 × Product 10000000-0000-4000-8000-000000000001");
  await desk.added();
  expect(await desk.sendDue({ namesOf: () => Promise.reject(new Outage("orders", "down")) })).toEqual([
    "retried",
  ]);
});

test("what goes wrong is told without the address and without a word of the mail", async () => {
  for (const treatment of ["busy", "refuse", "rejected", "lose"] as const) {
    await desk.added();
    desk.server.next(treatment);
    await desk.sendDue();
    desk.clock.nowMs += 1;
  }
  const bug = new TypeError(`cannot read ${address}`);
  await desk.added();
  await desk.sendDue({ namesOf: () => Promise.reject(bug) });
  const rows = await desk.postgres.query("select n::text from notifications n");
  const everything = JSON.stringify([desk.logged, rows]);
  expect(desk.logged.length).toBeGreaterThanOrEqual(5);
  expect(everything).toContain("TypeError");
  expect(everything).not.toMatch(/lovelace|Hello ada|Blue mug|Thank you/i);
});
