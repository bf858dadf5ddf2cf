// What every payment store promises, in memory, on Postgres and on MongoDB.

import { randomUUID } from "node:crypto";
import { freshSchema, migrationsFrom, openOutbox, outboxMigrations } from "@webstore/kit/testing";
import { describeWithDocker } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memoryNotificationStore } from "./notification-store.memory.ts";
import { mongoNotificationStore } from "./notification-store.mongo.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import type { ClaimedNotification, NotificationStore } from "./notification-store.ts";
import { enter, type Payment } from "./payment.ts";
import { openPaymentDocuments } from "./payment-document.mongo.ts";
import { eventsOf, type PaymentEvent } from "./payment-event.ts";
import { memoryPaymentStore } from "./payment-store.memory.ts";
import { mongoPaymentStore } from "./payment-store.mongo.ts";
import { postgresPaymentStore } from "./payment-store.postgres.ts";
import type { PaymentStore } from "./payment-store.ts";
import { newsOf } from "./status-notification.ts";
import { keptPayment } from "./testing.ts";
import { startTestMongo, type TestMongo } from "./testing-mongo.ts";

const told = (...events: PaymentEvent[]) => ({ events, notification: undefined });

type Subject = {
  store: PaymentStore;
  published(orderId: string): Promise<string[]>;
  /** The news for orders of one order, by a claim. */
  noted(orderId: string): Promise<ClaimedNotification[]>;
  stop(): Promise<void>;
};

const notedIn = (notifications: NotificationStore) => async (orderId: string) => {
  const claim = { nowMs: Date.UTC(2100, 0, 1), leaseMs: 0, limit: 1_000 };
  return (await notifications.claim(claim)).filter((each) => each.orderId === orderId);
};

