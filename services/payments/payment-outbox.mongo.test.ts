// The relay of payments in MongoDB: what it brings to the bus, in which order, and what is left when it is killed.

import { randomUUID } from "node:crypto";
import { type Bus, type Event, openLog } from "@webstore/kit";
import { describeWithDocker } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Payment } from "./payment.ts";
import { openPaymentDocuments } from "./payment-document.mongo.ts";
import type { PaymentEvent } from "./payment-event.ts";
import { moveEvents, openLease, type RelayParts, startPaymentRelay } from "./payment-outbox.mongo.ts";
import { mongoPaymentStore } from "./payment-store.mongo.ts";
import type { PaymentStore } from "./payment-store.ts";
import { keptPayment } from "./testing.ts";
import { startTestMongo, type TestMongo } from "./testing-mongo.ts";

type Told = { readonly id: string; readonly orderId: string; readonly refundId: string };
type TestBus = Pick<Bus, "publish"> & { readonly told: Told[] };

/** Takes down what it gets, then does something or nothing. */
function testBus(then: () => Promise<void> = async () => {}): TestBus {
  const told: Told[] = [];
  return {
    told,
    async publish(messages) {
      for (const { topic, key: orderId, value } of messages) {
        expect(topic).toBe("payment-topic");
        const { id, data } = JSON.parse(Buffer.from(value).toString("utf8")) as Event<{ refundId: string }>;
        told.push({ id, orderId, refundId: data.refundId });
      }
      await then();
    },
  };
}

const refundsOf = (told: readonly Told[], { orderId }: Payment) =>
  told.filter((each) => each.orderId === orderId).map(({ refundId }) => refundId);
/** What a consumer does that knows what it had. */
const onceEach = (told: readonly Told[]) =>
  [...new Map(told.toReversed().map((each) => [each.id, each])).values()].toReversed();
const never = (): Promise<never> => new Promise(() => {});

