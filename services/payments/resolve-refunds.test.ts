// Refunds that were answered as asked for, and that the provider then refuses: none of them vanishes.

import { expect, test } from "vitest";
import type { Provider } from "./provider.ts";
import { paymentIn } from "./testing.ts";
import { capturedPayment, reasonOf, type Shop, shop, silentLog } from "./testing-shop.ts";

const second = 1_000;
const hour = 3_600 * second;
const nothing = { heldMinor: 0n, takenMinor: 0n };

/** A refund of everything, whose caller was told that it is not settled yet. */
async function askedRefund(at: Shop) {
  const captured = await capturedPayment(at);
  const deaf = at.process({ provider: { refund: async () => ({ is: "unanswered" }) } });
  expect((await deaf.processRefund(captured.refund)).refund).toMatchObject({ settled: false });
  return captured;
}

/** A provider that refuses every refund for this. */
const refusing = (code: string, asked: { attempt: number; atMs: number }[] = [], at?: Shop) => ({
  refund: (async (_, { attempt }) => {
    asked.push({ attempt, atMs: at?.nowMs() ?? 0 });
    return { is: "refused", code };
  }) satisfies Provider["refund"],
});

function watchedLog() {
  const said: object[] = [];
  return { said, log: { ...silentLog, error: (line: object) => said.push(line) } };
}

test("a refund that was answered as asked for and refused later stays asked for until it is given", async () => {
  const at = shop();
  const { which, refund, refundId } = await askedRefund(at);
  at.passMs(5 * second);
  await at.resolve({ provider: refusing("balance_insufficient") });
  const left = await at.process().getPayment(which);
  expect(left.refunds).toMatchObject([{ refundId, settled: false }]);
  const another = { ...refund, refundId: "00000000-0000-4000-8000-0000000000ff" };
  expect(await reasonOf(at.process().processRefund(another))).toBe("payment_not_refundable");
  at.passMs(5 * second);
  await at.resolve();
  expect((await at.process().getPayment(which)).refunds).toMatchObject([{ refundId, settled: true }]);
  expect(at.provider.standing()).toEqual(nothing);
  expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone", "PaymentRefunded"]);
});

test.each(["the resolver", "an event of the provider"])(
  "a pending refund of which %s finds out that it failed is given under the next key",
  async (finder) => {
    const at = shop();
    const { which, refund, refundId } = await capturedPayment(at);
    at.provider.holdRefunds(1);
    const { payment } = await at.process().processRefund(refund);
    at.provider.endRefund(refundId, "failed");
    if (finder === "the resolver") {
      at.passMs(5 * second);
      await at.resolve();
    } else {
      // Long after nobody asks about it any more.
      for (let ask = 0; ask < 12; ask += 1) {
        at.passHours(48);
        await at.resolve({ provider: { returns: async () => ({ is: "unanswered" }) } });
      }
      const { paymentId = "", providerReference: paymentReference = "" } = payment ?? {};
      const is = { eventId: "evt_1", type: "refund.failed", createTimeMs: at.nowMs() };
      await at.tell({ ...is, paymentId, paymentReference });
      await at.apply();
    }
    expect((await at.process().getPayment(which)).refunds).toMatchObject([{ refundId, settled: false }]);
    at.passMs(5 * second);
    await at.resolve();
    expect((await at.process().getPayment(which)).refunds).toMatchObject([{ refundId, settled: true }]);
    expect(at.provider.standing()).toEqual(nothing);
    expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone", "PaymentRefunded"]);
  },
);

test("a refund that is refused for ever is asked for ever more patiently, then left to a person and said once", async () => {
  const at = shop();
  const { which, refundId } = await askedRefund(at);
  const asked: { attempt: number; atMs: number }[] = [];
  const { said, log } = watchedLog();
  const beganAtMs = at.nowMs();
  while (at.nowMs() < beganAtMs + 40 * 24 * hour) {
    await at.resolve({ provider: refusing("balance_insufficient", asked, at), log });
    at.passMs(at.nowMs() < beganAtMs + 2 * hour ? second : hour);
  }
  // After a day a key is not used any more, and a new one is taken.
  expect(asked.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 7, 9, 11]);
  const pauses = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  const { payment, refunds } = await at.process().getPayment(which);
  expect(payment).toMatchObject({ resolutionGivenUp: true, refundedMinor: 0n });
  expect(refunds).toMatchObject([{ refundId, settled: false }]);
  expect(said).toMatchObject([{ payment_id: payment?.paymentId, status: "captured" }]);
  expect(await at.store.unresolved(at.nowMs())).toMatchObject([{ isGivenUp: true, count: 1 }]);
});

test.each(["charge_already_refunded", "charge_disputed", "amount_too_large"])(
  "a refund that was answered as asked for and is refused for good (%s) is left to a person, and said",
  async (code) => {
    const at = shop();
    const { which, refund, refundId } = await askedRefund(at);
    const { said, log } = watchedLog();
    at.passMs(5 * second);
    await at.resolve({ provider: refusing(code), log });
    const { payment, refunds } = await at.process().getPayment(which);
    expect(payment).toMatchObject({ resolutionGivenUp: true });
    expect(refunds).toEqual([]);
    expect(said[0]).toMatchObject({ payment_id: payment?.paymentId, refund_id: refundId });
    expect(await at.store.unresolved(at.nowMs() + 1)).toMatchObject([{ isGivenUp: true, count: 1 }]);
    at.passHours(48);
    await at.resolve({ provider: refusing("nobody asks") });

    // The person asks again, under the same id.
    expect((await at.process().processRefund(refund)).refund).toMatchObject({ refundId, settled: true });
    expect(paymentIn(await at.process().getPayment(which))).toMatchObject({ resolutionGivenUp: false });
    expect(await at.store.unresolved(at.nowMs() + 1)).toEqual([]);
    expect(at.provider.standing()).toEqual(nothing);
  },
);

test("who repeats a refund that is not settled and the resolver come to one refund", async () => {
  const at = shop();
  const { refund, refundId } = await askedRefund(at);
  const poor = { provider: refusing("balance_insufficient") };
  for (let time = 0; time < 3; time += 1) {
    const { refund: repeated } = await at.process(poor).processRefund(refund);
    expect(repeated).toMatchObject({ refundId, settled: false });
    at.passMs(30 * second);
    await at.resolve(poor);
  }
  at.passHours(2);
  await at.resolve();
  expect((await at.process().processRefund(refund)).refund).toMatchObject({ refundId, settled: true });
  expect(at.provider.standing()).toEqual(nothing);
  expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone", "PaymentRefunded"]);
});

test("who repeats a refund that is then refused for good is told so", async () => {
  const at = shop();
  const { refund } = await askedRefund(at);
  const again = at.process({ provider: refusing("charge_already_refunded") }).processRefund(refund);
  expect(await reasonOf(again)).toBe("payment_not_refundable");
});
