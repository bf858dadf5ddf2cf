// The ledger over real gRPC, Postgres and the bus: what it books, what it refuses, what it shows, and to whom.

import { randomUUID } from "node:crypto";
import { demoUsers } from "@webstore/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLedger, type Subject } from "./testing-ledger.ts";
import { entriesOf, openWorld, type Published, type World } from "./testing-world.ts";

const monthMs = 30 * 86_400_000;
const soon = { timeout: 15_000, interval: 25 };
const firstPage = { account: "ACCOUNT_UNSPECIFIED", pageSize: 0, pageToken: "" } as const;
const wholeTime = { createdSince: undefined, createdBefore: undefined };

let world: World;
let subject: Subject;
beforeAll(async () => {
  world = openWorld(Date.now() - monthMs);
  subject = await openLedger(world);
});
afterAll(() => subject?.stop());

const client = () => subject.client();
const entriesIn = async (orderId: string) =>
  (await client().listEntries({ ...firstPage, orderId, pageSize: 100 })).entries;
const deadLetters = () =>
  subject.sql<{ topic: string; reason: string }>(
    `select topic, headers ->> 'error_reason' as reason from bus.messages where topic like '%-dlq' order by topic`,
  );

/** What the world has said since the last time. */
let told = 0;
const news = (): Published[] => {
  const all = world.events.slice(told);
  told = world.events.length;
  return all;
};

describe("booking", () => {
  test("an order, its payment and its refund are booked, each event once, however often it comes", async () => {
    const sale = world.sell();
    world.refund(sale, 5_00n);
    const events = news();
    await subject.publish([...events, ...events]);
    await subject.publish(events);
    const { orderId } = sale.order;
    await expect.poll(async () => (await entriesIn(orderId)).length, soon).toBe(10);
    // Whatever comes behind them has been consumed when this is.
    const later = world.sell();
    await subject.publish(news());
    await expect.poll(async () => (await entriesIn(later.order.orderId)).length, soon).toBe(6);
    const entries = await entriesIn(orderId);
    expect(entries).toHaveLength(10);
    expect(new Set(entries.map(({ entryId }) => entryId)).size).toBe(10);
    const amounts = entries.map(({ event, account, amount }) => [event, account, amount?.amountMinor]);
    expect(amounts).toEqual(
      expect.arrayContaining([
        ["order_created", "ACCOUNT_CUSTOMER_RECEIVABLE", 41_99n],
        ["order_created", "ACCOUNT_DISCOUNT", 4_00n],
        ["order_created", "ACCOUNT_REVENUE", -40_00n],
        ["order_created", "ACCOUNT_SHIPPING", -5_99n],
        ["payment_captured", "ACCOUNT_PROVIDER_CLEARING", 41_99n],
        ["payment_captured", "ACCOUNT_CUSTOMER_RECEIVABLE", -41_99n],
        ["payment_refunded", "ACCOUNT_CUSTOMER_RECEIVABLE", 5_00n],
        ["payment_refunded", "ACCOUNT_PROVIDER_CLEARING", -5_00n],
        ["order_refunded", "ACCOUNT_REFUNDS", 5_00n],
        ["order_refunded", "ACCOUNT_CUSTOMER_RECEIVABLE", -5_00n],
      ]),
    );
    const ids = events.map(({ event }) => event.id);
    const notes = await subject.sql("select 1 from ledger.inbox where event_id = any($1::uuid[])", [ids]);
    expect(notes).toHaveLength(events.length);
    const captured = entries.find(({ event }) => event === "payment_captured");
    expect(captured).toMatchObject({
      orderId,
      paymentId: sale.payment.paymentId,
      createTime: expect.any(Date),
    });
  });

  test("an event that the inbox has forgotten is still booked once", async () => {
    const sale = world.sell();
    const events = news();
    await subject.publish(events);
    await expect.poll(async () => (await entriesIn(sale.order.orderId)).length, soon).toBe(6);
    await subject.sql("delete from ledger.inbox");
    await subject.publish(events);
    const later = world.sell();
    await subject.publish(news());
    await expect.poll(async () => (await entriesIn(later.order.orderId)).length, soon).toBe(6);
    expect(await entriesIn(sale.order.orderId)).toHaveLength(6);
    expect(await deadLetters()).toEqual([]);
  });

  test("what moves no money leaves no entry and no dead letter", async () => {
    const sale = world.sell();
    world.deliver(sale);
    await subject.publish(news());
    const { orderId } = sale.order;
    const of = (name: string, data: object): Published => ({
      topic: "order-events",
      event: {
        id: randomUUID(),
        name,
        data: { orderId, ...data },
        occurredAt: new Date().toISOString(),
        traceparent: "",
      },
    });
    await subject.publish([of("OrderCancelRequested", {}), of("CartClearDue", {}), of("OrderDreamt", {})]);
    world.refund(sale, 1_00n);
    await subject.publish(news());
    await expect.poll(async () => (await entriesIn(orderId)).length, soon).toBe(10);
    expect(await deadLetters()).toEqual([]);
  });

  test("an event that cannot be read is a dead letter and books nothing, and the next of its order is booked", async () => {
    const sale = world.sell();
    const events = news();
    const { orderId } = sale.order;
    const [done] = events.filter(({ topic }) => topic === "payment-topic");
    const spoilt = (changes: object): Published => ({
      topic: "payment-topic",
      event: { ...(done as Published).event, id: randomUUID(), ...changes },
    });
    const data = (done as Published).event.data as object;
    await subject.publish([
      spoilt({ data: { ...data, amount: "-41.99" } }),
      spoilt({ data: { ...data, currency: "QQQ" } }),
      spoilt({ name: "PaymentDreamt" }),
      ...events,
    ]);
    await expect.poll(async () => (await entriesIn(orderId)).length, soon).toBe(6);
    const letters = await deadLetters();
    expect(letters.map(({ topic }) => topic)).toEqual(Array(3).fill("payment-topic-dlq"));
    expect(letters.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(["Refusal: ledger/event_unreadable", expect.stringContaining("no_processor")]),
    );
  });
});

