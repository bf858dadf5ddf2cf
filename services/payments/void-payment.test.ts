// Voiding a payment while its authorization, its capture or another void is on its way.

import { expect, test } from "vitest";
import type { Payment } from "./payment.ts";
import type { Provider } from "./provider.ts";
import { byOrder, invoice, paymentIn } from "./testing.ts";
import { gated, never, reasonOf, type Shop, shop } from "./testing-shop.ts";

const nothing = { heldMinor: 0n, takenMinor: 0n };
const voidedStatus = "PAYMENT_STATUS_VOIDED";

test("an authorization that has not arrived yet never will", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const slow = gated(provider.authorize, "before");
  const creating = reasonOf(process({ provider: { authorize: slow.call } }).createPayment(asked));
  await slow.arrived;
  const voided = paymentIn(await process().voidPayment(byOrder(asked.orderId)));
  expect(voided.status).toBe(voidedStatus);
  slow.open();
  expect(await creating).toBe("payment_voided");
  expect(provider.authorizations()).toBe(0);
});

test("an authorization whose answer is on its way is found and let go", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const slow = gated(provider.authorize, "after");
  const creating = reasonOf(process({ provider: { authorize: slow.call } }).createPayment(asked));
  await slow.arrived;
  const voided = paymentIn(await process().voidPayment(byOrder(asked.orderId)));
  expect(voided.status).toBe(voidedStatus);
  expect(provider.standing()).toEqual(nothing);
  slow.open();
  expect(await creating).toBe("payment_voided");
  expect(provider.standing()).toEqual(nothing);
});

test("whoever learns of the money after the wish to void it lets it go", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const slow = gated(provider.authorize, "after");
  const creating = reasonOf(process({ provider: { authorize: slow.call } }).createPayment(asked));
  await slow.arrived;
  const closing = gated(provider.closeAuthorization, "before");
  const voiding = process({ provider: { closeAuthorization: closing.call } }).voidPayment(
    byOrder(asked.orderId),
  );
  await closing.arrived;
  slow.open();
  expect(await creating).toBe("payment_voided");
  expect(provider.standing()).toEqual(nothing);
  closing.open();
  expect(paymentIn(await voiding).status).toBe(voidedStatus);
});

test("killed after the wish was committed, the void is finished by its repeat", async () => {
  const { provider, store, process } = shop();
  const asked = invoice();
  void process({ provider: { authorize: never } }).createPayment(asked);
  await expect.poll(() => store.find({ orderId: asked.orderId })).toBeDefined();
  void process({ provider: { closeAuthorization: never } }).voidPayment(byOrder(asked.orderId));
  await expect.poll(() => store.find({ orderId: asked.orderId })).toMatchObject({ voidWanted: true });
  expect(await reasonOf(process().createPayment(asked))).toBe("payment_voided");
  expect(paymentIn(await process().voidPayment(byOrder(asked.orderId))).status).toBe(voidedStatus);
  expect(provider.standing()).toEqual(nothing);
});

