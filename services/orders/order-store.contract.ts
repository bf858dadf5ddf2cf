// What every store of orders promises (order-store.ts), as tests.

import { randomUUID } from "node:crypto";
import { UniqueViolation } from "@webstore/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Order, openedOrder, type Status, statuses, transition } from "./order.ts";
import type { OrderStore, PaymentNotification } from "./order-store.ts";
import { moneyTests } from "./order-store-money.contract.ts";
import {
  anyStatus,
  at,
  expectMoved,
  found,
  isMoved,
  type Opened,
  orderIn,
  paymentId,
  receiptUrl,
} from "./testing-order-store.ts";
import { draftOrder } from "./testing-orders.ts";

export function orderStoreContract(
  name: string,
  open: () => Promise<{ store: OrderStore; close(): Promise<void> }>,
): void {
  describe(name, () => {
    let opened: Awaited<ReturnType<typeof open>> | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    const store = () => {
      if (opened === undefined) throw new Error("a test runs before the store is open");
      return opened.store;
    };
    for (const group of groups) group(store);
  });
}

const groups: ((store: Opened) => void)[] = [
  openingTests,
  movingTests,
  commitTests,
  ...moneyTests,
  notificationTests,
  pageTests,
];

function openingTests(store: Opened): void {
  test("an order is kept as it was drafted, pending", async () => {
    const draft = draftOrder();
    const { placedAt, ...kept } = draft;
    expect(await orderIn(store(), "pending", draft)).toEqual({
      ...kept,
      status: "pending",
      paymentId: "",
      receiptUrl: "",
      failureReason: "",
      refundedMinor: 0n,
      cancelRequested: false,
      feeMinor: 0n,
      channel: "",
      priced: true,
      history: [{ status: "pending", at, reason: "" }],
      createdAt: new Date(placedAt),
      updatedAt: expect.any(Date),
    });
  });

  test("texts and amounts come back exactly, whatever they hold", async () => {
    const big = 9_007_199_254_740_993n;
    const hostile = `'); drop table orders; -- "\\ {} [] null é 日本 😀`;
    const line = {
      productId: randomUUID(),
      name: hostile,
      quantity: 1,
      unitPriceMinor: big,
      lineTotalMinor: big,
    };
    const amounts = { subtotalMinor: big, shippingMinor: 0n, discountMinor: 0n, totalMinor: big };
    const shippingAddress = {
      name: hostile,
      line1: hostile,
      city: hostile,
      postalCode: hostile,
      country: "FR",
    };
    const draft = { ...draftOrder(), ...amounts, lines: [line], shippingAddress, coupon: hostile };
    expect(await orderIn(store(), "pending", draft)).toMatchObject({
      ...amounts,
      lines: [line],
      shippingAddress,
      coupon: hostile,
    });
  });

  test("an order is opened once, and a second opening changes nothing", async () => {
    const draft = draftOrder();
    const before = await orderIn(store(), "paid", draft);
    const again = store().commit(store().open(openedOrder(draft, at)));
    await expect(again).rejects.toBeInstanceOf(UniqueViolation);
    expect(await store().find(draft.orderId)).toEqual(before);
  });

  test("an order that was never opened is not there, and cannot be changed", async () => {
    const orderId = randomUUID();
    expect(await store().find(orderId)).toBeUndefined();
    await expectMoved(store(), orderId, store().markPaid(orderId, { paymentId, receiptUrl, at }));
    await expectMoved(store(), orderId, store().requestCancel(orderId));
    const move = { from: "paid", to: "processing", reason: "", at } as const;
    await expectMoved(store(), orderId, store().move(orderId, move));
    await store().commit(store().fail(orderId, { to: "failed", reason: "x", at }));
    expect(await store().find(orderId)).toBeUndefined();
  });
}

