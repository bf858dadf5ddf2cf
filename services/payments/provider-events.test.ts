// What events of the provider set in motion, and disputes: with a clock and a provider that the test moves.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { pruneProviderEvents } from "./apply-provider-events.ts";
import type { Payment } from "./payment.ts";
import type { Provider } from "./provider.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { byOrder, invoice, paymentIn } from "./testing.ts";
import { gated, never, reasonOf, type Shop, shop, silentLog } from "./testing-shop.ts";

const nothing = { heldMinor: 0n, takenMinor: 0n };

async function paid(at: Shop, ...steps: ("capture" | "void")[]) {
  const asked = invoice();
  const which = byOrder(asked.orderId);
  const service = at.process();
  let payment = paymentIn(await service.createPayment(asked));
  for (const step of steps) {
    const answer = await (step === "capture" ? service.capturePayment(which) : service.voidPayment(which));
    payment = paymentIn(answer);
  }
  return { asked, which, payment, reference: payment.providerReference };
}

let count = 0;
/** Tells of a payment, as the provider would. */
async function tell(at: Shop, type: string, is: Partial<ProviderEvent>): Promise<string> {
  count += 1;
  const eventId = `evt_${count}`;
  const event = { eventId, type, paymentReference: "", paymentId: "", createTimeMs: at.nowMs(), ...is };
  await at.tell(event);
  return eventId;
}

const keptOf = (at: Shop, orderId: string) => at.store.find({ orderId }) as Promise<Payment>;
const newsIn = async (at: Shop) => {
  const said = [];
  for (;;) {
    const [next] = await at.notifications.claim({ nowMs: at.nowMs(), leaseMs: 1_000, limit: 1 });
    if (next === undefined) return said;
    said.push([next.status, next.refundedMinor]);
    await at.notifications.delivered(next);
  }
};
const told = (at: Shop) => at.store.published.map(({ name, data }) => [name, data.amount]);
const unasked = { retrieve: never, returns: never, paymentIdOf: never };

test("an event about what is known already is applied without asking", async () => {
  const at = shop();
  const { payment, reference: paymentReference } = await paid(at, "capture");
  const about = { paymentReference, paymentId: payment.paymentId };
  const told = [];
  for (const type of [
    "requires_action",
    "amount_capturable_updated",
    "succeeded",
    "payment_failed",
    "canceled",
  ]) {
    told.push(await tell(at, `payment_intent.${type}`, about));
  }
  await at.apply({ provider: unasked });
  expect(told.map((eventId) => at.events.statusOf(eventId))).toEqual(told.map(() => "applied"));
});

test("an event that overtakes the answer of our own call waits for it", async () => {
  const at = shop();
  const asked = invoice();
  const slow = gated(at.provider.authorize, "after");
  const creating = at.process({ provider: { authorize: slow.call } }).createPayment(asked);
  await slow.arrived;
  const { paymentId } = await keptOf(at, asked.orderId);
  const about = { paymentReference: `pi_${paymentId.replaceAll("-", "")}_1`, paymentId };
  const eventId = await tell(at, "payment_intent.amount_capturable_updated", about);
  await at.apply({ provider: unasked });
  expect(at.events.statusOf(eventId)).toBe("waiting");
  slow.open();
  await creating;
  at.passMs(5_000);
  await at.apply({ provider: unasked });
  expect(at.events.statusOf(eventId)).toBe("applied");
  expect(await newsIn(at)).toEqual([]);
});

test("an event finds a payment whose process died before it knew the reference", async () => {
  const at = shop();
  const asked = invoice();
  void at.process({ store: { replace: never } }).createPayment(asked);
  await expect.poll(() => at.provider.authorizations()).toBe(1);
  const { paymentId } = await keptOf(at, asked.orderId);
  const paymentReference = `pi_${paymentId.replaceAll("-", "")}_1`;
  at.passMs(4_000);
  await tell(at, "payment_intent.amount_capturable_updated", { paymentReference, paymentId });
  await at.apply();
  expect(await keptOf(at, asked.orderId)).toMatchObject({
    status: "authorized",
    providerReference: paymentReference,
  });
});

test("a void whose process died before its commit is told by the provider", async () => {
  const at = shop();
  const { asked, payment, reference: paymentReference } = await paid(at);
  void at.process({ store: { replace: never } }).voidPayment(byOrder(asked.orderId));
  await expect.poll(() => at.provider.standing()).toEqual(nothing);
  at.passMs(4_000);
  await tell(at, "payment_intent.canceled", { paymentReference, paymentId: payment.paymentId });
  await at.apply();
  expect((await keptOf(at, asked.orderId)).status).toBe("voided");
});