test("a void without an answer is unknown, holds off captures, and is settled by its repeat", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const service = process();
  await service.createPayment(asked);
  provider.loseAnswers(1);
  const which = byOrder(asked.orderId);
  expect(paymentIn(await service.voidPayment(which)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  expect(await reasonOf(service.createPayment(asked))).toBe("payment_voided");
  expect(await reasonOf(service.capturePayment(which))).toBe("payment_not_capturable");
  expect(paymentIn(await service.voidPayment(which)).status).toBe(voidedStatus);
  expect(provider.standing()).toEqual(nothing);
});

test("a void that never arrived still holds off captures, and whoever looks lets the money go", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const which = byOrder(asked.orderId);
  await process().createPayment(asked);
  const deaf = process({ provider: { cancel: async () => ({ is: "unanswered" }) } });
  expect(paymentIn(await deaf.voidPayment(which)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  expect(provider.standing().heldMinor).toBe(19_99n);
  expect(await reasonOf(process().capturePayment(which))).toBe("payment_not_capturable");
  expect(provider.standing()).toEqual(nothing);
});

test("an unanswered close leaves the payment unknown until the repeat", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  provider.loseAnswers(2);
  const service = process();
  await service.createPayment(asked);
  const which = byOrder(asked.orderId);
  const silent = process({ provider: { closeAuthorization: async () => "unanswered" } });
  expect(paymentIn(await silent.voidPayment(which)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  provider.loseAnswers(0);
  expect(paymentIn(await service.voidPayment(which)).status).toBe(voidedStatus);
  expect(provider.standing()).toEqual(nothing);
});

test("a capture that was not answered is not voided when it happened", async () => {
  const { provider, store, process } = shop();
  const asked = invoice();
  const service = process();
  await service.createPayment(asked);
  provider.loseAnswers(1);
  const which = byOrder(asked.orderId);
  expect(paymentIn(await service.capturePayment(which)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  expect(await reasonOf(service.voidPayment(which))).toBe("payment_not_voidable");
  expect(paymentIn(await service.getPayment(which)).status).toBe("PAYMENT_STATUS_CAPTURED");
  expect(store.published.map(({ name }) => name)).toEqual(["PaymentDone"]);
});

test("a capture that is on its way when the money is let go takes nothing", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  await process().createPayment(asked);
  const which = byOrder(asked.orderId);
  const slow = gated(provider.capture, "before");
  const capturing = reasonOf(process({ provider: { capture: slow.call } }).capturePayment(which));
  await slow.arrived;
  expect(paymentIn(await process().voidPayment(which)).status).toBe(voidedStatus);
  slow.open();
  expect(await capturing).toBe("payment_not_capturable");
  expect(provider.standing()).toEqual(nothing);
});

test("a void by a process that knows less than another does not undo a capture", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  await process().createPayment(asked);
  const which = byOrder(asked.orderId);
  const slow = gated(provider.cancel, "before");
  const voiding = reasonOf(process({ provider: { cancel: slow.call } }).voidPayment(which));
  await slow.arrived;
  await process().capturePayment(which);
  slow.open();
  expect(await voiding).toBe("payment_not_voidable");
  expect(provider.standing()).toEqual({ heldMinor: 0n, takenMinor: 19_99n });
});

/** A payment that failed because the shopper's bank said no when they confirmed it. */
async function failedPayment(at: Shop) {
  const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
  const { paymentId, providerReference } = paymentIn(await at.process().createPayment(asked));
  at.provider.confirm(providerReference, "failed");
  await at.process().resolvePayment({ paymentId });
  const kept = (await at.store.find({ paymentId })) as Payment;
  expect(kept.status).toBe("failed");
  const stateThere = async () => {
    const seen = await at.provider.retrieve(kept);
    return seen.is === "done" ? seen.intent.state : seen.is;
  };
  expect(await stateThere()).toBe("declined");
  return { which: byOrder(asked.orderId), stateThere };
}

test("a payment that failed is closed at the provider, so that no other card can pay it", async () => {
  const at = shop();
  const { which, stateThere } = await failedPayment(at);
  expect(paymentIn(await at.process().voidPayment(which)).status).toBe("PAYMENT_STATUS_FAILED");
  expect(await stateThere()).toBe("released");
  at.provider.forgetKeys();
  expect(paymentIn(await at.process().voidPayment(which)).status).toBe("PAYMENT_STATUS_FAILED");
});

test("a payment that failed and could not be closed at the provider is closed by the repeat", async () => {
  const at = shop();
  const { which, stateThere } = await failedPayment(at);
  const keys: number[] = [];
  const outcomes = [
    { is: "unanswered" },
    { is: "refused", code: "lock_timeout" },
    { is: "obscure" },
  ] as const;
  for (const outcome of outcomes) {
    const cancel: Provider["cancel"] = async ({ attempts }) => {
      keys.push(attempts.void);
      return outcome;
    };
    expect(await reasonOf(at.process({ provider: { cancel } }).voidPayment(which))).toBe("Outage");
  }
  expect(keys).toEqual([1, 1, 2]);
  const kept = (await at.store.find({ orderId: which.payment.value })) as Payment;
  expect(kept.attempts.void).toBe(3);
  expect(paymentIn(await at.process().voidPayment(which)).status).toBe("PAYMENT_STATUS_FAILED");
  expect(await stateThere()).toBe("released");
});
