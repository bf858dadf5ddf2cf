import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start as startInventory } from "@webstore/inventory/main";
import type { Postgres } from "@webstore/kit";
import { type AnySaga, describeVisit, freshSchema, visitSaga, visitsOf } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { placeOrder } from "./place-order.ts";
import { draftOrder, orderMigrations, shop } from "./testing-orders.ts";

const undisturbed = { injury: { kind: "none" }, repeat: 1, refusedToo: undefined } as const;

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
  visit?: Parameters<typeof visitSaga>[1]["visit"];
  fundsMinor?: bigint;
  token?: string;
  quantity?: number;
}) {
  const { fundsMinor, quantity } = is;
  const store = shop(postgres, inventory.urls.http ?? "", fundsMinor === undefined ? {} : { fundsMinor });
  const draft = draftOrder(quantity === undefined ? {} : { quantity });
  const input = { ...draft, paymentMethodToken: is.token ?? "pm_card_visa" };
  const run = visitSaga(placeOrder, {
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
    const { draft, store, run } = visit({ visit: each });
    const { outcome, met } = await run;
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

const nothing = { reserved: false, heldMinor: 0n, takenMinor: 0n, events: 0 };

test("a declined card reaches the caller, and the stock goes back", async () => {
  const { draft, store, run } = visit({ fundsMinor: 10_00n });
  expect((await run).outcome).toMatchObject({
    status: "refused",
    refusal: { service: "orders", reason: "card_declined" },
  });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "failed" });
});

test("a card that wants a confirmation is let go of, and nothing is held", async () => {
  const { draft, store, run } = visit({ token: "pm_card_authenticationRequired" });
  expect((await run).outcome).toMatchObject({
    status: "refused",
    refusal: { reason: "payment_action_required" },
  });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "failed" });
});

test("stock that is not there refuses the order before it exists", async () => {
  const store = shop(postgres, inventory.urls.http ?? "");
  const draft = draftOrder();
  await store.stock.setStock({ product_id: draft.lines[0]?.productId ?? "", available: 1 });
  const input = { ...draft, paymentMethodToken: "pm_card_visa" };
  const { outcome } = await visitSaga(placeOrder, {
    postgres,
    ports: store.ports,
    input,
    sagaId: draft.orderId,
    visit: undisturbed,
  });
  expect(outcome).toMatchObject({ status: "refused", refusal: { reason: "out_of_stock" } });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "none" });
});

test("an order that is cancelled while it is placed gives the money back", async () => {
  const { draft, store, run } = visit({
    visit: {
      injury: { kind: "crashed", at: "do cartClearing", when: "after" },
      repeat: 1,
      refusedToo: undefined,
    },
  });
  const capture = store.ports.payments.capturePayment;
  const cancelling = {
    from: "pending",
    to: "cancelled",
    reason: "test",
    at: new Date(0).toISOString(),
  } as const;
  Object.assign(store.ports.payments, {
    capturePayment: async (request: Parameters<typeof capture>[0]) => {
      await store.ports.store.commit(store.ports.store.move(draft.orderId, cancelling)).catch(() => {});
      return capture(request);
    },
  });
  expect((await run).outcome).toMatchObject({ status: "refused", refusal: { reason: "order_cancelled" } });
  expect(await store.standingOf(draft.orderId)).toEqual({ ...nothing, status: "cancelled" });
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
    let { outcome } = await visitSaga(placeOrder, is);
    // An undo without an answer is parked, and taken up again later.
    while (outcome.status === "unfinished") ({ outcome } = await visitSaga(placeOrder, is));
    const expected =
      outcome.status === "done"
        ? { reserved: true, heldMinor: 0n, takenMinor: draft.totalMinor, status: "paid", events: 1 }
        : { ...nothing, status: "failed" };
    expect(await store.standingOf(draft.orderId)).toEqual(expected);
  }
});
