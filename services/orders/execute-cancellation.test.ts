// The saga that cancels an order, hurt at every step; and payments that do not give the money back.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start as startInventory } from "@webstore/inventory/main";
import type { Postgres } from "@webstore/kit";
import { type AnySaga, describeVisit, freshSchema, type Visit, visitsOf } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cancellationId,
  cancelOrderBefore,
  cancelOrderSaga,
  cancelRefundId,
} from "./execute-cancellation.ts";
import { orderCancelRequested } from "./order-event.ts";
import { placeOrder } from "./place-order.ts";
import { draftOrder, orderMigrations, shop, undisturbed, untilMet, visitToEnd } from "./testing-orders.ts";
import { updateOrderPaymentStatus } from "./update-order-payment-status.ts";

let postgres: Postgres;
let inventory: Awaited<ReturnType<typeof startInventory>>;
beforeAll(async () => {
  postgres = await freshSchema(orderMigrations);
  inventory = await startInventory({
    INVENTORY_PORT: "0",
    DATA_DIR: mkdtempSync(join(tmpdir(), "webstore-orders-")),
  });
});
afterAll(async () => {
  await inventory.stop();
  await postgres.close();
});

/** An order that is paid, of 28.49, and to be cancelled. */
async function paidOrder() {
  const store = shop(postgres, inventory.urls.http ?? "");
  const draft = draftOrder();
  const { orderId, customerId, currency } = draft;
  const { ports } = store;
  const input = { ...draft, paymentMethodToken: "pm_card_visa" };
  await visitToEnd(placeOrder, { postgres, ports, input, sagaId: orderId, visit: undisturbed });
  const requested = ports.outbox.publish(orderCancelRequested(draft));
  await ports.store.commit(ports.store.requestCancel(orderId), requested);
  let attempt = 0;
  const cancel = (visit: Visit = undisturbed) => {
    attempt += 1;
    const sagaId = cancellationId(orderId, attempt);
    const saga = { orderId, customerId, currency };
    return visitToEnd(cancelOrderSaga, { postgres, ports, input: saga, sagaId, visit });
  };
  const refund = (amountMinor: bigint, refundId = crypto.randomUUID()) =>
    store.payments.processRefund({
      payment: { $case: "orderId", value: orderId },
      amount: { amountMinor, currency },
      refundId,
      reason: "staff",
    });
  /** What came of it that payments has to tell, is taken in. */
  const tell = () =>
    store.payments.deliver(({ paymentStatus, occurredAt = new Date(0), ...news }) =>
      updateOrderPaymentStatus(
        { ...news, paymentStatus, occurredAt },
        { ...ports, sagas: { wake: async () => {} }, wakeRelay: () => {} },
      ),
    );
  const order = async () => (await ports.store.find(orderId)) ?? Promise.reject(new Error("no order"));
  return { store, orderId, cancel, refund, tell, order };
}

type Paid = Awaited<ReturnType<typeof paidOrder>>;

/** All of it stands, once: 5 % of 28.49 are 1.4245. */
async function expectCancelled({ store, orderId, order }: Paid): Promise<void> {
  expect(await order()).toMatchObject({ status: "cancelled", refundedMinor: 27_07n, feeMinor: 1_42n });
  expect(await store.standingOf(orderId)).toMatchObject({
    reserved: false,
    heldMinor: 0n,
    takenMinor: 1_42n,
  });
  expect(await store.booksOf(orderId)).toEqual({
    receivableMinor: 0n,
    feeMinor: 1_42n,
    told: ["OrderCreated", "OrderCancelRequested", "OrderRefunded", "OrderCancelled"],
  });
}

describe("an order is cancelled once and whole, or can be cancelled again", () => {
  // A patient step is never given up, so an answer that is always lost has no end; see below for those that are lost.
  const visits = visitsOf(cancelOrderSaga as unknown as AnySaga).filter(
    ({ injury }) => injury.kind !== "lost",
  );
  test.each(visits.map((each) => [describeVisit(each), each] as const))("%s", async (_, each) => {
    const { paid, visited } = await untilMet(async () => {
      const one = await paidOrder();
      return { paid: one, visited: await one.cancel(each) };
    });
    const { outcome, met } = visited;
    expect(met).toBe(true);
    if (outcome.status !== "done") {
      expect(outcome.status).toBe("refused");
      const { status, cancelRequested, history } = await paid.order();
      expect({ status, cancelRequested }).toEqual({ status: "paid", cancelRequested: true });
      const isBegun = each.injury.kind !== "refused" || each.injury.step !== "request";
      expect(history.at(-1)?.reason).toBe(isBegun ? "not cancelled: injected" : "");
      expect((await paid.cancel()).outcome.status).toBe("done");
    }
    await expectCancelled(paid);
  });
});