function movingTests(store: Opened): void {
  const pairs = anyStatus.flatMap((from) => statuses.map((to) => [from, to] as const));
  test.each(pairs)("a move from %s to %s is made exactly if the table has it (O1)", async (from, to) => {
    const before = await orderIn(store(), from);
    const move = store().move(before.orderId, { from, to, reason: "why", at });
    if (transition(from, to) !== "change") return expectMoved(store(), before.orderId, move);
    await store().commit(move);
    expect(await found(store(), before.orderId)).toEqual({
      ...before,
      status: to,
      history: [...before.history, { status: to, at, reason: "why" }],
      updatedAt: expect.any(Date),
    });
  });

  test.each(anyStatus)(
    "an order that is %s is not moved by who believes it somewhere else",
    async (status) => {
      const { orderId } = await orderIn(store(), status);
      for (const from of statuses.filter((each) => each !== status)) {
        for (const to of statuses.filter((each) => transition(from, each) === "change"))
          await expectMoved(store(), orderId, store().move(orderId, { from, to, reason: "", at }));
      }
    },
  );

  test.each(anyStatus)("an order that is %s is marked as paid only if it is pending", async (status) => {
    const before = await orderIn(store(), status);
    const other = { paymentId: randomUUID(), receiptUrl: "https://receipts.example/2", at };
    const paid = store().markPaid(before.orderId, other);
    if (status !== "pending") return expectMoved(store(), before.orderId, paid);
    await store().commit(paid);
    expect(await found(store(), before.orderId)).toMatchObject({
      status: "paid",
      paymentId: other.paymentId,
      receiptUrl: other.receiptUrl,
      history: [...before.history, { status: "paid", at, reason: "" }],
    });
  });

  test.each(anyStatus)(
    "an order that is %s fails only if it is pending, and is left alone if not",
    async (status) => {
      const before = await orderIn(store(), status);
      await store().commit(store().fail(before.orderId, { to: "failed", reason: "out_of_stock", at }));
      const after = await found(store(), before.orderId);
      if (status !== "pending") return expect(after).toEqual(before);
      const change = { status: "failed", at, reason: "out_of_stock" };
      expect(after).toMatchObject({
        status: "failed",
        failureReason: "out_of_stock",
        history: [...before.history, change],
      });
    },
  );

  test("a move that is made with what goes with it gives the order as it is then, with what came in between", async () => {
    const seen = await orderIn(store(), "paid");
    await store().commit(store().refund(seen, { refundedMinor: 1n, reason: "", at }));
    const noted = notificationOf(seen.orderId);
    const move = { from: seen.status, to: "processing", reason: "why", at } as const;
    const given = await store().commitMove(seen.orderId, move, store().noteNotification(noted, true));
    expect(given).toMatchObject({ status: "processing", refundedMinor: 1n });
    expect(given).toEqual(await found(store(), seen.orderId));
    expect(await store().findNotification(noted.notificationId)).toEqual({ applied: true });
  });

  test("a move that is refused takes what goes with it along, and the other way round (O2)", async () => {
    const paid = await orderIn(store(), "paid");
    const noted = notificationOf(paid.orderId);
    const noting = store().noteNotification(noted, true);
    const move = { from: "processing", to: "shipped", reason: "", at } as const;
    const moving = store().commitMove(paid.orderId, move, noting);
    expect(isMoved(await moving.catch((error: unknown) => error))).toBe(true);
    expect(await store().findNotification(noted.notificationId)).toBeUndefined();
    await store().commit(noting);
    const known = store().commitMove(paid.orderId, { ...move, from: "paid", to: "processing" }, noting);
    await expect(known).rejects.toBeInstanceOf(UniqueViolation);
    expect(await found(store(), paid.orderId)).toEqual(paid);
  });

  test("of twenty who move an order at once one does, and the history says so once", async () => {
    const { orderId, history } = await orderIn(store(), "paid");
    const move = { from: "paid", to: "processing", reason: "", at } as const;
    const all = Array.from({ length: 20 }, () => store().commit(store().move(orderId, move)));
    const settled = await Promise.allSettled(all);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await found(store(), orderId)).history).toHaveLength(history.length + 1);
  });
}

function commitTests(store: Opened): void {
  test("of a commit with a write that is refused nothing stands, wherever in it that is (O2)", async () => {
    const paid = await orderIn(store(), "paid");
    const draft = draftOrder();
    const opening = store().open(openedOrder(draft, at));
    const refused = store().markPaid(paid.orderId, { paymentId, receiptUrl, at });
    const notification = { ...notificationOf(paid.orderId), notificationId: randomUUID() };
    const noting = store().noteNotification(notification, true);
    for (const all of [
      [opening, noting, refused],
      [refused, opening, noting],
      [opening, refused, noting],
    ]) {
      await expectMoved(store(), paid.orderId, ...all);
      expect(await store().find(draft.orderId)).toBeUndefined();
      expect(await store().findNotification(notification.notificationId)).toBeUndefined();
    }
  });

  test("building a write and dropping it leaves no trace", async () => {
    const paid = await orderIn(store(), "paid");
    store().move(paid.orderId, { from: "paid", to: "processing", reason: "", at });
    store().requestCancel(paid.orderId);
    expect(await store().find(paid.orderId)).toEqual(paid);
  });
}