function paymentStoreSuite(name: string, start: () => Promise<Subject>) {
  describe(`the payment store ${name}`, () => {
    let subject: Subject;
    let store: PaymentStore;
    beforeAll(async () => {
      subject = await start();
      store = subject.store;
    });
    afterAll(() => subject?.stop());

    const opened = async (is: Partial<Payment> = {}) => {
      const payment = keptPayment(is);
      expect(await store.open(payment)).toBeUndefined();
      return payment;
    };
    const authorized = (payment: Payment) => enter(payment, "authorized", payment.createTimeMs + 1);

    test("a payment is found by either id, as it was opened", async () => {
      const payment = await opened({
        description: "“é” 🛒",
        country: "JP",
        currency: "JPY",
        amountMinor: 999n,
      });
      const { paymentId, orderId } = payment;
      expect(await store.find({ paymentId })).toEqual(payment);
      expect(await store.find({ orderId })).toEqual(payment);
      expect(await store.find({ paymentId: randomUUID() })).toBeUndefined();
      expect(await store.find({ orderId: randomUUID() })).toBeUndefined();
    });

    test("every field comes back as it was changed, and the version counts", async () => {
      const payment = await opened();
      const changed: Payment = {
        ...payment,
        status: "partially_refunded",
        capturedMinor: 19_99n,
        refundedMinor: 5_00n,
        providerReference: "pi_1",
        receiptUrl: "https://provider.invalid/r",
        declineCode: "none",
        cardBrand: "visa",
        asked: undefined,
        attempts: { authorize: 2, capture: 3, void: 4 },
        voidWanted: true,
        refunds: [
          {
            refundId: randomUUID(),
            amountMinor: 5_00n,
            reason: 'a "reason"',
            status: "settled",
            providerReference: "re_1",
            attempt: 2,
            createTimeMs: 1,
          },
        ],
        history: [...payment.history, { status: "authorized", atMs: 2 }],
        resolution: { sinceMs: 3, asks: 4, dueAtMs: 5 },
        updateTimeMs: payment.updateTimeMs + 5,
      };
      expect(await store.replace(payment, changed, told())).toBe(true);
      expect(await store.find({ orderId: payment.orderId })).toEqual({ ...changed, version: 2 });
    });

    test("of twenty who open or mark one order at once, one does", async () => {
      const orderId = randomUUID();
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          index % 2 === 0 ? store.open(keptPayment({ orderId })) : store.mark(orderId, 1),
        ),
      );
      expect(all.filter((found) => found === undefined)).toHaveLength(1);
      const found = await store.find({ orderId });
      expect(all.filter((each) => each !== undefined)).toEqual(Array.from({ length: 19 }, () => found));
    });

    test("a mark is no payment, and cannot become one", async () => {
      const orderId = randomUUID();
      expect(await store.mark(orderId, 1)).toBeUndefined();
      expect(await store.find({ orderId })).toBe("marked");
      expect(await store.mark(orderId, 2)).toBe("marked");
      expect(await store.open(keptPayment({ orderId }))).toBe("marked");
      const filter = { status: undefined, orderId };
      expect(await store.list(filter, { limit: 10, after: undefined })).toEqual([]);
    });

    test("of twenty changes of one version at once one is made, and its events alone are published", async () => {
      const payment = await opened();
      const [captured] = eventsOf(payment, { ...payment, capturedMinor: 1n });
      const events = captured === undefined ? [] : [captured];
      const all = await Promise.all(
        Array.from({ length: 20 }, () => store.replace(payment, authorized(payment), told(...events))),
      );
      expect(all.filter(Boolean)).toHaveLength(1);
      expect(await subject.published(payment.orderId)).toEqual(["PaymentDone"]);
    });

    test("events of one order are published in the order of its changes", async () => {
      const payment = await opened();
      const data = {
        ...eventsOf(payment, { ...payment, capturedMinor: 1n })[0]?.data,
      } as PaymentEvent["data"];
      const done: PaymentEvent = { name: "PaymentDone", data };
      const refunded: PaymentEvent = { name: "PaymentRefunded", data: { ...data, refundId: randomUUID() } };
      const after = authorized(payment);
      await store.replace(payment, after, told(done, refunded));
      await store.replace({ ...after, version: 2 }, after, told(refunded));
      const names = ["PaymentDone", "PaymentRefunded", "PaymentRefunded"];
      expect(await subject.published(payment.orderId)).toEqual(names);
    });

    test("news for orders stands or falls with the change that it tells of", async () => {
      const payment = await opened();
      const notification = newsOf(payment, { ...payment, refundedMinor: 1n }, true);
      if (notification === undefined) throw new Error("a refund is news");
      const all = await Promise.all(
        Array.from({ length: 10 }, () =>
          store.replace(payment, authorized(payment), { events: [], notification }),
        ),
      );
      expect(all.filter(Boolean)).toHaveLength(1);
      expect(await subject.noted(payment.orderId)).toEqual([{ ...notification, attempts: 1 }]);
    });

    test("what is due is claimed by one, counted, and due again when the lease has ended", async () => {
      const nowMs = Date.UTC(2032, 0, 1);
      const leaseMs = 10_000;
      const due = { sinceMs: nowMs - 5_000, asks: 2, dueAtMs: nowMs };
      const payment = await opened();
      expect(await store.replace(payment, { ...payment, resolution: due }, told())).toBe(true);
      const later = await opened();
      await store.replace(later, { ...later, resolution: { ...due, dueAtMs: nowMs + 1 } }, told());
      const over = await opened();
      await store.replace(over, { ...over, resolution: undefined }, told());
      const givenUp = await opened();
      await store.replace(givenUp, { ...givenUp, resolution: { ...due, dueAtMs: undefined } }, told());

      const ours = [payment, later, over, givenUp].map(({ orderId }) => orderId);
      const claim = async (atMs: number) =>
        (await store.claimDue({ nowMs: atMs, leaseMs, limit: 1_000 })).filter(({ orderId }) =>
          ours.includes(orderId),
        );
      const claims = await Promise.all(Array.from({ length: 10 }, () => claim(nowMs)));
      const claimed = { ...payment, version: 2, resolution: { ...due, asks: 3, dueAtMs: nowMs + leaseMs } };
      expect(claims.flat()).toEqual([claimed]);
      expect(await store.find({ orderId: payment.orderId })).toEqual(claimed);
      expect(await claim(nowMs)).toEqual([]);
      const again = await claim(nowMs + leaseMs);
      expect(again.map(({ orderId }) => orderId).toSorted()).toEqual(
        [payment.orderId, later.orderId].toSorted(),
      );
      expect(await store.find({ orderId: givenUp.orderId })).toMatchObject({
        resolution: { dueAtMs: undefined },
      });
      const much = nowMs + 365 * 86_400_000;
      expect(await store.claimDue({ nowMs: much, leaseMs, limit: 1 })).toHaveLength(1);
    });

    test("a change that was made to the version of a claim is made, and ends the claim", async () => {
      const payment = await opened();
      await store.claimDue({ nowMs: payment.createTimeMs + 5_000, leaseMs: 1, limit: 1_000 });
      const after = { ...authorized(payment), resolution: undefined };
      expect(await store.replace(payment, after, told())).toBe(true);
      expect(await store.find({ orderId: payment.orderId })).toEqual({ ...after, version: 2 });
    });

    test("what is unresolved is counted by status, and apart when it is given up", async () => {
      // Before anything that the other tests left.
      const sinceMs = Date.UTC(2001, 0, 1);
      for (const dueAtMs of [sinceMs, sinceMs + 1, undefined]) {
        const payment = await opened();
        await store.replace(payment, { ...payment, resolution: { sinceMs, asks: 1, dueAtMs } }, told());
      }
      const created = async (beforeMs: number) =>
        (await store.unresolved(beforeMs)).filter(({ status }) => status === "created");
      const counted = await created(sinceMs + 1);
      const oldestSinceMs = sinceMs;
      expect(counted.toSorted((a, b) => b.count - a.count)).toEqual([
        { status: "created", isGivenUp: false, count: 2, oldestSinceMs },
        { status: "created", isGivenUp: true, count: 1, oldestSinceMs },
      ]);
      expect(await created(sinceMs)).toEqual([]);
    });

    test("a list goes from the newest to the oldest, by id within a millisecond", async () => {
      const base = Date.UTC(2031, 0, 1);
      const times = [3, 1, 2, 2, 2].map((offsetMs) => base + offsetMs);
      const made = [];
      for (const createTimeMs of times) made.push(await opened({ createTimeMs, updateTimeMs: createTimeMs }));
      const wanted = made
        .toSorted((a, b) => b.createTimeMs - a.createTimeMs || (a.paymentId < b.paymentId ? 1 : -1))
        .map(({ paymentId }) => paymentId);
      const filter = { status: undefined, orderId: undefined };
      const seen = [];
      let after: Payment | undefined;
      do {
        const page: Payment[] = await store.list(filter, { limit: 2, after });
        seen.push(...page.map(({ paymentId }) => paymentId));
        after = page.at(-1);
      } while (after !== undefined && after.createTimeMs >= base);
      expect(seen.slice(0, wanted.length)).toEqual(wanted);
    });

    test("a list holds what matches and nothing else", async () => {
      const payment = await opened();
      const { orderId } = payment;
      const page = { limit: 10, after: undefined };
      expect(await store.list({ status: "created", orderId }, page)).toEqual([payment]);
      expect(await store.list({ status: "voided", orderId }, page)).toEqual([]);
      expect(await store.list({ status: "created", orderId: randomUUID() }, page)).toEqual([]);
    });
  });
}