describe("reading", () => {
  test("the entries of an order come by page, the newest first", async () => {
    const sale = world.sell();
    for (let count = 0; count < 5; count += 1) world.refund(sale, 1_00n);
    await subject.publish(news());
    const { orderId } = sale.order;
    await expect.poll(async () => (await entriesIn(orderId)).length, soon).toBe(26);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await client().listEntries({ ...firstPage, orderId, pageSize: 7, pageToken });
      seen.push(...page.entries.map(({ entryId }) => entryId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual((await entriesIn(orderId)).map(({ entryId }) => entryId));
    const fees = await client().listEntries({ ...firstPage, orderId, account: "ACCOUNT_REFUNDS" });
    expect(fees.entries.map(({ account }) => account)).toEqual(Array(5).fill("ACCOUNT_REFUNDS"));
    expect((await client().listEntries({ ...firstPage, orderId: randomUUID() })).entries).toEqual([]);
    expect((await client().listEntries({ ...firstPage, orderId: "" })).entries).toHaveLength(20);
  });

  test.each([
    ["a token that is made up", { pageToken: "x" }],
    ["a token that holds SQL", { pageToken: Buffer.from("1 1; drop table entry").toString("base64url") }],
    [
      "a token with a number beyond every position",
      { pageToken: Buffer.from(`${"9".repeat(40)} 1`).toString("base64url") },
    ],
    ["an order's id that is none", { orderId: "everything" }],
    ["a page of 101", { pageSize: 101 }],
  ])("%s is refused", async (_, wrong) => {
    const asked = client().listEntries({ ...firstPage, orderId: "", ...wrong });
    await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("the balances are those of the entries, and nothing is out of balance", async () => {
    const { balances, imbalances } = await client().getBalances({});
    const expected = new Map<string, bigint>();
    for (const { account, amountMinor } of entriesOf(world.events)) {
      const name = `ACCOUNT_${account.toUpperCase()}`;
      expected.set(name, (expected.get(name) ?? 0n) + amountMinor);
    }
    expect(imbalances).toEqual([]);
    const usd = balances.map(({ account, balance }) => [account, balance?.amountMinor] as const);
    expect(new Map(usd)).toEqual(expected);
    expect(balances.length).toBeGreaterThan(4);
  });

  test("a shopper and a stranger see nothing of it; staff and services do", async () => {
    const ada = subject.client({ token: demoUsers.ada.token });
    const grace = subject.client({ token: demoUsers.grace.token });
    const stranger = subject.client({});
    for (const ask of ["listEntries", "getBalances", "reconcile"] as const) {
      const request = { ...firstPage, orderId: "", ...wholeTime };
      await expect(ada[ask](request)).rejects.toMatchObject({ reason: "permission_denied" });
      await expect(stranger[ask](request)).rejects.toMatchObject({ reason: "unauthenticated" });
      await expect(grace[ask](request)).resolves.toBeDefined();
    }
  });
});

describe("comparing", () => {
  test("the four sides agree; it is kept, and the gauges say so", async () => {
    for (let count = 0; count < 230; count += 1) world.sell();
    const declined = world.decline();
    await subject.publish(news());
    await expect
      .poll(async () => (await subject.sql("select 1 from ledger.open_receivable")).length, soon)
      .toBe(0);
    await expect
      .poll(
        async () =>
          (await subject.sql("select 1 from ledger.entry where event = 'order_created'")).length >= 230,
        soon,
      )
      .toBe(true);
    await expect.poll(async () => (await client().reconcile(wholeTime)).differences, soon).toEqual([]);
    const comparison = await client().reconcile(wholeTime);
    expect(comparison).toEqual({
      differences: [],
      truncated: false,
      at: expect.any(Date),
      ordersCompared: world.orders.length,
      paymentsCompared: world.payments.length,
      providerPaymentsCompared: world.provider.length,
    });
    expect(declined.payment.capturedMinor).toBe(0n);
    const metrics = await (await fetch(`${subject.adminUrl()}/metrics`)).text();
    expect(metrics).toMatch(/webstore_ledger_imbalance_minor\{[^}]*currency="USD"[^}]*\} 0\n/);
    expect(metrics).toMatch(/webstore_ledger_receivable_open_orders(\{[^}]*\})? 0\n/);
    expect(metrics).toMatch(/webstore_reconciliation_differences\{[^}]*kind="amount"[^}]*\} 0\n/);
    expect(metrics).toMatch(/webstore_reconciliation_age_seconds(\{[^}]*\})? [\d.]+\n/);
  });

  test("a refund at the provider only is told with its ids and amounts, and counted", async () => {
    const { order, payment, provider } = world.sell();
    await subject.publish(news());
    provider.refundedMinor = 3_00n;
    const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });
    await expect
      .poll(async () => (await client().reconcile(wholeTime)).differences, soon)
      .toEqual([
        {
          kind: "DIFFERENCE_KIND_AMOUNT",
          orderId: order.orderId,
          paymentId: payment.paymentId,
          providerReference: payment.providerReference,
          ledgerAmount: usd(0n),
          paymentsAmount: usd(0n),
          providerAmount: usd(3_00n),
          ordersAmount: usd(0n),
          detail:
            "The amounts given back differ: orders 0.00 USD, payments 0.00 USD, the books 0.00 USD, the provider 3.00 USD.",
        },
      ]);
    const [kept] = await subject.sql<{ difference_count: number; differences: { kind: string }[] }>(
      "select * from ledger.reconciliation order by at desc limit 1",
    );
    expect(kept).toMatchObject({ difference_count: 1, differences: [{ kind: "amount" }] });
    await expect
      .poll(async () => (await fetch(`${subject.adminUrl()}/metrics`)).text(), soon)
      .toMatch(/webstore_reconciliation_differences\{[^}]*kind="amount"[^}]*\} 1\n/);
    provider.refundedMinor = 0n;
  });

  test("a comparison of a chosen time is answered and not kept; one of no time is refused", async () => {
    const count = async () => (await subject.sql("select 1 from ledger.reconciliation")).length;
    const before = await count();
    const first = world.orders[0]?.createTime?.getTime() ?? 0;
    const window = { createdSince: new Date(first), createdBefore: new Date(first + 60_000) };
    expect(await client().reconcile(window)).toMatchObject({ ordersCompared: 1, differences: [] });
    expect(await count()).toBe(before);
    const wrong = client().reconcile({ createdSince: new Date(5), createdBefore: new Date(5) });
    await expect(wrong).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("those who ask for everything at once share one comparison", async () => {
    const count = async () => (await subject.sql("select 1 from ledger.reconciliation")).length;
    const before = await count();
    const asking = client();
    const all = await Promise.all(Array.from({ length: 10 }, () => asking.reconcile(wholeTime)));
    expect(new Set(all.map(({ at }) => at?.getTime())).size).toBeLessThan(10);
    expect((await count()) - before).toBeLessThan(10);
  });

  test("without payments there is no comparison, nothing is kept, and the books can still be read", async () => {
    const count = async () => (await subject.sql("select 1 from ledger.reconciliation")).length;
    const before = await count();
    await subject.stopPayments();
    await expect(client().reconcile(wholeTime)).rejects.toMatchObject({ name: "Outage" });
    expect(await count()).toBe(before);
    expect((await client().getBalances({})).imbalances).toEqual([]);
  });
});