const notificationOf = (orderId: string, occurredAt = at): PaymentNotification => ({
  notificationId: randomUUID(),
  orderId,
  paymentId,
  paymentStatus: "PAYMENT_STATUS_CAPTURED",
  occurredAt: new Date(occurredAt),
  refundedMinor: 0n,
});

function notificationTests(store: Opened): void {
  test("a notification is kept by its id, once, with what it did", async () => {
    const { orderId } = await orderIn(store(), "paid");
    const notification = notificationOf(orderId);
    expect(await store().findNotification(notification.notificationId)).toBeUndefined();
    await store().commit(store().noteNotification(notification, true));
    expect(await store().findNotification(notification.notificationId)).toEqual({ applied: true });
    const again = store().commit(store().noteNotification(notification, false));
    await expect(again).rejects.toBeInstanceOf(UniqueViolation);
    expect(await store().findNotification(notification.notificationId)).toEqual({ applied: true });
  });
}

function pageTests(store: Opened): void {
  const placed = async (customerId: string, placedAt: string, status: Status = "pending") =>
    (await orderIn(store(), status, { ...draftOrder(), customerId, placedAt })).orderId;
  const pages = async (
    customerId: string,
    limit: number,
    between: () => Promise<unknown> = async () => {},
  ) => {
    const ids: string[] = [];
    for (let after: Order | undefined; ; ) {
      const page = await store().list({ customerId, limit, after });
      ids.push(...page.map(({ orderId }) => orderId));
      after = page.at(-1);
      if (page.length < limit) return ids;
      await between();
    }
  };

  test("a list has the newest first, and of equal times the greater id (O3)", async () => {
    const customerId = randomUUID();
    const old = await placed(customerId, "2026-01-01T00:00:00.000Z");
    const same = [];
    for (let index = 0; index < 7; index += 1)
      same.push(await placed(customerId, "2026-01-02T00:00:00.000Z"));
    const young = await placed(customerId, "2026-01-03T00:00:00.000Z");
    const expected = [young, ...same.sort().reverse(), old];
    expect((await store().list({ customerId, limit: 100 })).map(({ orderId }) => orderId)).toEqual(expected);
    for (const limit of [1, 2, 3]) expect(await pages(customerId, limit)).toEqual(expected);
  });

  test("times that differ by microseconds lose no order between two pages", async () => {
    const customerId = randomUUID();
    const ids: string[] = [];
    for (const micros of ["000", "001", "400", "499", "500", "501", "998", "999"])
      ids.push(await placed(customerId, `2026-01-02T03:04:05.123${micros}Z`));
    for (const limit of [1, 2, 3]) expect((await pages(customerId, limit)).sort()).toEqual([...ids].sort());
  });

  test("what is placed between two pages neither shifts nor repeats what was there", async () => {
    const customerId = randomUUID();
    const ids: string[] = [];
    for (let day = 10; day < 20; day += 1) ids.push(await placed(customerId, `2026-01-${day}T00:00:00.000Z`));
    const newer = () => placed(customerId, "2026-02-01T00:00:00.000Z");
    expect(await pages(customerId, 3, newer)).toEqual(ids.reverse());
  });

  test("a list is of one customer, in one status, or of all", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const later = "2999-01-01T00:00:00.000Z";
    const paid = await placed(one, later, "paid");
    const pending = await placed(one, later);
    const others = await placed(other, later, "paid");
    const ids = async (is: { customerId?: string; status?: Status }) =>
      (await store().list({ ...is, limit: 100 })).map(({ orderId }) => orderId).sort();
    expect(await ids({ customerId: one })).toEqual([paid, pending].sort());
    expect(await ids({ customerId: one, status: "paid" })).toEqual([paid]);
    expect(await ids({ customerId: other, status: "failed" })).toEqual([]);
    expect(await ids({ customerId: randomUUID() })).toEqual([]);
    const all = await store().list({ limit: 3 });
    expect(all.map(({ orderId }) => orderId).sort()).toEqual([paid, pending, others].sort());
    expect((await ids({ status: "paid" })).filter((id) => [paid, pending, others].includes(id))).toEqual(
      [paid, others].sort(),
    );
  });
}