test.each([1, 2, 3, 5])("%i lost answers in a row end in one refund", async (lost) => {
  const paid = await paidOrder();
  paid.store.payments.loseAnswers(lost);
  expect((await paid.cancel()).outcome.status).toBe("done");
  await expectCancelled(paid);
});

test("a refund that staff make before it is counted, and one in the middle of it, too", async () => {
  const paid = await paidOrder();
  await paid.refund(2_00n);
  const { processRefund } = paid.store.ports.payments;
  let isFirst = true;
  Object.assign(paid.store.ports.payments, {
    processRefund: async (request: Parameters<typeof processRefund>[0]) => {
      if (isFirst) await paid.refund(3_00n);
      isFirst = false;
      return processRefund(request);
    },
  });
  expect((await paid.cancel()).outcome.status).toBe("done");
  await expectCancelled(paid);
  const { refunds } = await paid.store.payments.getPayment({
    payment: { $case: "orderId", value: paid.orderId },
  });
  const amounts = refunds.map(({ refundId, amount }) => [refundId, amount?.amountMinor] as const);
  expect(amounts).toContainEqual([cancelRefundId(paid.orderId), 22_07n]);
});

test("when all is given back in the middle of it, nothing is left to keep", async () => {
  const paid = await paidOrder();
  const { processRefund } = paid.store.ports.payments;
  Object.assign(paid.store.ports.payments, {
    processRefund: async (request: Parameters<typeof processRefund>[0]) => {
      await paid.refund(28_49n, "3b3f5b8e-0000-4000-8000-000000000009");
      return processRefund(request);
    },
  });
  expect((await paid.cancel()).outcome.status).toBe("done");
  expect(await paid.order()).toMatchObject({ status: "cancelled", refundedMinor: 28_49n, feeMinor: 0n });
  expect(await paid.store.booksOf(paid.orderId)).toMatchObject({ receivableMinor: 0n, feeMinor: 0n });
});

test("a disputed payment: the order stays as it is and says why, until the dispute has ended", async () => {
  const paid = await paidOrder();
  await paid.store.payments.openDispute(paid.orderId);
  const { outcome } = await paid.cancel();
  expect(outcome).toMatchObject({ status: "refused", refusal: { reason: "order_not_cancellable" } });
  const { status, history, refundedMinor } = await paid.order();
  expect({ status, refundedMinor }).toEqual({ status: "paid", refundedMinor: 0n });
  expect(history.at(-1)).toMatchObject({ status: "paid", reason: "not cancelled: payment_disputed" });
  expect(await paid.store.standingOf(paid.orderId)).toMatchObject({ reserved: true, takenMinor: 28_49n });
  await paid.store.payments.closeDispute(paid.orderId, "won");
  expect((await paid.cancel()).outcome.status).toBe("done");
  await expectCancelled(paid);
});

test("a dispute that is lost has given all of it back: the order is cancelled, and nothing is kept", async () => {
  const paid = await paidOrder();
  await paid.store.payments.openDispute(paid.orderId);
  await paid.cancel();
  await paid.store.payments.closeDispute(paid.orderId, "lost");
  expect((await paid.cancel()).outcome.status).toBe("done");
  expect(await paid.order()).toMatchObject({ status: "cancelled", refundedMinor: 28_49n, feeMinor: 0n });
  expect(await paid.store.booksOf(paid.orderId)).toMatchObject({ receivableMinor: 0n, feeMinor: 0n });
});

test("a refund that is refused though nobody came in between is meant, and is asked for no more", async () => {
  const paid = await paidOrder();
  let asked = 0;
  const { processRefund } = paid.store.ports.payments;
  Object.assign(paid.store.ports.payments, {
    processRefund: async (request: Parameters<typeof processRefund>[0]) => {
      asked += 1;
      // More than was ever taken, which payments refuses.
      return processRefund({ ...request, amount: { amountMinor: 99_99n, currency: "USD" } });
    },
  });
  expect((await paid.cancel()).outcome).toMatchObject({ status: "refused" });
  expect(asked).toBe(1);
  const reason = "not cancelled: refund_exceeds_captured";
  expect((await paid.order()).history.at(-1)).toMatchObject({ status: "paid", reason });
});

