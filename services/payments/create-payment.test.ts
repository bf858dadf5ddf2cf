// Creating a payment while processes die, answers are lost and the provider is away.

import { expect, test } from "vitest";
import { byOrder, invoice, paymentIn } from "./testing.ts";
import { never, reasonOf, shop } from "./testing-shop.ts";

const held = { heldMinor: 19_99n, takenMinor: 0n };
const nothing = { heldMinor: 0n, takenMinor: 0n };

test("killed between the commit and the call, another process goes on with the same payment", async () => {
  const { provider, store, process } = shop();
  const asked = invoice();
  void process({ provider: { authorize: never } }).createPayment(asked);
  await expect.poll(() => store.find({ orderId: asked.orderId })).toMatchObject({ status: "created" });
  const { paymentId } = paymentIn(await process().getPayment(byOrder(asked.orderId)));
  const payment = paymentIn(await process().createPayment(asked));
  expect(payment).toMatchObject({ paymentId, status: "PAYMENT_STATUS_AUTHORIZED" });
  expect(provider.standing()).toEqual(held);
});

test("killed between the provider's effect and the commit, the repeat finds the same money", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const killed = { replace: never };
  void process({ store: killed }).createPayment(asked);
  await expect.poll(() => provider.authorizations()).toBe(1);
  expect(paymentIn(await process().createPayment(asked)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
  expect(provider.authorizations()).toBe(1);
  expect(provider.standing()).toEqual(held);
});

test("without an answer the payment is unknown, and a repeat asks again under the same key", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const service = process();
  provider.loseAnswers(2);
  expect(paymentIn(await service.createPayment(asked)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  expect(paymentIn(await service.createPayment(asked)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  const payment = paymentIn(await service.createPayment(asked));
  expect(payment.history.map(({ status }) => status)).toEqual([
    "PAYMENT_STATUS_CREATED",
    "PAYMENT_STATUS_UNKNOWN",
    "PAYMENT_STATUS_AUTHORIZED",
  ]);
  expect(provider.authorizations()).toBe(1);
});

test("a repeat with another card finds what the first card did", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  provider.loseAnswers(1);
  await process().createPayment(asked);
  const payment = paymentIn(
    await process().createPayment({ ...asked, paymentMethodToken: "pm_card_mastercard" }),
  );
  expect(payment.status).toBe("PAYMENT_STATUS_AUTHORIZED");
  expect(provider.authorizations()).toBe(1);
});

test("a decline whose answer was lost is a decline when asked again", async () => {
  const { provider, process } = shop({ fundsMinor: 10_00n });
  const asked = invoice();
  provider.loseAnswers(1);
  expect(paymentIn(await process().createPayment(asked)).status).toBe("PAYMENT_STATUS_UNKNOWN");
  expect(await reasonOf(process().createPayment(asked))).toBe("card_declined");
});

test("an unknown payment whose key is forgotten is looked up, not authorized again", async () => {
  const { provider, process, passHours } = shop();
  const asked = invoice();
  provider.loseAnswers(1);
  await process().createPayment(asked);
  passHours(25);
  provider.forgetKeys();
  expect(paymentIn(await process().createPayment(asked)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
  expect(provider.authorizations()).toBe(1);
});

test("when the provider cannot be reached nothing is unknown, and the void needs no provider", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  provider.setReachable(false);
  expect(await reasonOf(process().createPayment(asked))).toBe("Outage");
  const { status } = paymentIn(await process().getPayment(byOrder(asked.orderId)));
  expect(status).toBe("PAYMENT_STATUS_CREATED");
  const voided = paymentIn(await process().voidPayment(byOrder(asked.orderId)));
  expect(voided.status).toBe("PAYMENT_STATUS_VOIDED");
  expect(await reasonOf(process().createPayment(asked))).toBe("payment_voided");
});

test("a payment that could not be sent is sent by the repeat", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  provider.setReachable(false);
  await reasonOf(process().createPayment(asked));
  provider.setReachable(true);
  expect(paymentIn(await process().createPayment(asked)).status).toBe("PAYMENT_STATUS_AUTHORIZED");
});

test("an ask that may have been sent is not forgotten because a later one was not", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  void process({ store: { replace: never } }).createPayment(asked);
  await expect.poll(() => provider.authorizations()).toBe(1);
  provider.setReachable(false);
  expect(await reasonOf(process().createPayment(asked))).toBe("Outage");
  expect(await reasonOf(process().voidPayment(byOrder(asked.orderId)))).toBe("Outage");
  provider.setReachable(true);
  const voided = paymentIn(await process().voidPayment(byOrder(asked.orderId)));
  expect(voided.status).toBe("PAYMENT_STATUS_VOIDED");
  expect(provider.standing()).toEqual(nothing);
});

test("two processes that are asked at once make one payment", async () => {
  const { provider, process } = shop();
  const asked = invoice();
  const [one, other] = [process(), process()];
  const all = await Promise.all(
    [0, 1, 2, 3, 4].flatMap(() => [one, other].map((each) => each.createPayment(asked))),
  );
  expect(new Set(all.map((each) => paymentIn(each).status))).toEqual(new Set(["PAYMENT_STATUS_AUTHORIZED"]));
  expect(provider.authorizations()).toBe(1);
  expect(provider.standing()).toEqual(held);
});

test("a store that fails after the provider has held the money loses nothing", async () => {
  const { provider, store, process } = shop();
  const asked = invoice();
  const failing = { replace: async () => Promise.reject(new Error("the database is gone")) };
  await expect(process({ store: failing }).createPayment(asked)).rejects.toThrow("the database is gone");
  expect(await store.find({ orderId: asked.orderId })).toMatchObject({ asked: "authorize" });
  const voided = paymentIn(await process().voidPayment(byOrder(asked.orderId)));
  expect(voided.status).toBe("PAYMENT_STATUS_VOIDED");
  expect(provider.standing()).toEqual(nothing);
});