paymentStoreSuite("in memory", async () => {
  const notifications = memoryNotificationStore();
  const store = memoryPaymentStore(notifications);
  return {
    store,
    noted: notedIn(notifications),
    published: async (orderId) =>
      store.published.filter(({ data }) => data.orderId === orderId).map(({ name }) => name),
    stop: async () => {},
  };
});

paymentStoreSuite("on Postgres", async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const postgres = await freshSchema([...outboxMigrations, ...own]);
  return {
    store: postgresPaymentStore(postgres, openOutbox({ nowMs: Date.now, newId: randomUUID })),
    noted: notedIn(postgresNotificationStore(postgres)),
    async published(orderId) {
      const text = "select value::jsonb ->> 'name' as name from outbox where key = $1 order by position";
      return (await postgres.query<{ name: string }>(text, [orderId])).map(({ name }) => name);
    },
    stop: () => postgres.close(),
  };
});

describeWithDocker("in a container", () => {
  let server: TestMongo;
  beforeAll(async () => {
    server = await startTestMongo();
  });
  afterAll(() => server?.stop());
  const open = async () => {
    const documents = await openPaymentDocuments(await server.open());
    return { documents, store: mongoPaymentStore(documents, { nowMs: Date.now, newId: randomUUID }) };
  };

  paymentStoreSuite("on MongoDB", async () => {
    const { documents, store } = await open();
    return {
      store,
      noted: notedIn(mongoNotificationStore(documents)),
      async published(orderId) {
        const found = await documents.model.findById(orderId).lean();
        return (found?.outbox ?? []).map((value) => (JSON.parse(value) as { name: string }).name);
      },
      stop: async () => {},
    };
  });

  test("MongoDB gives back amounts that no float holds, and is given none that cannot be", async () => {
    const { store } = await open();
    const amountMinor = 2n ** 62n + 1n;
    const refund = { refundId: randomUUID(), amountMinor, reason: "", status: "settled" } as const;
    const refunds = [{ ...refund, providerReference: "", attempt: 1, createTimeMs: 1 }];
    const payment = keptPayment({ amountMinor, capturedMinor: amountMinor, refunds });
    await store.open(payment);
    const tooMuch = amountMinor + 1n;
    for (const changes of [{ refundedMinor: tooMuch }, { capturedMinor: tooMuch }, { refundedMinor: -1n }])
      await expect(store.replace(payment, { ...payment, ...changes }, told())).rejects.toThrow("refunded ≤");
    expect(await store.find({ paymentId: payment.paymentId })).toEqual(payment);
  });
});