test("money that is held after the payment failed is let go", async () => {
  const at = shop();
  const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
  const { providerReference: paymentReference, paymentId } = paymentIn(
    await at.process().createPayment(asked),
  );
  const seen = await at.provider.retrieve(await keptOf(at, asked.orderId));
  if (seen.is !== "done") throw new Error("the provider did not answer");
  // The bank says no; then the shopper pays with another card.
  const declined = { ...seen.intent, state: "declined", declineCode: "lost_card" } as const;
  const about = { paymentReference, paymentId };
  await tell(at, "payment_intent.payment_failed", about);
  await at.apply({ provider: { retrieve: async () => ({ is: "done", intent: declined }) } });
  expect((await keptOf(at, asked.orderId)).status).toBe("failed");
  at.provider.confirm(paymentReference, "succeeded");
  expect(at.provider.standing().heldMinor).toBe(19_99n);
  await tell(at, "payment_intent.amount_capturable_updated", about);
  await at.apply();
  expect(at.provider.standing()).toEqual(nothing);
  expect((await keptOf(at, asked.orderId)).status).toBe("failed");
  expect(await newsIn(at)).toEqual([["failed", 0n]]);
});

test("a second payment of the provider's under the name of one of ours is said, and not taken for it", async () => {
  const at = shop();
  const { asked, payment } = await paid(at, "capture");
  const said: object[] = [];
  const about = { paymentReference: "pi_another", paymentId: payment.paymentId };
  const eventId = await tell(at, "payment_intent.succeeded", about);
  await at.apply({ provider: unasked, log: { ...silentLog, error: (line: object) => said.push(line) } });
  expect(at.events.statusOf(eventId)).toBe("ignored");
  expect(said).toEqual([{ event_id: eventId, payment_id: payment.paymentId }]);
  expect(await keptOf(at, asked.orderId)).toMatchObject({ refundedMinor: 0n, status: "captured" });
});

test("an event whose payment is not named in it is found by asking the provider for it", async () => {
  const at = shop();
  const { asked, reference: paymentReference } = await paid(at, "capture");
  at.provider.openDispute(paymentReference);
  await tell(at, "charge.dispute.created", { paymentReference });
  await at.apply();
  expect((await keptOf(at, asked.orderId)).status).toBe("disputed");
});

test("an event about nobody's payment is ignored, once the provider has said so five times", async () => {
  const at = shop();
  const eventId = await tell(at, "charge.refunded", { paymentReference: "pi_gone" });
  const foreign = await tell(at, "charge.refunded", {
    paymentReference: "pi_other",
    paymentId: randomUUID(),
  });
  for (let attempt = 1; attempt < 5; attempt += 1) {
    await at.apply();
    expect(at.events.statusOf(eventId)).toBe("waiting");
    at.passHours(1);
  }
  await at.apply();
  expect(at.events.statusOf(eventId)).toBe("ignored");
  expect(at.events.statusOf(foreign)).toBe("ignored");
});

test("what the provider did not answer does not count as its word that a payment is not there", async () => {
  const at = shop();
  const { asked, reference: paymentReference } = await paid(at, "capture");
  at.provider.openDispute(paymentReference);
  const eventId = await tell(at, "charge.dispute.created", { paymentReference });
  const outage = async () => ({ is: "unanswered" }) as const;
  const missing = async () => ({ is: "nothing" }) as const;
  for (const paymentIdOf of [outage, outage, outage, outage, outage, missing, missing, missing, missing]) {
    await at.apply({ provider: { paymentIdOf } });
    expect(at.events.statusOf(eventId)).toBe("waiting");
    at.passHours(1);
  }
  await at.apply();
  expect(at.events.statusOf(eventId)).toBe("applied");
  expect((await keptOf(at, asked.orderId)).status).toBe("disputed");
});

test("an event that cannot be applied is tried for three days, then given up and said", async () => {
  const at = shop();
  const { payment, reference: paymentReference } = await paid(at, "capture");
  const about = { paymentReference, paymentId: payment.paymentId };
  const eventId = await tell(at, "charge.refunded", about);
  const said: object[] = [];
  let asks = 0;
  const retrieve: Provider["retrieve"] = async () => {
    asks += 1;
    return { is: "unanswered" };
  };
  const hurt = { provider: { retrieve }, log: { ...silentLog, error: (line: object) => said.push(line) } };
  const beganAtMs = at.nowMs();
  while (at.events.statusOf(eventId) === "waiting") {
    await at.apply(hurt);
    at.passHours(1);
  }
  expect(at.events.statusOf(eventId)).toBe("given_up");
  expect(asks).toBe(75);
  expect(at.nowMs() - beganAtMs).toBe(75 * 3_600_000);
  expect(said).toMatchObject([{ event_id: eventId }]);
});

test("one payment that cannot be looked at holds up no other", async () => {
  const at = shop();
  const [bad, good] = [await paid(at, "capture"), await paid(at, "capture")];
  for (const { payment, reference } of [bad, good]) {
    at.provider.refundThere(reference, 5_00n);
    await tell(at, "charge.refunded", { paymentReference: reference, paymentId: payment.paymentId });
  }
  const retrieve: Provider["retrieve"] = async (payment) => {
    if (payment.orderId === bad.asked.orderId) throw new Error("an answer about something else");
    return at.provider.retrieve(payment);
  };
  await at.apply({ provider: { retrieve } });
  expect((await keptOf(at, good.asked.orderId)).refundedMinor).toBe(5_00n);
  expect((await keptOf(at, bad.asked.orderId)).refundedMinor).toBe(0n);
});

