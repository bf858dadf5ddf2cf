// Capturing and refunding while answers are lost and processes die.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { byOrder, invoice, paymentIn } from "./testing.ts";
import { gated, never, reasonOf, type Shop, shop } from "./testing-shop.ts";

const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

async function captured({ process }: Shop) {
  const asked = invoice();
  const service = process();
  await service.createPayment(asked);
  await service.capturePayment(byOrder(asked.orderId));
  const refund = (amountMinor: bigint | undefined, refundId: string = randomUUID(), by = service) =>
    by.processRefund({
      ...byOrder(asked.orderId),
      amount: amountMinor === undefined ? undefined : usd(amountMinor),
      refundId,
      reason: "",
    });
  return { asked, service, which: byOrder(asked.orderId), refund };
}

test("a capture without an answer is settled by whoever asks next, and told once", async () => {
  const askers = ["capture", "create", "refund"] as const;
  for (const asker of askers) {
    const { provider, store, process } = shop();
    const asked = invoice();
    const service = process();
    await service.createPayment(asked);
    provider.loseAnswers(1);
    const which = byOrder(asked.orderId);
    expect(paymentIn(await service.capturePayment(which)).status).toBe("PAYMENT_STATUS_UNKNOWN");
    if (asker === "capture") await service.capturePayment(which);
    if (asker === "create") await service.createPayment(asked);
    if (asker === "refund") {
      await service.processRefund({ ...which, amount: usd(1_00n), refundId: randomUUID(), reason: "" });
    }
    expect(paymentIn(await service.getPayment(which)).capturedMinor).toBe(19_99n);
    expect(store.published.filter(({ name }) => name === "PaymentDone")).toHaveLength(1);
  }
});

test("a refund without an answer counts as given until it is settled", async () => {
  const at = shop();
  const { service, which, refund } = await captured(at);
  const refundId = randomUUID();
  at.provider.loseAnswers(1);
  const unanswered = await refund(15_00n, refundId);
  expect(unanswered.refund).toMatchObject({ settled: false, providerReference: "" });
  expect(unanswered.payment).toMatchObject({ status: "PAYMENT_STATUS_CAPTURED", refundedMinor: 0n });
  expect(await reasonOf(refund(5_00n))).toBe("refund_exceeds_captured");
  expect((await refund(undefined)).refund?.amount).toEqual(usd(4_99n));

  const settled = await refund(15_00n, refundId);
  expect(settled.refund).toMatchObject({ refundId, settled: true });
  expect(settled.payment).toMatchObject({ status: "PAYMENT_STATUS_REFUNDED", refundedMinor: 19_99n });
  expect(at.provider.standing().takenMinor).toBe(0n);
  expect(at.store.published).toHaveLength(3);
  expect((await service.getPayment(which)).refunds).toHaveLength(2);
});

test("killed between the commit and the call, the repeat gives the money back once", async () => {
  const at = shop();
  const { refund, which, service } = await captured(at);
  const refundId = randomUUID();
  void refund(5_00n, refundId, at.process({ provider: { refund: never } }));
  await expect.poll(async () => (await service.getPayment(which)).refunds).toHaveLength(1);
  await refund(5_00n, refundId, at.process());
  await refund(5_00n, refundId, at.process());
  expect(at.provider.standing().takenMinor).toBe(14_99n);
});

test("a refund whose key is forgotten is looked up, not given again", async () => {
  const at = shop();
  const { refund } = await captured(at);
  const refundId = randomUUID();
  at.provider.loseAnswers(1);
  await refund(5_00n, refundId);
  at.passHours(25);
  at.provider.forgetKeys();
  expect((await refund(5_00n, refundId)).refund?.settled).toBe(true);
  expect(at.provider.standing().takenMinor).toBe(14_99n);
});

test("a refund that the provider refuses frees its amount, and is asked for again under another key", async () => {
  const at = shop();
  const { refund } = await captured(at);
  const refundId = randomUUID();
  const poor = at.process({
    provider: { refund: async () => ({ is: "refused", code: "balance_insufficient" }) },
  });
  expect(await reasonOf(refund(19_99n, refundId, poor))).toBe("Outage");
  const keys: number[] = [];
  const watched = at.process({
    provider: {
      refund: (payment, { attempt, ...rest }) => {
        keys.push(attempt);
        return at.provider.refund(payment, { attempt, ...rest });
      },
    },
  });
  expect((await refund(19_99n, refundId, watched)).refund?.settled).toBe(true);
  expect(keys).toEqual([2]);
});

test("a payment that is disputed at the provider is not refundable", async () => {
  const at = shop();
  const { refund } = await captured(at);
  const disputed = at.process({
    provider: { refund: async () => ({ is: "refused", code: "charge_disputed" }) },
  });
  expect(await reasonOf(refund(1_00n, randomUUID(), disputed))).toBe("payment_not_refundable");
});

test("two processes that refund at once give back no more than was taken", async () => {
  const at = shop();
  const { refund } = await captured(at);
  const slow = gated(at.provider.refund, "before");
  const first = refund(15_00n, randomUUID(), at.process({ provider: { refund: slow.call } }));
  await slow.arrived;
  expect(await reasonOf(refund(15_00n, randomUUID(), at.process()))).toBe("refund_exceeds_captured");
  slow.open();
  expect((await first).refund?.settled).toBe(true);
});

test("a hundred refunds are enough for one payment", async () => {
  const at = shop();
  const { refund } = await captured(at);
  for (let count = 0; count < 100; count += 1) await refund(1n);
  expect(await reasonOf(refund(1n))).toBe("payment_not_refundable");
});
