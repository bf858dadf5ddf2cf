// What may come while an order is placed: its cancellation, between every two steps; and a shopper who confirms the payment,
// late or never.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start as startInventory } from "@webstore/inventory/main";
import { openJournal, openLog, openSagaEngine, type Postgres, WriteRefused } from "@webstore/kit";
import { freshSchema, unrecordedTelemetry, type Visit } from "@webstore/kit/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cancellationId, cancelOrderSaga } from "./execute-cancellation.ts";
import { orderCancelRequested } from "./order-event.ts";
import { confirmationMaxMs, placeOrder } from "./place-order.ts";
import { draftOrder, orderMigrations, placedAtMs, shop, undisturbed, visitToEnd } from "./testing-orders.ts";

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

type Store = ReturnType<typeof shop>;
type Draft = ReturnType<typeof draftOrder>;

/** Whether the cancellation was noted: it is not before the order is opened, and not twice. */
async function askToCancel({ ports }: Store, draft: Draft): Promise<boolean> {
  const { store, outbox } = ports;
  try {
    await store.commit(store.requestCancel(draft.orderId), outbox.publish(orderCancelRequested(draft)));
    return true;
  } catch (error) {
    if (!(error instanceof WriteRefused)) throw error;
    return false;
  }
}

/** place-order, in which somebody asks to cancel before or after the effect of a step. */
function cancelledAt(store: Store, draft: Draft, at: { step: string; when: "before" | "after" }) {
  const noted: boolean[] = [];
  const steps = placeOrder.steps.map((step) => {
    if (step.kind === "write" || step.name !== at.step) return step;
    return {
      ...step,
      do: async (scope: never) => {
        if (at.when === "before") noted.push(await askToCancel(store, draft));
        const result = await step.do(scope);
        if (at.when === "after") noted.push(await askToCancel(store, draft));
        return result;
      },
    };
  });
  return { saga: { ...placeOrder, steps } as typeof placeOrder, isNoted: () => noted.includes(true) };
}

/** What happened to a saga, for whoever reads that its test failed. */
async function trailOf(id: string): Promise<string> {
  const [row] = await postgres.query<{ trail: unknown }>("select trail from sagas where id = $1", [id]);
  return JSON.stringify(row?.trail);
}

describe("a cancellation that arrives while the order is placed", () => {
  const effects = placeOrder.steps.filter(({ kind }) => kind === "step").map(({ name }) => name);
  const gaps = effects.flatMap((step) => (["before", "after"] as const).map((when) => ({ step, when })));
  const crashes: Visit[] = [
    { ...undisturbed, repeat: 2 },
    ...[
      "journal write 3",
      "undo capture",
      "undo authorization",
      "undo reservation",
      "journal write 4",
    ].flatMap((at) =>
      (["before", "after"] as const).map((when) => ({
        ...undisturbed,
        injury: { kind: "crashed", at, when } as const,
      })),
    ),
  ];

  test.each(gaps)("$when $step: no money is kept, no stock, and the books are even", async (at) => {
    for (const visit of [undisturbed, ...crashes]) {
      const store = shop(postgres, inventory.urls.http ?? "");
      const draft = draftOrder();
      const { orderId, customerId, currency } = draft;
      const { saga, isNoted } = cancelledAt(store, draft, at);
      const input = { ...draft, paymentMethodToken: "pm_card_visa" };
      const { outcome } = await visitToEnd(saga, {
        postgres,
        ports: store.ports,
        input,
        sagaId: orderId,
        visit,
      });
      // Before it is opened an order cannot be cancelled; it is placed, and cancelled then.
      const isPlaced = outcome.status === "done";
      if (at.step !== "reservation") expect(isPlaced).toBe(false);
      if (isPlaced) {
        if (!isNoted()) expect(await askToCancel(store, draft)).toBe(true);
        const cancel = { postgres, ports: store.ports, input: { orderId, customerId, currency } };
        await visitToEnd(cancelOrderSaga, { ...cancel, sagaId: cancellationId(orderId, 1) });
      } else {
        const expected = { status: "refused", refusal: { reason: "order_cancelled" } };
        expect(outcome, await trailOf(orderId)).toMatchObject(expected);
      }
      const feeMinor = isPlaced ? 1_42n : 0n;
      expect(await store.standingOf(orderId)).toMatchObject({
        reserved: false,
        heldMinor: 0n,
        takenMinor: feeMinor,
        status: "cancelled",
      });
      expect(await store.booksOf(orderId)).toEqual({
        receivableMinor: 0n,
        feeMinor,
        told: isPlaced
          ? expect.arrayContaining(["OrderCreated", "OrderRefunded", "OrderCancelled"])
          : ["OrderCancelRequested", "OrderCancelled"],
      });
      await store.payments.deliver((news) => Promise.resolve(news));
    }
  });
});