describe("the database itself", () => {
  test.each([
    ["more refunded than captured", { capturedMinor: 1n, refundedMinor: 2n }],
    ["more captured than asked for", { capturedMinor: 20_00n }],
  ])("refuses %s", async (_, changes) => {
    const postgres = await freshSchema([
      ...outboxMigrations,
      ...migrationsFrom(new URL("./migrations/", import.meta.url)),
    ]);
    try {
      const store = postgresPaymentStore(postgres, openOutbox({ nowMs: Date.now, newId: randomUUID }));
      const payment = keptPayment();
      await store.open(payment);
      await expect(store.replace(payment, { ...payment, ...changes }, told())).rejects.toThrow("check");
    } finally {
      await postgres.close();
    }
  });
});

test("what an earlier version left open is asked about at once, and nothing else", async () => {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const [first, second] = own;
  if (first === undefined || second === undefined) throw new Error("there are two migrations");
  const postgres = await freshSchema([...outboxMigrations, first]);
  try {
    const refunds = (status: string) =>
      JSON.stringify([{ refundId: randomUUID(), amountMinor: "1", status }]);
    const left: [
      status: string,
      asked: string | null,
      voidWanted: boolean,
      refunds: string,
      isOpen: boolean,
    ][] = [
      ["created", "authorize", false, "[]", true],
      ["created", null, false, "[]", false],
      ["unknown", "capture", false, "[]", true],
      ["requires_action", null, false, "[]", true],
      ["authorized", null, false, "[]", false],
      ["authorized", null, true, "[]", true],
      ["captured", null, false, refunds("asked"), true],
      ["captured", null, false, refunds("settled"), false],
    ];
    for (const [status, asked, voidWanted, given] of left) {
      await postgres.query(
        `insert into payments (order_id, payment_id, customer_id, country, description, amount_minor, currency,
           status, asked, void_wanted, refunds, create_time, update_time)
         values ($1, $2, $2, 'DE', $3, 1, 'USD', $4, $5, $6, $7, now(), now())`,
        [randomUUID(), randomUUID(), `${status}`, status, asked, voidWanted, given],
      );
    }
    await postgres.query(
      "insert into payments (order_id, status, create_time, update_time) values ($1, 'voided', now(), now())",
      [randomUUID()],
    );
    for (const statement of second.sql.split(/;\n/)) {
      if (statement.trim() !== "") await postgres.query(statement);
    }
    const store = postgresPaymentStore(postgres, openOutbox({ nowMs: Date.now, newId: randomUUID }));
    const due = await store.claimDue({ nowMs: Date.now() + 60_000, leaseMs: 1, limit: 100 });
    const seen = due.map(({ status, asked, voidWanted }) => [status, asked ?? null, voidWanted]);
    const open = left
      .filter(([, , , , isOpen]) => isOpen)
      .map(([status, asked, wanted]) => [status, asked, wanted]);
    expect(seen.map(String).toSorted()).toEqual(open.map(String).toSorted());
  } finally {
    await postgres.close();
  }
});