describeWithDocker("the relay of payments in MongoDB", () => {
  let server: TestMongo;
  let parts: Omit<RelayParts, "bus" | "holder">;
  let store: PaymentStore;
  let clockMs = 0;
  beforeAll(async () => {
    server = await startTestMongo();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    const mongo = await server.open();
    const documents = await openPaymentDocuments(mongo);
    clockMs = Date.UTC(2030, 0, 1);
    const nowMs = () => clockMs;
    parts = { documents, lease: await openLease(mongo), nowMs };
    store = mongoPaymentStore(documents, { nowMs, newId: randomUUID });
  });

  const look = (bus: Pick<Bus, "publish">, holder = "a") => moveEvents({ ...parts, bus, holder });
  const opened = async () => {
    const payment = keptPayment();
    await store.open(payment);
    return payment;
  };
  /** Makes the change to this version, and tells of refunds by these names. */
  const change = (payment: Payment, version: number, ...refundIds: string[]) => {
    const { paymentId, orderId, customerId, currency, status } = payment;
    const data = { paymentId, orderId, customerId, amount: "1.00", currency, status, occurredAt: "" };
    const events = refundIds.map(
      (refundId): PaymentEvent => ({ name: "PaymentRefunded", data: { ...data, refundId } }),
    );
    return store.replace({ ...payment, version }, payment, { events, notification: undefined });
  };
  const left = async () => {
    const found = await parts.documents.model.find().lean();
    return {
      events: found.flatMap(({ outbox }) => outbox).length,
      marked: found.filter((each) => each.outboxSince !== undefined).length,
    };
  };

  test("what was committed is published in the order of the changes, and what lost the race is not", async () => {
    const [one, two] = [await opened(), await opened()];
    await change(one, 1, "1", "2");
    expect(await change(one, 1, "lost")).toBe(false);
    await change(two, 1, "1");
    await change(one, 2, "3");
    const bus = testBus();
    expect(await look(bus)).toBe("some");
    expect(refundsOf(bus.told, one)).toEqual(["1", "2", "3"]);
    expect(refundsOf(bus.told, two)).toEqual(["1"]);
    expect(await look(bus)).toBe("none");
    await change(one, 3, "4");
    await look(bus);
    expect(refundsOf(bus.told, one)).toEqual(["1", "2", "3", "4"]);
    expect(await left()).toEqual({ events: 0, marked: 0 });
  });

  test("what a killed relay had published is published again when its lease has ended, under the same ids", async () => {
    const payment = await opened();
    await change(payment, 1, "1", "2");
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const killed = testBus(() => {
      arrive();
      return never();
    });
    void look(killed, "killed");
    await arrived;
    await change(payment, 2, "3");
    const bus = testBus();
    expect(await look(bus)).toBe("held");
    clockMs += 15_000;
    expect(await look(bus)).toBe("some");
    expect(bus.told.slice(0, 2)).toEqual(killed.told);
    expect(refundsOf(bus.told, payment)).toEqual(["1", "2", "3"]);
    expect(await left()).toEqual({ events: 0, marked: 0 });
  });

  test("what the bus refuses stays, and its relay lets the others try", async () => {
    const payment = await opened();
    await change(payment, 1, "1");
    await expect(look(testBus(() => Promise.reject(new Error("no bus"))))).rejects.toThrow("no bus");
    const bus = testBus();
    expect(await look(bus, "b")).toBe("some");
    expect(refundsOf(bus.told, payment)).toEqual(["1"]);
  });

  test("what comes while a batch is on its way is not taken out with it", async () => {
    const [one, two] = [await opened(), await opened()];
    await change(one, 1, "1");
    await change(two, 1, "1");
    const bus = testBus(async () => {
      if (bus.told.length === 2) await change(one, 2, "2");
    });
    expect(await look(bus)).toBe("some");
    expect(await left()).toEqual({ events: 1, marked: 1 });
    expect(await look(bus)).toBe("some");
    expect(refundsOf(bus.told, one)).toEqual(["1", "2"]);
    expect(await left()).toEqual({ events: 0, marked: 0 });
  });

  test("a lease that ended too early doubles events, and loses none that came meanwhile", async () => {
    const payment = await opened();
    await change(payment, 1, "1");
    const second = testBus();
    const first = testBus(async () => {
      clockMs += 15_000;
      expect(await look(second, "b")).toBe("some");
      await change(payment, 2, "2");
    });
    await look(first, "a");
    expect(second.told).toEqual(first.told);
    expect(await left()).toEqual({ events: 1, marked: 1 });
    await look(second, "b");
    expect(refundsOf(second.told, payment)).toEqual(["1", "2"]);
  });

  test("more than one batch goes one after the other, the longest waiting first", async () => {
    const [many, later] = [await opened(), await opened()];
    const names = Array.from({ length: 501 }, (_, index) => String(index));
    await change(many, 1, ...names);
    clockMs += 1;
    await change(later, 1, "1");
    const bus = testBus();
    expect(await look(bus)).toBe("full");
    expect(bus.told).toHaveLength(500);
    expect(await look(bus)).toBe("some");
    expect(refundsOf(bus.told, many)).toEqual(names);
    expect(bus.told.at(-1)?.orderId).toBe(later.orderId);
    expect(await left()).toEqual({ events: 0, marked: 0 });
  });

  test("two relays at once bring everything, each payment's in the order of its changes", async () => {
    const log = openLog("test", { level: "silent" });
    const bus = testBus();
    const relays = ["a", "b"].map((holder) => startPaymentRelay({ ...parts, bus, holder, log }));
    try {
      const all = await Promise.all(Array.from({ length: 8 }, opened));
      const names = Array.from({ length: 12 }, (_, index) => String(index));
      const changes = all.map(async (payment, place) => {
        for (const [index, name] of names.entries()) {
          expect(await change(payment, index + 1, name)).toBe(true);
          relays[(place + index) % 2]?.wake();
        }
      });
      await Promise.all(changes);
      await expect.poll(left, { timeout: 20_000 }).toEqual({ events: 0, marked: 0 });
      for (const payment of all) expect(refundsOf(onceEach(bus.told), payment)).toEqual(names);
      expect(bus.told).toHaveLength(8 * 12);
    } finally {
      await Promise.all(relays.map((relay) => relay.stop()));
    }
  });

  test("a relay that runs says what waits, and goes on after a failure", async () => {
    let fail = true;
    const bus = testBus(() => (fail ? Promise.reject(new Error("no bus")) : Promise.resolve()));
    const relay = startPaymentRelay({
      ...parts,
      bus,
      holder: "a",
      log: openLog("test", { level: "silent" }),
    });
    try {
      const payment = await opened();
      await change(payment, 1, "1", "2");
      clockMs += 3_000;
      await change(payment, 2, "3");
      relay.wake();
      await expect.poll(() => bus.told.length, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(await relay.backlog()).toEqual({ rows: 3, oldestAgeMs: 3_000 });
      fail = false;
      await expect.poll(() => relay.backlog(), { timeout: 10_000 }).toEqual({ rows: 0, oldestAgeMs: 0 });
    } finally {
      await relay.stop();
    }
  });

  test("a relay that stops finishes the batch in hand, and lets another one begin", async () => {
    const [one, two] = [await opened(), await opened()];
    await change(one, 1, "1");
    let stopped: Promise<void> | undefined;
    const bus = testBus(async () => {
      stopped = relay.stop();
      await change(two, 1, "1");
    });
    const relay = startPaymentRelay({
      ...parts,
      bus,
      holder: "a",
      log: openLog("test", { level: "silent" }),
    });
    await expect.poll(() => stopped !== undefined, { timeout: 10_000 }).toBe(true);
    await stopped;
    expect(await left()).toEqual({ events: 1, marked: 1 });
    const other = testBus();
    expect(await look(other, "b")).toBe("some");
    expect(refundsOf(other.told, two)).toEqual(["1"]);
  });
});