test("stock that the inventory company does not take back is offered again until it does", async () => {
  const paid = await paidOrder();
  const { release } = paid.store.ports.inventory;
  let refused = 0;
  Object.assign(paid.store.ports.inventory, {
    release: async (request: Parameters<typeof release>[0]) => {
      refused += 1;
      if (refused <= 4) throw new Error("the inventory company is away");
      return release(request);
    },
  });
  expect((await paid.cancel()).outcome.status).toBe("done");
  await expectCancelled(paid);
});

describe("money that goes back after the refund and before the order is cancelled takes from the fee", () => {
  const ways = {
    "staff give the fee back, too": (paid: Paid) => paid.refund(1_42n),
    "staff give a part of the fee back": (paid: Paid) => paid.refund(40n),
    "a dispute is lost": async ({ store, orderId }: Paid) => {
      await store.payments.openDispute(orderId);
      await store.payments.closeDispute(orderId, "lost");
    },
  };
  const all = Object.entries(ways);
  const kept = (what: string) => (what === "staff give a part of the fee back" ? 1_02n : 0n);
  const expectEven = async (paid: Paid, feeMinor: bigint) => {
    const refundedMinor = 28_49n - feeMinor;
    expect(await paid.order()).toMatchObject({ status: "cancelled", refundedMinor, feeMinor });
    expect(await paid.store.booksOf(paid.orderId)).toMatchObject({ receivableMinor: 0n, feeMinor });
    expect(await paid.store.standingOf(paid.orderId)).toMatchObject({ takenMinor: feeMinor });
  };

  test.each(all)("%s while the stock is released", async (what, goesBack) => {
    const paid = await paidOrder();
    const { release } = paid.store.ports.inventory;
    let isFirst = true;
    Object.assign(paid.store.ports.inventory, {
      release: async (request: Parameters<typeof release>[0]) => {
        if (isFirst) await goesBack(paid);
        isFirst = false;
        await paid.tell();
        return release(request);
      },
    });
    expect((await paid.cancel()).outcome.status).toBe("done");
    await expectEven(paid, kept(what));
    const { told } = await paid.store.booksOf(paid.orderId);
    expect(told.filter((name) => name === "OrderCancelled")).toHaveLength(1);
  });

  test.each(all)("%s just before the order is written", async (what, goesBack) => {
    const paid = await paidOrder();
    const { cancel, commit } = paid.store.ports.store;
    let decisions = 0;
    let isOvertaken = false;
    Object.assign(paid.store.ports.store, {
      cancel: (...is: Parameters<typeof cancel>) => {
        decisions += 1;
        return cancel(...is);
      },
      commit: async (...writes: Parameters<typeof commit>) => {
        if (decisions === 1 && !isOvertaken) {
          isOvertaken = true;
          await goesBack(paid);
          await paid.tell();
        }
        return commit(...writes);
      },
    });
    expect((await paid.cancel()).outcome.status).toBe("done");
    expect(decisions).toBe(2);
    await expectEven(paid, kept(what));
  });

  test.each(all)("%s, and orders hear of it when the order is cancelled", async (what, goesBack) => {
    const paid = await paidOrder();
    const { release } = paid.store.ports.inventory;
    let isFirst = true;
    Object.assign(paid.store.ports.inventory, {
      release: async (request: Parameters<typeof release>[0]) => {
        if (isFirst) await goesBack(paid);
        isFirst = false;
        return release(request);
      },
    });
    expect((await paid.cancel()).outcome.status).toBe("done");
    await paid.tell();
    await expectEven(paid, kept(what));
  });
});

test("what version 1 began is finished by the steps of version 2", async () => {
  const names = ["request", "refund", "refundNoting", "release", "cancelled"];
  expect(cancelOrderBefore.steps.map(({ name }) => name)).toEqual(names);
  expect(cancelOrderBefore.options.version).toBe(1);
  const paid = await paidOrder();
  const order = await paid.order();
  const { orderId, customerId, currency } = order;
  const { outcome } = await visitToEnd(cancelOrderBefore, {
    postgres,
    ports: paid.store.ports,
    input: { orderId, customerId, currency },
    sagaId: cancellationId(orderId, 1),
  });
  expect(outcome.status).toBe("done");
  await expectCancelled(paid);
});
