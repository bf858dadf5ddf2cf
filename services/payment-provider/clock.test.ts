import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import { openClock } from "./clock.ts";
import { openDatabase } from "./database.ts";
import {
  admin,
  advance,
  dayMs,
  eventsOf,
  hold,
  refusalOf,
  startTestProvider,
  sumsOf,
  take,
} from "./testing.ts";

type ClockAnswer = { now: string; now_ms: number; ahead_ms: number; still_due: number };

const startMs = 1_800_000_000_000;

test("the clock runs with the real one, ahead of it by all its jumps", async () => {
  let nowMs = startMs;
  const { url } = await startTestProvider({}, { nowMs: () => nowMs });
  const read = async () => (await (await admin(url, "GET", "clock")).json()) as ClockAnswer;
  expect(await read()).toMatchObject({ now_ms: startMs, ahead_ms: 0 });
  await advance(url, dayMs);
  nowMs += 1_000;
  expect(await advance(url, 5)).toMatchObject({ now_ms: startMs + dayMs + 1_005, still_due: 0 });
  expect(await read()).toMatchObject({ now: new Date(startMs + dayMs + 1_005).toISOString() });
});

test.each([
  {},
  { advance_ms: -1 },
  { advance_ms: 0.5 },
  { advance_ms: "1000" },
  { advance_ms: 367 * dayMs },
  { advance_ms: 1, now_ms: 5 },
  { advance_ms: 1, keep_keys: "no" },
])("a jump that is not one is refused, and the clock stays: %j", async (body) => {
  const { url } = await startTestProvider();
  expect((await admin(url, "PUT", "clock", body)).status).toBe(400);
  expect(await (await admin(url, "GET", "clock")).json()).toMatchObject({ ahead_ms: 0 });
});

test("the clock goes a hundred years and no further", async () => {
  const { url } = await startTestProvider();
  for (let year = 0; year < 100; year += 1) await advance(url, 366 * dayMs);
  expect((await admin(url, "PUT", "clock", { advance_ms: 1 })).status).toBe(409);
});

test("what was held for 7 days is let go, what was captured stays", async () => {
  const { stripe, url } = await startTestProvider();
  const held = await hold(stripe, { expand: ["latest_charge"] });
  const taken = await take(stripe);
  const charge = held.latest_charge as Stripe.Charge;
  expect(charge.payment_method_details?.card?.capture_before).toBe(held.created + 7 * 86_400);
  await advance(url, 7 * dayMs - 60_000);
  expect((await stripe.paymentIntents.retrieve(held.id)).status).toBe("requires_capture");
  await advance(url, 60_000);
  expect(await stripe.paymentIntents.retrieve(held.id)).toMatchObject({
    status: "canceled",
    cancellation_reason: "automatic",
    amount_capturable: 0,
  });
  expect((await stripe.paymentIntents.retrieve(taken.id)).status).toBe("succeeded");
  expect(await refusalOf(stripe.paymentIntents.capture(held.id))).toMatchObject({
    code: "payment_intent_unexpected_state",
  });
  expect(await sumsOf(url)).toMatchObject({ held: 0, captured: 1000 });
  const [newest] = (await stripe.events.list({ type: "payment_intent.canceled" })).data;
  expect(newest?.request).toEqual({ id: null, idempotency_key: null });
  expect(await eventsOf(stripe)).toHaveLength(4);
});

test("an authorization that ended otherwise leaves nothing that waits", async () => {
  const { stripe, url, provider } = await startTestProvider();
  await take(stripe);
  await stripe.paymentIntents.cancel((await hold(stripe)).id);
  await refusalOf(take(stripe, { payment_method: "pm_webstore_captureDeclined" }));
  expect(provider.timers.nextAtMs()).toBeUndefined();
  const events = await eventsOf(stripe);
  await advance(url, 8 * dayMs);
  expect(await eventsOf(stripe)).toEqual(events);
});

test("a timer that a killed process left behind does nothing to what was captured", async () => {
  const { stripe, url, provider } = await startTestProvider();
  const { id } = await take(stripe);
  provider.timers.set({ kind: "expire_authorization", subject: id, dueAtMs: 0, details: {} });
  expect(await advance(url, dayMs)).toMatchObject({ still_due: 0 });
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("succeeded");
});

test("a refused capture lets go of the authorization, and the next one ends by its own time", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, { payment_method: "pm_webstore_captureDeclined" });
  await refusalOf(stripe.paymentIntents.capture(id));
  await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
  await advance(url, 6 * dayMs);
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_capture");
  await advance(url, 2 * dayMs);
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("canceled");
});

test("kept answers grow old with the clock, unless a jump spares them", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, {}, "key-1");
  await advance(url, 2 * dayMs, { keep_keys: true });
  expect((await hold(stripe, {}, "key-1")).id).toBe(id);
  await advance(url, dayMs);
  expect((await hold(stripe, {}, "key-1")).id).not.toBe(id);
});

test("what is written down is real time, so that callers find it by theirs", async () => {
  const { stripe, url } = await startTestProvider({}, { nowMs: () => startMs });
  await advance(url, 30 * dayMs);
  const { id } = await hold(stripe);
  const seconds = startMs / 1_000;
  const found = await stripe.paymentIntents.list({ created: { gte: seconds, lte: seconds } });
  expect(found.data.map((intent) => intent.id)).toEqual([id]);
  expect((await stripe.events.list()).data[0]?.created).toBe(seconds);
});

test("a jump makes what was there older, and nothing that comes after it", () => {
  let nowMs = startMs;
  const clock = openClock(openDatabase(":memory:"), () => nowMs);
  expect(clock.madeAtMs(10)).toBe(startMs - 10);
  clock.advance({ ms: 100, keepKeys: false });
  expect(clock.madeAtMs(10)).toBe(startMs);
  expect(clock.madeAtMs(100)).toBe(startMs);
  expect(clock.madeAtMs(130)).toBe(startMs - 30);
  nowMs += 50;
  expect(clock.madeAtMs(10)).toBe(startMs + 40);
  clock.advance({ ms: 1_000, keepKeys: false });
  expect(clock.madeAtMs(1_020)).toBe(startMs + 30);
  expect(clock.madeAtMs(1_200)).toBe(startMs - 50);
});

test("old events and kept answers are forgotten, what came after a jump is not", async () => {
  let nowMs = startMs;
  const { stripe, url, provider } = await startTestProvider({}, { nowMs: () => nowMs });
  await hold(stripe, {}, "key-1");
  nowMs += 1_000;
  await advance(url, 31 * dayMs);
  const { id } = await hold(stripe, {}, "key-2");
  const rows = (table: string) => provider.database.prepare(`SELECT count(*) AS count FROM ${table}`).get();
  // The payment that was held for a month was let go a moment ago, and that was told.
  await expect.poll(async () => (await eventsOf(stripe)).length).toBe(2);
  const objects = (await stripe.events.list()).data.map(({ data }) => (data.object as { id: string }).id);
  expect(objects).toContain(id);
  expect(rows("idempotency")).toEqual({ count: 1 });
  expect(rows("payment_intents")).toEqual({ count: 2 });
});
