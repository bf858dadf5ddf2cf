// What every store of orders promises (order-store.ts) about money that goes back, cancellations and other channels' orders.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { cancellable, type Draft, importedOrder, type Order, statuses } from "./order.ts";
import type { Price } from "./pricing.ts";
import {
  anyStatus,
  at,
  expectMoved,
  found,
  type Opened,
  orderIn,
  paymentId,
  receiptUrl,
} from "./testing-order-store.ts";
import { draftOrder } from "./testing-orders.ts";

function cancelTests(store: Opened): void {
  test.each(anyStatus)(
    "a cancellation of an order that is %s is noted if it is in time, once",
    async (status) => {
      const before = await orderIn(store(), status);
      const request = store().requestCancel(before.orderId);
      if (!cancellable.includes(status)) return expectMoved(store(), before.orderId, request);
      await store().commit(request);
      const noted = await found(store(), before.orderId);
      expect(noted).toEqual({ ...before, cancelRequested: true, updatedAt: expect.any(Date) });
      await expectMoved(store(), before.orderId, request);
    },
  );

  test.each(["pending", "paid", "processing"] as const)(
    "an order that is %s and to be cancelled goes nowhere else (D1)",
    async (status) => {
      const { orderId } = await orderIn(store(), status);
      await store().commit(store().requestCancel(orderId));
      await expectMoved(store(), orderId, store().markPaid(orderId, { paymentId, receiptUrl, at }));
      for (const to of statuses)
        await expectMoved(store(), orderId, store().move(orderId, { from: status, to, reason: "", at }));
    },
  );

  test.each(anyStatus)("an order that is %s is cancelled if that was asked for in time", async (status) => {
    const before = await orderIn(store(), status);
    const { orderId } = before;
    const cancel = store().cancel(before, { feeMinor: 1_00n, reason: "why", at });
    await expectMoved(store(), orderId, cancel);
    await expectMoved(store(), orderId, store().expectCancellable(orderId));
    if (!cancellable.includes(status)) return;
    await store().commit(store().requestCancel(orderId));
    // Its saga has it.
    if (status === "pending") return expectMoved(store(), orderId, cancel);
    await store().commit(store().expectCancellable(orderId));
    await store().commit(cancel);
    expect(await found(store(), orderId)).toEqual({
      ...before,
      status: "cancelled",
      cancelRequested: true,
      feeMinor: 1_00n,
      history: [...before.history, { status: "cancelled", at, reason: "why" }],
      updatedAt: expect.any(Date),
    });
    await expectMoved(store(), orderId, cancel);
  });

  test("who saw the order before more of its money went back does not cancel it (O4)", async () => {
    const paid = await orderIn(store(), "paid");
    const { orderId } = paid;
    await store().commit(store().requestCancel(orderId));
    const asked = await found(store(), orderId);
    await store().commit(store().refund(asked, { refundedMinor: 2_00n, reason: "", at }));
    const is = { feeMinor: 1_00n, reason: "", at };
    await expectMoved(store(), orderId, store().cancel(asked, is));
    await store().commit(store().cancel(await found(store(), orderId), is));
    expect(await found(store(), orderId)).toMatchObject({ status: "cancelled", refundedMinor: 2_00n });
  });

  test("an order that could not be placed for it is cancelled, and did not fail", async () => {
    const { orderId, history } = await orderIn(store(), "pending");
    await store().commit(store().requestCancel(orderId));
    const is = { to: "cancelled", reason: "order_cancelled", at } as const;
    await store().commit(store().fail(orderId, is));
    expect(await found(store(), orderId)).toMatchObject({
      status: "cancelled",
      failureReason: "",
      history: [...history, { status: "cancelled", at, reason: "order_cancelled" }],
    });
  });

  test("why an order was not cancelled is in its history, once, and only of one that is to be", async () => {
    const before = await orderIn(store(), "paid");
    const noted = store().noteNotCancelled(before.orderId, { reason: "disputed", at });
    await store().commit(noted);
    expect(await found(store(), before.orderId)).toEqual(before);
    await store().commit(store().requestCancel(before.orderId));
    for (let count = 0; count < 2; count += 1) await store().commit(noted);
    expect(await found(store(), before.orderId)).toMatchObject({
      status: "paid",
      history: [...before.history, { status: "paid", at, reason: "disputed" }],
    });
  });
}

