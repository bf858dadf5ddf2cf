import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start as startInventory } from "@webstore/inventory/main";
import type { Postgres } from "@webstore/kit";
import { type AnySaga, describeVisit, freshSchema, visitsOf } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { placeOrder, placeOrderBefore } from "./place-order.ts";
import { draftOrder, orderMigrations, shop, undisturbed, untilMet, visitToEnd } from "./testing-orders.ts";

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

function visit(is: {
  visit?: Parameters<typeof visitToEnd>[1]["visit"];
  fundsMinor?: bigint;
  token?: string;
  quantity?: number;
}) {
  const { fundsMinor, quantity } = is;
  const store = shop(postgres, inventory.urls.http ?? "", fundsMinor === undefined ? {} : { fundsMinor });
  const draft = draftOrder(quantity === undefined ? {} : { quantity });
  const input = { ...draft, paymentMethodToken: is.token ?? "pm_card_visa" };
  const run = visitToEnd(placeOrder, {
    postgres,
    ports: store.ports,
    input,
    sagaId: draft.orderId,
    visit: is.visit ?? undisturbed,
  });
  return { draft, store, run };
}

describe("an order stands whole or not at all", () => {
  const visits = visitsOf(placeOrder as unknown as AnySaga);
  test.each(visits.map((each) => [describeVisit(each), each] as const))("%s", async (_, each) => {
    const { draft, store, visited } = await untilMet(async () => {
      const { run, ...one } = visit({ visit: each });
      return { ...one, visited: await run };
    });
    const { outcome, met } = visited;
    expect(met).toBe(true);
    const standing = await store.standingOf(draft.orderId);
    if (outcome.status === "done") {
      const cartLeft =
        each.injury.kind !== "none" && each.injury.kind !== "crashed" && each.injury.step === "cartClearing";
      const events = cartLeft ? 2 : 1;
      expect(standing).toEqual({ reserved: true, heldMinor: 0n, takenMinor: 28_49n, status: "paid", events });
    } else {
      expect(outcome.status).toBe("refused");
      expect(standing).toMatchObject({ reserved: false, heldMinor: 0n, takenMinor: 0n, events: 0 });
      expect(["none", "failed"]).toContain(standing.status);
    }
  });
});

test("whoever waits for it is given the order as it was made paid", async () => {
  const { draft, store, run } = visit({});
  const { outcome } = await run;
  const paid = await store.ports.store.find(draft.orderId);
  expect(paid).toMatchObject({ status: "paid" });
  expect(outcome).toEqual({ status: "done", answer: paid });
});

const nothing = { reserved: false, heldMinor: 0n, takenMinor: 0n, events: 0 };

test("a declined card reaches the caller, and the stock goes back", async () => {
  const { draft, store, run } = visit({ fundsMinor: 10_00n });
  expect((await run).outcome).toMatchObject({
    status: "refused",
    refusal: { service: "orders", reason: "card_declined" },
  });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "failed" });
});

test("stock that is not there refuses the order before it exists", async () => {
  const store = shop(postgres, inventory.urls.http ?? "");
  const draft = draftOrder();
  await store.stock.setStock({ product_id: draft.lines[0]?.productId ?? "", available: 1 });
  const input = { ...draft, paymentMethodToken: "pm_card_visa" };
  const { outcome } = await visitToEnd(placeOrder, {
    postgres,
    ports: store.ports,
    input,
    sagaId: draft.orderId,
    visit: undisturbed,
  });
  expect(outcome).toMatchObject({ status: "refused", refusal: { reason: "out_of_stock" } });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "none" });
});

test("answers that are lost again and again end in one payment or none", async () => {
  for (const lost of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const store = shop(postgres, inventory.urls.http ?? "");
    const draft = draftOrder();
    const is = {
      postgres,
      ports: store.ports,
      input: { ...draft, paymentMethodToken: "pm_card_visa" },
      sagaId: draft.orderId,
      visit: undisturbed,
    };
    store.payments.loseAnswers(lost);
    // An undo without an answer is parked, and taken up again later.
    const { outcome } = await visitToEnd(placeOrder, is);
    const expected =
      outcome.status === "done"
        ? { reserved: true, heldMinor: 0n, takenMinor: draft.totalMinor, status: "paid", events: 1 }
        : { ...nothing, status: "failed" };
    expect(await store.standingOf(draft.orderId)).toEqual(expected);
  }
});