test("events of one payment that came together are one look at what went back", async () => {
  const at = shop();
  const { payment, reference: paymentReference } = await paid(at, "capture");
  at.provider.refundThere(paymentReference, 5_00n);
  const about = { paymentReference, paymentId: payment.paymentId };
  for (const type of ["refund.created", "charge.refunded", "refund.updated"]) await tell(at, type, about);
  let looks = 0;
  const returns: Provider["returns"] = (each) => {
    looks += 1;
    return at.provider.returns(each);
  };
  await at.apply({ provider: { returns } });
  expect(looks).toBe(1);
  expect(told(at)).toEqual([
    ["PaymentDone", "19.99"],
    ["PaymentRefunded", "5.00"],
  ]);
});

test("events are forgotten after ninety days, unless they still wait", async () => {
  const at = shop();
  const about = { paymentReference: "pi_gone" };
  const [over, waiting] = [
    await tell(at, "charge.refunded", about),
    await tell(at, "charge.refunded", about),
  ];
  await at.events.end([over], "ignored");
  at.passHours(90 * 24);
  await pruneProviderEvents(at);
  expect(at.events.statusOf(over)).toBe("ignored");
  at.passMs(1);
  expect(await pruneProviderEvents(at)).toBe(false);
  expect([over, waiting].map((eventId) => at.events.statusOf(eventId))).toEqual([undefined, "waiting"]);
});

async function disputed(at: Shop, refundedMinor = 0n) {
  const is = await paid(at, "capture");
  const refund = (amountMinor: bigint | undefined, refundId: string = randomUUID()) =>
    at.process().processRefund({
      ...is.which,
      amount: amountMinor === undefined ? undefined : { amountMinor, currency: "USD" },
      refundId,
      reason: "",
    });
  if (refundedMinor > 0n) await refund(refundedMinor);
  at.provider.openDispute(is.reference);
  const look = () => at.process().resolvePayment({ paymentId: is.payment.paymentId });
  await look();
  return { ...is, refund, look };
}

test.each([
  [0n, "captured"],
  [5_00n, "partially_refunded"],
])(
  "a dispute that is won, with %i refunded before, leaves the payment as it was",
  async (refunded, status) => {
    const at = shop();
    const { asked, reference, refund, look } = await disputed(at, refunded);
    expect((await keptOf(at, asked.orderId)).status).toBe("disputed");
    expect(await reasonOf(refund(1_00n))).toBe("payment_not_refundable");
    at.provider.closeDispute(reference, "won");
    await look();
    await look();
    expect(await keptOf(at, asked.orderId)).toMatchObject({ status, refundedMinor: refunded });
    expect((await refund(undefined)).payment?.status).toBe("PAYMENT_STATUS_REFUNDED");
  },
);

test.each([
  [0n, "19.99"],
  [5_00n, "14.99"],
])(
  "a dispute that is lost, with %i refunded before, takes %s as a refund, once",
  async (refunded, amount) => {
    const at = shop();
    const { asked, reference, look } = await disputed(at, refunded);
    at.provider.closeDispute(reference, "lost");
    await look();
    await look();
    const payment = await keptOf(at, asked.orderId);
    expect(payment).toMatchObject({ status: "refunded", refundedMinor: 19_99n });
    expect(payment.refunds.at(-1)).toMatchObject({ reason: "dispute_lost", status: "settled" });
    expect(told(at).at(-1)).toEqual(["PaymentRefunded", amount]);
    expect((await newsIn(at)).slice(-2)).toEqual([
      ["disputed", refunded],
      ["refunded", 19_99n],
    ]);
  },
);

test("a dispute that was opened and lost before anybody looked is a refund too", async () => {
  const at = shop();
  const { asked, payment, reference } = await paid(at, "capture");
  at.provider.openDispute(reference);
  at.provider.closeDispute(reference, "lost");
  await at.process().resolvePayment({ paymentId: payment.paymentId });
  expect((await keptOf(at, asked.orderId)).status).toBe("refunded");
  expect(await newsIn(at)).toEqual([["refunded", 19_99n]]);
});

test("a refund that was asked for and not given before a dispute was lost never is", async () => {
  const at = shop();
  const { asked, payment, which, reference } = await paid(at, "capture");
  const refundId = randomUUID();
  const ask = { ...which, amount: { amountMinor: 5_00n, currency: "USD" }, refundId, reason: "" };
  const lost = at.process({ provider: { refund: async () => ({ is: "unanswered" }) } });
  await lost.processRefund(ask);
  at.provider.openDispute(reference);
  at.provider.closeDispute(reference, "lost");
  await at.process().resolvePayment({ paymentId: payment.paymentId });
  expect(await keptOf(at, asked.orderId)).toMatchObject({ status: "refunded", resolution: undefined });
  expect(await reasonOf(at.process().processRefund(ask))).toBe("payment_not_refundable");
  expect(at.provider.standing()).toEqual(nothing);
  expect(told(at)).toEqual([
    ["PaymentDone", "19.99"],
    ["PaymentRefunded", "19.99"],
  ]);
});