function refundTests(store: Opened): void {
  const refund = (order: Order, refundedMinor: bigint) =>
    store().refund(order, { refundedMinor, reason: "told", at });

  test("what went back rises, and an order of which all went back is refunded", async () => {
    const paid = await orderIn(store(), "paid");
    await store().commit(refund(paid, 1_00n));
    const some = await found(store(), paid.orderId);
    expect(some).toEqual({ ...paid, refundedMinor: 1_00n, updatedAt: expect.any(Date) });
    await store().commit(refund(some, paid.totalMinor));
    expect(await found(store(), paid.orderId)).toEqual({
      ...paid,
      status: "refunded",
      refundedMinor: paid.totalMinor,
      history: [...paid.history, { status: "refunded", at, reason: "told" }],
      updatedAt: expect.any(Date),
    });
  });

  test("it never falls, and who saw the order before somebody else's change is refused (O4)", async () => {
    const paid = await orderIn(store(), "paid");
    await store().commit(refund(paid, 2_00n));
    await expectMoved(store(), paid.orderId, refund(paid, 3_00n));
    const now = await found(store(), paid.orderId);
    for (const less of [0n, 1_00n, 2_00n]) await expectMoved(store(), paid.orderId, refund(now, less));
    await store().commit(store().requestCancel(paid.orderId));
    await expectMoved(store(), paid.orderId, refund(now, paid.totalMinor));
    const asked = await found(store(), paid.orderId);
    await store().commit(refund(asked, paid.totalMinor));
    expect(await found(store(), paid.orderId)).toMatchObject({
      status: "paid",
      refundedMinor: paid.totalMinor,
    });
  });

  test("of a cancelled order the fee shrinks to what is left (D3)", async () => {
    const paid = await orderIn(store(), "paid");
    const { orderId, totalMinor } = paid;
    await store().commit(store().requestCancel(orderId));
    await store().commit(store().cancel(paid, { feeMinor: 1_00n, reason: "", at }));
    await store().commit(refund(await found(store(), orderId), totalMinor - 1_00n));
    expect(await found(store(), orderId)).toMatchObject({ feeMinor: 1_00n, status: "cancelled" });
    await store().commit(refund(await found(store(), orderId), totalMinor - 40n));
    expect(await found(store(), orderId)).toMatchObject({ feeMinor: 40n, status: "cancelled" });
  });

  test.each(["pending", "failed", "cancelled"] as const)(
    "an order that was never paid has nothing to give back: %s",
    async (status) => {
      const order = await orderIn(store(), status);
      await expectMoved(store(), order.orderId, refund(order, 1_00n));
    },
  );
}

function priceOf(draft: Draft): Price {
  const { currency, lines, subtotalMinor, shippingMinor, discountMinor, totalMinor, campaign } = draft;
  return { currency, lines, subtotalMinor, shippingMinor, discountMinor, totalMinor, campaign };
}

function importTests(store: Opened): void {
  const imported = () => {
    const { orderId, customerId, shippingAddress } = draftOrder();
    const lines = [{ productId: randomUUID(), quantity: 2 }];
    return importedOrder({ orderId, customerId, shippingAddress, lines, channel: "phone", at });
  };

  test("an order from another channel is kept as it came, and gets its prices once", async () => {
    const order = imported();
    await store().commit(store().open(order));
    expect(await found(store(), order.orderId)).toEqual({ ...order, updatedAt: expect.any(Date) });
    const price = priceOf(draftOrder());
    await store().commit(store().price(order.orderId, price));
    const priced = { ...order, ...price, priced: true, updatedAt: expect.any(Date) };
    expect(await found(store(), order.orderId)).toEqual(priced);
    await expectMoved(store(), order.orderId, store().price(order.orderId, price));
  });

  test("it is not packed before it has prices (D2)", async () => {
    const order = imported();
    const { orderId } = order;
    await store().commit(store().open(order));
    const move = store().move(orderId, { from: "new", to: "processing", reason: "", at });
    await expectMoved(store(), orderId, move);
    const price = priceOf(draftOrder());
    await store().commit(store().price(orderId, price));
    await store().commit(move);
    expect(await found(store(), orderId)).toMatchObject({ status: "processing", ...price });
  });

  test("it is cancelled without prices, and then gets none", async () => {
    const order = imported();
    await store().commit(store().open(order), store().requestCancel(order.orderId));
    await store().commit(store().cancel(order, { feeMinor: 0n, reason: "", at }));
    const price = priceOf(draftOrder());
    await expectMoved(store(), order.orderId, store().price(order.orderId, price));
  });
}

export const moneyTests: readonly ((store: Opened) => void)[] = [cancelTests, refundTests, importTests];
