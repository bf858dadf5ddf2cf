// The resolver, with a clock that the test moves: when it asks, what it finds, and when it gives up.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Lookup, Provider } from "./provider.ts";
import { byId, byOrder, invoice, paymentIn } from "./testing.ts";
import { capturedPayment, gated, never, reasonOf, type Shop, shop, silentLog } from "./testing-shop.ts";

const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;
const nothing = { heldMinor: 0n, takenMinor: 0n };
const unknownStatus = "PAYMENT_STATUS_UNKNOWN";

async function unknownPayment(at: Shop) {
  const asked = invoice();
  at.provider.loseAnswers(1);
  const payment = paymentIn(await at.process().createPayment(asked));
  expect(payment.status).toBe(unknownStatus);
  return { asked, paymentId: payment.paymentId, which: byOrder(asked.orderId) };
}

/** A provider that takes every question and answers none. */
const silent: Partial<Provider> = {
  find: async () => ({ is: "unanswered" }),
  retrieve: async () => ({ is: "unanswered" }),
  returns: async () => ({ is: "unanswered" }),
  closeAuthorization: async () => "unanswered",
};

test("it asks at 5 s, 30 s, 5 min, 1 h and on five days, then gives up and says so once", async () => {
  const at = shop();
  const { which } = await unknownPayment(at);
  const beganAtMs = at.nowMs();
  const askedAtMs: number[] = [];
  const said: object[] = [];
  const ask = async (): Promise<Lookup> => {
    askedAtMs.push(at.nowMs() - beganAtMs);
    return { is: "unanswered" };
  };
  const hurt = {
    provider: {
      ...silent,
      find: ask,
      closeAuthorization: async () => {
        await ask();
        return "unanswered" as const;
      },
    },
    log: { ...silentLog, error: (line: object) => said.push(line) },
  };
  const end = beganAtMs + 8 * day;
  while (at.nowMs() < end) {
    await at.resolve(hurt);
    // Fine steps where the schedule is fine.
    at.passMs(at.nowMs() - beganAtMs < 2 * hour ? second : 10 * 60 * second);
  }
  const wanted = [5 * second, 30 * second, 300 * second, hour];
  wanted.push(...[1, 2, 3, 4, 5].map((days) => hour + days * day));
  expect(askedAtMs).toHaveLength(wanted.length);
  for (const [index, askedMs] of askedAtMs.entries()) {
    expect(askedMs - (wanted[index] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(askedMs - (wanted[index] ?? 0)).toBeLessThanOrEqual(10 * 60 * second);
  }
  const payment = paymentIn(await at.process().getPayment(which));
  expect(payment).toMatchObject({ status: unknownStatus, resolutionGivenUp: true });
  expect(said).toMatchObject([{ order_id: payment.orderId, payment_id: payment.paymentId }]);
  expect(await at.store.unresolved(at.nowMs())).toEqual([
    { status: "unknown", isGivenUp: true, count: 1, oldestSinceMs: beganAtMs },
  ]);
});

test("nobody asks before five seconds have passed", async () => {
  const at = shop();
  const { which } = await unknownPayment(at);
  at.passMs(4_999);
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe(unknownStatus);
  at.passMs(1);
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
  expect(at.provider.authorizations()).toBe(1);
});

test("an operator can ask for what was given up, and then it is not given up any more", async () => {
  const at = shop();
  const { paymentId } = await unknownPayment(at);
  for (let ask = 0; ask < 12; ask += 1) {
    at.passMs(2 * day);
    await at.resolve({ provider: silent });
  }
  expect(paymentIn(await at.process().getPayment(byId(paymentId))).resolutionGivenUp).toBe(true);
  const resolved = paymentIn(await at.process().resolvePayment({ paymentId }));
  expect(resolved).toMatchObject({ status: "PAYMENT_STATUS_AUTHORIZED", resolutionGivenUp: false });
});

test("a payment whose process died before the call is free to be asked for again, under another key", async () => {
  const at = shop();
  const asked = invoice();
  void at.process({ provider: { authorize: never } }).createPayment(asked);
  await expect.poll(() => at.store.find({ orderId: asked.orderId })).toBeDefined();
  at.passMs(5_000);
  await at.resolve();
  const created = await at.store.find({ orderId: asked.orderId });
  expect(created).toMatchObject({ status: "created", asked: undefined, resolution: undefined });
  expect(paymentIn(await at.process().createPayment(asked)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
  expect(at.provider.authorizations()).toBe(1);
});

test("a call that is still on its way when the resolver asks holds nothing later", async () => {
  const at = shop();
  const asked = invoice();
  const slow = gated(at.provider.authorize, "before");
  const creating = reasonOf(at.process({ provider: { authorize: slow.call } }).createPayment(asked));
  await slow.arrived;
  at.passMs(5_000);
  await at.resolve();
  slow.open();
  expect(await creating).toBe("Outage");
  expect(at.provider.standing()).toEqual(nothing);
  await at.process().createPayment(asked);
  expect(at.provider.authorizations()).toBe(1);
});

test("a payment whose process died after the call is found, and orders is told", async () => {
  const at = shop();
  const asked = invoice();
  void at.process({ store: { replace: never } }).createPayment(asked);
  await expect.poll(() => at.provider.authorizations()).toBe(1);
  at.passMs(5_000);
  await at.resolve();
  expect(await at.store.find({ orderId: asked.orderId })).toMatchObject({ status: "authorized" });
});

test.each([
  ["captured", "capturePayment", { heldMinor: 0n, takenMinor: 19_99n }],
  ["voided", "voidPayment", nothing],
] as const)(
  "a payment that was %s without an answer is settled, and orders is told",
  async (status, call, standing) => {
    const at = shop();
    const asked = invoice();
    await at.process().createPayment(asked);
    at.provider.loseAnswers(1);
    await at.process()[call](byOrder(asked.orderId));
    at.passMs(5_000);
    await at.resolve();
    expect(await at.store.find({ orderId: asked.orderId })).toMatchObject({ status, resolution: undefined });
    expect(at.provider.standing()).toEqual(standing);
    expect(await newsIn(at)).toMatchObject([{ orderId: asked.orderId, status }]);
  },
);

test("a void that never arrived is carried out", async () => {
  const at = shop();
  const asked = invoice();
  await at.process().createPayment(asked);
  const deaf = at.process({ provider: { cancel: async () => ({ is: "unanswered" }) } });
  await deaf.voidPayment(byOrder(asked.orderId));
  at.passMs(5_000);
  await at.resolve();
  expect(await at.store.find({ orderId: asked.orderId })).toMatchObject({ status: "voided" });
  expect(at.provider.standing()).toEqual(nothing);
});

test("a shopper who confirmed, and of whom no event told, is found out; one who has not is waited for", async () => {
  const at = shop();
  const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
  const { providerReference } = paymentIn(await at.process().createPayment(asked));
  at.passMs(5_000);
  await at.resolve();
  expect(await at.store.find({ orderId: asked.orderId })).toMatchObject({
    status: "requires_action",
    resolution: { asks: 1 },
  });
  at.provider.confirm(providerReference, "succeeded");
  at.passMs(25_000);
  await at.resolve();
  expect(await at.store.find({ orderId: asked.orderId })).toMatchObject({ status: "authorized" });
  expect(await newsIn(at)).toMatchObject([{ status: "authorized" }]);
});

test("a capture that nobody repeats and no event told of is found by an operator", async () => {
  const at = shop();
  const asked = invoice();
  const { paymentId } = paymentIn(await at.process().createPayment(asked));
  void at.process({ store: { replace: never } }).capturePayment(byOrder(asked.orderId));
  await expect.poll(() => at.provider.standing().takenMinor).toBe(19_99n);
  expect(paymentIn(await at.process().resolvePayment({ paymentId }))).toMatchObject({
    status: "PAYMENT_STATUS_CAPTURED",
    capturedMinor: 19_99n,
  });
  expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone"]);
});

test.each([
  ["while its key lives", 0],
  ["when its key is forgotten", 25],
])("a refund without an answer is settled once %s", async (_, hours) => {
  const at = shop();
  const { which, refund } = await capturedPayment(at);
  at.provider.loseAnswers(1);
  await at.process().processRefund(refund);
  at.passHours(hours);
  if (hours > 0) at.provider.forgetKeys();
  at.passMs(5_000);
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe("PAYMENT_STATUS_REFUNDED");
  expect(at.provider.standing()).toEqual(nothing);
  expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone", "PaymentRefunded"]);
});

test("a refund whose process died before the call is given", async () => {
  const at = shop();
  const { which, refund } = await capturedPayment(at);
  void at.process({ provider: { refund: never } }).processRefund(refund);
  await expect.poll(async () => (await at.process().getPayment(which)).refunds).toHaveLength(1);
  at.passMs(5_000);
  await at.resolve();
  expect(at.provider.standing()).toEqual(nothing);
});

test("a refund that is pending counts as asked for until it is through", async () => {
  const at = shop();
  const { which, refund, refundId } = await capturedPayment(at);
  at.provider.holdRefunds(1);
  expect((await at.process().processRefund(refund)).refund).toMatchObject({ settled: false });
  at.passMs(5_000);
  await at.resolve();
  expect((await at.process().getPayment(which)).payment).toMatchObject({ refundedMinor: 0n });
  at.provider.endRefund(refundId, "succeeded");
  at.passMs(25_000);
  await at.resolve();
  expect((await at.process().getPayment(which)).payment).toMatchObject({ refundedMinor: 19_99n });
});

test("a refund that was given and came back is given again, and told once", async () => {
  const at = shop();
  const { which, refund, refundId } = await capturedPayment(at);
  const { payment } = await at.process().processRefund(refund);
  at.provider.endRefund(refundId, "failed");
  expect(at.provider.standing().takenMinor).toBe(19_99n);
  await at.process().resolvePayment({ paymentId: payment?.paymentId ?? "" });
  const owed = await at.process().getPayment(which);
  expect(owed.refunds).toMatchObject([{ refundId, settled: false }]);
  expect(owed.payment).toMatchObject({ status: "PAYMENT_STATUS_REFUNDED", refundedMinor: 19_99n });
  at.passMs(5_000);
  await at.resolve();
  expect((await at.process().getPayment(which)).refunds).toMatchObject([{ refundId, settled: true }]);
  expect(at.provider.standing()).toEqual(nothing);
  expect(at.store.published.map(({ name }) => name)).toEqual(["PaymentDone", "PaymentRefunded"]);
  expect(await newsIn(at)).toHaveLength(1);
});

test("a refund that comes back for ever is left to a person", async () => {
  const at = shop();
  const { which, refund, refundId } = await capturedPayment(at);
  const { payment } = await at.process().processRefund(refund);
  let given = 1;
  const watched = {
    provider: {
      refund: (...args: Parameters<Provider["refund"]>) => {
        given += 1;
        return at.provider.refund(...args);
      },
    },
  };
  for (let time = 0; time < 30; time += 1) {
    at.provider.endRefund(refundId, "failed");
    await at.process({ provider: watched.provider }).resolvePayment({ paymentId: payment?.paymentId ?? "" });
    at.passMs(time < 10 ? 5_000 : 2 * day);
    await at.resolve(watched);
  }
  expect(given).toBe(9);
  expect((await at.process().getPayment(which)).payment).toMatchObject({ resolutionGivenUp: true });
});

test("two replicas do not ask about one payment at once, and a dead one's payment is asked about later", async () => {
  const at = shop();
  const { which } = await unknownPayment(at);
  at.passMs(5_000);
  const asking = gated(at.provider.closeAuthorization, "before");
  void at.resolve({ provider: { closeAuthorization: asking.call } });
  await asking.arrived;
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe(unknownStatus);
  at.passMs(60_000);
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
});

test("a provider that cannot be reached is not asked: it uses up no ask", async () => {
  const at = shop();
  const { which } = await unknownPayment(at);
  at.provider.setReachable(false);
  for (let hours = 0; hours < 300; hours += 1) {
    await at.resolve();
    at.passHours(1);
  }
  expect(paymentIn(await at.process().getPayment(which)).resolutionGivenUp).toBe(false);
  at.provider.setReachable(true);
  at.passMs(30_000);
  await at.resolve();
  expect(paymentIn(await at.process().getPayment(which)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
});

test("asks that were missed while nobody ran do not follow at once upon each other", async () => {
  const at = shop();
  await unknownPayment(at);
  at.passMs(4 * day);
  let asks = 0;
  const hurt = {
    provider: {
      ...silent,
      find: async (): Promise<Lookup> => {
        asks += 1;
        return { is: "unanswered" };
      },
    },
  };
  for (let round = 0; round < 20; round += 1) await at.resolve(hurt);
  expect(asks).toBe(1);
});

test("what is known is not asked about, and what is over is answered as it is", async () => {
  const at = shop();
  const asked = invoice();
  const { paymentId } = paymentIn(await at.process().createPayment(asked));
  at.passMs(10 * day);
  const unasked = { retrieve: never, find: never, closeAuthorization: never };
  await at.resolve({ provider: unasked });
  await at.process().voidPayment(byOrder(asked.orderId));
  const answered = at.process({ provider: unasked }).resolvePayment({ paymentId });
  expect(paymentIn(await answered).status).toBe("PAYMENT_STATUS_VOIDED");
  const missing = at.process().resolvePayment({ paymentId: randomUUID() });
  expect(await reasonOf(missing)).toBe("payment_not_found");
});

const newsIn = (at: Shop) => at.notifications.claim({ nowMs: at.nowMs(), leaseMs: 1, limit: 100 });