test("a capture whose money cannot be given back yet is not taken for one that never was", async () => {
  const { draft, store, run } = visit({
    visit: { injury: { kind: "refused", step: "paid" }, repeat: 1, refusedToo: undefined },
  });
  const { orderId } = draft;
  const [clear, refund] = [store.ports.cart.clearOrderedLines, store.ports.payments.processRefund];
  let refused = 0;
  Object.assign(store.ports.cart, {
    clearOrderedLines: async (request: Parameters<typeof clear>[0]) => {
      await store.payments.openDispute(orderId);
      return clear(request);
    },
  });
  Object.assign(store.ports.payments, {
    processRefund: async (request: Parameters<typeof refund>[0]) => {
      refused += 1;
      if (refused === 3) await store.payments.closeDispute(orderId, "won");
      return refund(request);
    },
  });
  expect((await run).outcome.status).toBe("refused");
  expect(refused).toBe(3);
  expect(await store.standingOf(orderId)).toEqual({ ...nothing, status: "failed" });
});

describe("somebody else's refund of a part is on its way while all is undone", () => {
  test.each(["comes through", "is refused in the end"])("it %s: nothing is kept", async (end) => {
    const { draft, store, run } = visit({
      visit: { injury: { kind: "refused", step: "paid" }, repeat: 1, refusedToo: undefined },
    });
    const { orderId, currency } = draft;
    const payment = { $case: "orderId", value: orderId } as const;
    const refundOfStaff = () =>
      store.payments.processRefund({
        payment,
        amount: { amountMinor: 5_00n, currency },
        refundId: draft.customerId,
        reason: "staff",
      });
    const [clear, refund] = [store.ports.cart.clearOrderedLines, store.ports.payments.processRefund];
    Object.assign(store.ports.cart, {
      clearOrderedLines: async (request: Parameters<typeof clear>[0]) => {
        store.payments.setReachable(false);
        await refundOfStaff().catch(() => {});
        store.payments.setReachable(true);
        return clear(request);
      },
    });
    let rounds = 0;
    Object.assign(store.ports.payments, {
      processRefund: async (request: Parameters<typeof refund>[0]) => {
        rounds += 1;
        if (rounds === 3 && end === "comes through") await refundOfStaff();
        if (rounds === 3 && end !== "comes through") {
          await store.payments.openDispute(orderId);
          await refundOfStaff().catch(() => {});
          await store.payments.closeDispute(orderId, "won");
        }
        return refund(request);
      },
    });
    expect((await run).outcome.status).toBe("refused");
    expect(rounds).toBe(3);
    expect(await store.standingOf(orderId)).toEqual({ ...nothing, status: "failed" });
    const { refunds } = await store.payments.getPayment({ payment });
    const amounts = refunds.map(({ amount, settled }) => [amount?.amountMinor, settled]);
    expect(amounts).toHaveLength(2);
    expect(amounts).toEqual(
      expect.arrayContaining([
        [5_00n, true],
        [23_49n, true],
      ]),
    );
    const isOfStaff = refunds.some(({ refundId }) => refundId === draft.customerId);
    expect(isOfStaff).toBe(end === "comes through");
  });
});

test("what version 1 began is finished by the steps of version 2", async () => {
  expect(placeOrderBefore.options.version).toBe(1);
  expect(placeOrderBefore.steps.map(({ name }) => name)).toEqual([
    "reservation",
    "order",
    "authorization",
    "capture",
    "cartClearing",
    "paid",
  ]);
  const store = shop(postgres, inventory.urls.http ?? "");
  const draft = draftOrder();
  const input = { ...draft, paymentMethodToken: "pm_card_visa" };
  const is = { postgres, ports: store.ports, input, sagaId: draft.orderId, visit: undisturbed };
  expect((await visitToEnd(placeOrderBefore, is)).outcome.status).toBe("done");
  expect(await store.standingOf(draft.orderId)).toMatchObject({ status: "paid", takenMinor: 28_49n });
});