describe("a payment that the shopper must confirm", () => {
  const engines: { stop(graceMs: number): Promise<void> }[] = [];
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop(0);
  });

  const placing = async () => {
    let nowMs = placedAtMs + 1_000;
    const store = shop(postgres, inventory.urls.http ?? "", { nowMs: () => nowMs });
    const draft = draftOrder();
    const engine = openSagaEngine({
      journal: openJournal({ postgres, owner: draft.orderId, leaseMs: 10_000, key: "test" }),
      sagas: [placeOrder],
      ports: store.ports,
      log: openLog("orders", { level: "silent" }),
      telemetry: unrecordedTelemetry("orders"),
      leaseMs: 10_000,
      random: () => 0,
      delayMs: async () => {},
    });
    engines.push(engine);
    const { orderId } = draft;
    const input = { ...draft, paymentMethodToken: "pm_card_authenticationRequired" };
    await engine.begin(placeOrder, { id: orderId, requestHash: "", input, traceparent: "" });
    const settle = () => engine.settle(orderId, 10_000);
    const waiting = { status: "waiting", what: "the shopper's confirmation" };
    expect(await settle()).toEqual(waiting);
    return {
      store,
      draft,
      orderId,
      settle,
      waiting,
      wake: () => engine.wake(orderId),
      passTo: (ms: number) => {
        nowMs = placedAtMs + ms;
      },
    };
  };
  const nothing = { reserved: false, heldMinor: 0n, takenMinor: 0n };

  test("waits without an end to be seen, and is captured once when it is confirmed", async () => {
    const { store, orderId, settle, waiting, wake, passTo } = await placing();
    expect(await store.standingOf(orderId)).toMatchObject({
      reserved: true,
      status: "pending",
      takenMinor: 0n,
    });
    passTo(confirmationMaxMs - 1);
    await wake();
    expect(await settle()).toEqual(waiting);
    await store.payments.confirm(orderId, "succeeded");
    await Promise.all([wake(), wake()]);
    expect(await settle()).toMatchObject({ status: "done" });
    expect(await store.standingOf(orderId)).toEqual({
      reserved: true,
      heldMinor: 0n,
      takenMinor: 28_49n,
      status: "paid",
      events: 1,
    });
  });

  test("that is not confirmed in a quarter of an hour is let go of, and nothing is left", async () => {
    const { store, orderId, settle, wake, passTo } = await placing();
    passTo(confirmationMaxMs);
    await wake();
    expect(await settle()).toMatchObject({
      status: "refused",
      refusal: { reason: "payment_action_required" },
    });
    expect(await store.standingOf(orderId)).toEqual({ ...nothing, status: "failed", events: 0 });
    await expect(store.payments.confirm(orderId, "succeeded")).rejects.toThrow();
  });

  test("is waited for while the provider does not answer, and no longer than its time", async () => {
    const { store, orderId, settle, waiting, wake, passTo } = await placing();
    store.payments.setReachable(false);
    await wake();
    expect(await settle()).toEqual(waiting);
    passTo(confirmationMaxMs);
    store.payments.setReachable(true);
    await wake();
    expect((await settle())?.status).toBe("refused");
    expect(await store.standingOf(orderId)).toEqual({ ...nothing, status: "failed", events: 0 });
  });

  test("and whose order is cancelled meanwhile is let go of as soon as somebody looks", async () => {
    const { store, draft, orderId, settle, wake } = await placing();
    await askToCancel(store, draft);
    await wake();
    expect(await settle()).toMatchObject({ status: "refused", refusal: { reason: "order_cancelled" } });
    expect(await store.standingOf(orderId)).toEqual({ ...nothing, status: "cancelled", events: 2 });
  });
});
