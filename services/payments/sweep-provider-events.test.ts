// Events that never come: the provider's own list is read, piece by piece, and what it tells is done.

import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { EventRange, Provider } from "./provider.ts";
import { memoryProviderEventStore } from "./provider-event-store.memory.ts";
import { sweepProviderEvents } from "./sweep-provider-events.ts";
import { byOrder, invoice, paymentIn, startTestPayments, startTestProvider } from "./testing.ts";
import { silentLog } from "./testing-shop.ts";

test("a dispute and a refund of which no event ever comes are found in the provider's list", async () => {
  const provider = await startTestProvider();
  const payments = await startTestPayments(provider.url, { PROVIDER_EVENTS_EVERY_MS: "300" });
  onTestFinished(async () => {
    await payments.stop();
    await provider.stop();
  });
  const captured = async () => {
    const asked = invoice();
    await payments.client.createPayment(asked);
    return paymentIn(await payments.client.capturePayment(byOrder(asked.orderId)));
  };
  const statusOf = async ({ orderId }: { orderId: string }) =>
    paymentIn(await payments.client.getPayment(byOrder(orderId))).status;
  const [disputed, refunded] = [await captured(), await captured()];
  const patient = { timeout: 20_000 };
  await provider.admin("POST", "disputes", { payment_intent: disputed.providerReference });
  await provider.api("POST", "refunds", { payment_intent: refunded.providerReference, amount: "500" });
  await expect.poll(() => statusOf(disputed), patient).toBe("PAYMENT_STATUS_DISPUTED");
  await expect.poll(() => statusOf(refunded), patient).toBe("PAYMENT_STATUS_PARTIALLY_REFUNDED");
  const lost = { payment_intent: disputed.providerReference, outcome: "lost" };
  await provider.admin("POST", "disputes/close", lost);
  await expect.poll(() => statusOf(disputed), patient).toBe("PAYMENT_STATUS_REFUNDED");
});

const hour = 3_600_000;
const everyMs = 60_000;

/** A sweep over what `provider` answers, begun at `beganMs`. */
async function sweeper(beganMs: number, provider: Provider["events"]) {
  let clockMs = beganMs;
  const events = memoryProviderEventStore();
  await events.swept(beganMs, beganMs);
  const parts = {
    events,
    provider: { events: provider } as Provider,
    log: silentLog,
    nowMs: () => clockMs,
    received: { add() {} },
    wakeEvents() {},
  };
  return {
    events,
    sweep: () => sweepProviderEvents(parts, { everyMs }),
    pass: (ms: number) => {
      clockMs += ms;
    },
  };
}

const eventOf = (eventId: string) => ({
  eventId,
  type: "charge.refunded",
  paymentReference: "pi_1",
  paymentId: randomUUID(),
  createTimeMs: 0,
});

test("the list is read without a gap, a bit twice, and no further than what has had time to come", async () => {
  const beganMs = Date.UTC(2030, 0, 1);
  const asked: EventRange[] = [];
  const { sweep, pass } = await sweeper(beganMs, async (range) => {
    if (range.type === "charge.refunded") asked.push(range);
    return { is: "done", events: [], next: undefined };
  });
  expect(await sweep()).toBe(false);
  pass(14 * hour);
  while (await sweep());
  const pieces = asked.map(({ sinceMs, untilMs }) => [sinceMs - beganMs, untilMs - beganMs]);
  const overlapMs = 300_000;
  expect(pieces).toEqual([
    [-overlapMs, 6 * hour],
    [6 * hour - overlapMs, 12 * hour],
    [12 * hour - overlapMs, 14 * hour - everyMs],
  ]);
  expect(await sweep()).toBe(false);
  expect(asked).toHaveLength(3);
});

test("a piece that was not answered is read again, and an event that came is not new", async () => {
  let isDown = true;
  const { sweep, pass, events } = await sweeper(Date.UTC(2030, 0, 1), async ({ type, after }) => {
    if (isDown && type === "refund.failed") return { is: "unanswered" };
    if (type !== "charge.refunded") return { is: "done", events: [], next: undefined };
    return after === undefined
      ? { is: "done", events: [eventOf("evt_2")], next: "evt_2" }
      : { is: "done", events: [eventOf("evt_1")], next: undefined };
  });
  await events.add(eventOf("evt_1"), "waiting", 0);
  pass(hour);
  await expect(sweep()).rejects.toThrow("has not answered");
  isDown = false;
  expect(await sweep()).toBe(false);
  pass(everyMs);
  await sweep();
  const claimed = await events.claim({ nowMs: Number.MAX_SAFE_INTEGER, leaseMs: 0, limit: 10 });
  expect(claimed.map(({ eventId }) => eventId).toSorted()).toEqual(["evt_1", "evt_2"]);
  expect(await events.claimSweep({ nowMs: Date.UTC(2031, 0, 1), everyMs })).toBe(Date.UTC(2030, 0, 1) + hour);
});

test("a piece with more events than are read at once is read in smaller ones, to its oldest event", async () => {
  const beganMs = Date.UTC(2030, 0, 1);
  const whole: number[] = [];
  const { sweep, pass, events } = await sweeper(beganMs, async ({ type, untilMs, after }) => {
    const page = Number(after ?? 0) + 1;
    if (type !== "charge.refunded") return { is: "done", events: [], next: undefined };
    // The newest first, and a hundred and twenty pages in two hours.
    const pages = Math.ceil(((untilMs - beganMs) / hour) * 60);
    if (page < pages) return { is: "done", events: [], next: String(page) };
    whole.push(untilMs - beganMs);
    return { is: "done", events: [eventOf("evt_oldest")], next: undefined };
  });
  pass(4 * hour + everyMs);
  expect(await sweep()).toBe(true);
  expect(whole).toEqual([hour]);
  const claimed = await events.claim({ nowMs: Number.MAX_SAFE_INTEGER, leaseMs: 0, limit: 10 });
  expect(claimed.map(({ eventId }) => eventId)).toEqual(["evt_oldest"]);
  expect(await events.claimSweep({ nowMs: Date.UTC(2031, 0, 1), everyMs })).toBe(beganMs + hour);
});

test("a second with more events than are read at once is not taken for read", async () => {
  const beganMs = Date.UTC(2030, 0, 1);
  const endless: Provider["events"] = async () => ({ is: "done", events: [], next: "evt_1" });
  const { sweep, pass, events } = await sweeper(beganMs, endless);
  pass(hour);
  await expect(sweep()).rejects.toThrow("more events than can be read at once");
  expect(await events.claimSweep({ nowMs: Date.UTC(2031, 0, 1), everyMs })).toBe(beganMs);
});
