// The order-processor over real gRPC, Postgres and its bus, and its fake, held to one contract; and what only the service
// has: it consumes and publishes.

import { randomUUID } from "node:crypto";
import { type Event, type Message, Outage } from "@webstore/kit";
import { testClient } from "@webstore/kit/testing";
import type { Order } from "@webstore/proto/orders/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderProcessor } from "./definition.ts";
import { program } from "./main.ts";
import { filterWith, processingContract, redriveOf } from "./processing.contract.ts";
import { openFakeDesk, openRealDesk, type RealDesk } from "./testing-desk.ts";
import { type FewOrders, fewOrders, orderWith, toldOf } from "./testing-orders.ts";

processingContract("the fake of the order-processor", openFakeDesk);
processingContract("the order-processor over gRPC, Postgres and the bus", () => openRealDesk());

const wait = { timeout: 20_000, interval: 20 };

function eventMessage(name: string, key: string, data: unknown): Message {
  const event: Event = {
    id: randomUUID(),
    name,
    data,
    occurredAt: "2026-01-02T03:04:05.678Z",
    traceparent: "",
  };
  return { topic: "order-events", key, value: Buffer.from(JSON.stringify(event)), headers: {} };
}

function orderCreated(order: Order, is: Record<string, unknown> = {}): Message {
  const { orderId, customerId } = order;
  const data = {
    orderId,
    customerId,
    status: "paid",
    createdAt: "2026-01-02T03:04:05.678Z",
    ...toldOf(order),
    ...is,
  };
  return eventMessage("OrderCreated", orderId, data);
}

describe("the order-processor", () => {
  let desk: RealDesk;
  let shop: FewOrders;
  /** What becomes of the next cancellation. */
  let cancelling: () => Order;
  beforeAll(async () => {
    shop = fewOrders();
    desk = await openRealDesk({
      orders: { ...shop.orders, executeCancellation: async () => ({ order: cancelling() }) },
    });
  });
  afterAll(() => desk?.stop());

  const lettersOf = async (key: string) =>
    (
      await desk.client.listDeadLetters({ filter: undefined, pageSize: 100, pageToken: "" })
    ).deadLetters.filter(({ keyText }) => keyText === key);
  const isConsumed = async (key: string) => {
    const waiting = await desk.sql(
      `select 1 from bus.messages join bus.claims using (topic, partition)
       where key = $1 and topic = 'order-events' and consumer_group = 'order-processing-group'
         and claims.next_offset <= messages."offset"`,
      [key],
    );
    return waiting.length === 0;
  };
  const consumed = (key: string) => expect.poll(() => isConsumed(key), wait).toBe(true);

  test("sets an order going when its event arrives, however often that does", async () => {
    const order = shop.put(orderWith());
    const message = orderCreated(order);
    await desk.bus.publish([message, message]);
    await consumed(order.orderId);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PROCESSING");
    expect(await lettersOf(order.orderId)).toEqual([]);
  });

  test("prices an order of another channel, of whose price the event knows nothing", async () => {
    const order = shop.put(orderWith({ status: "ORDER_STATUS_NEW", priced: false, total: undefined }));
    const zeros = { totalAmount: "0.00", amounts: { subtotal: "0.00", shipping: "0.00", discount: "0.00" } };
    await desk.bus.publish([orderCreated(order, { status: "new", currency: "", ...zeros })]);
    await consumed(order.orderId);
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PROCESSING");
  });

  test("an event whose price is not the order's is a dead letter, and the order is untouched", async () => {
    const order = shop.put(orderWith());
    await desk.bus.publish([orderCreated(order, { totalAmount: "46.48" })]);
    await expect.poll(() => lettersOf(order.orderId), wait).toHaveLength(1);
    const [letter] = await lettersOf(order.orderId);
    expect(letter).toMatchObject({
      sourceTopic: "order-events",
      eventName: "OrderCreated",
      errorReason: "Refusal: order-processor/price_mismatch",
      attempts: 1,
    });
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
  });

  test.each<[string, Record<string, unknown>]>([
    ["an order id that is none", { orderId: "'; drop table orders; --" }],
    ["the id of another order than its key", { orderId: randomUUID() }],
    ["another customer than the order's", { customerId: randomUUID() }],
    ["a status that it cannot have", { status: "shipped" }],
    [
      "a quantity of nothing",
      { items: [{ productId: randomUUID(), quantity: 0, unitPrice: "1.00", totalPrice: "0.00" }] },
    ],
    ["an amount that is a number", { totalAmount: 46.49 }],
    ["no items at all", { items: undefined }],
  ])("an event with %s is a dead letter at once, and the order is untouched", async (_, wrong) => {
    const order = shop.put(orderWith());
    await desk.bus.publish([orderCreated(order, wrong)]);
    await expect.poll(() => lettersOf(order.orderId), wait).toHaveLength(1);
    expect((await lettersOf(order.orderId))[0]).toMatchObject({
      errorReason: "Refusal: order-processor/event_invalid",
      attempts: 1,
    });
    expect(shop.statusOf(order)).toBe("ORDER_STATUS_PAID");
  });

  test("carries out a cancellation", async () => {
    const order = orderWith({ status: "ORDER_STATUS_CANCELLED" });
    let asked = 0;
    cancelling = () => {
      asked += 1;
      return order;
    };
    const { orderId, customerId } = order;
    await desk.bus.publish([eventMessage("OrderCancelRequested", orderId, { orderId, customerId })]);
    await consumed(orderId);
    expect(asked).toBe(1);
    expect(await lettersOf(orderId)).toEqual([]);
  });

  test("looks again at a cancellation that has not ended", async () => {
    const order = orderWith();
    const answers: (() => Order)[] = [
      () => order,
      () => {
        throw new Outage("payments", "not there");
      },
    ];
    cancelling = () =>
      (answers.shift() ?? (() => ({ ...order, status: "ORDER_STATUS_CANCELLED" as const })))();
    const { orderId, customerId } = order;
    await desk.bus.publish([eventMessage("OrderCancelRequested", orderId, { orderId, customerId })]);
    await consumed(orderId);
    expect(answers).toEqual([]);
    expect(await lettersOf(orderId)).toEqual([]);
  });

  test("passes over the events of others, and over nothing else", async () => {
    const key = randomUUID();
    const others = [
      "OrderProcessing",
      "OrderShipped",
      "OrderDelivered",
      "OrderCancelled",
      "OrderRefunded",
      "CartClearDue",
    ];
    await desk.bus.publish([
      ...others.map((name) => eventMessage(name, key, {})),
      eventMessage("OrderEaten", key, {}),
      eventMessage("toString", key, {}),
      { topic: "order-events", key, value: Buffer.from([0xff, 0]), headers: {} },
    ]);
    await expect.poll(() => lettersOf(key), wait).toHaveLength(3);
    expect((await lettersOf(key)).map(({ errorReason }) => errorReason).sort()).toEqual([
      "Unreadable: no_processor",
      "Unreadable: no_processor",
      "Unreadable: not_json",
    ]);
  });

  test("a message that dies again and again is redriven three times, and then stays: the loop guard", async () => {
    const key = randomUUID();
    const poison = Buffer.from(`poison ${key}`);
    await desk.bus.publish([{ topic: "order-events", key, value: poison, headers: { origin: "test" } }]);
    for (let redrives = 0; redrives < 3; redrives += 1) {
      await expect.poll(() => lettersOf(key), wait).toHaveLength(redrives + 1);
      const dead = (await lettersOf(key)).filter(({ status }) => status === "DEAD_LETTER_STATUS_DEAD");
      expect(dead.map((letter) => letter.redrives)).toEqual([redrives]);
      const again = await desk.client.redriveDeadLetters(
        redriveOf({ deadLetterIds: dead.map(({ deadLetterId }) => deadLetterId) }),
      );
      expect(again).toEqual({ matched: 1, scheduled: 1, looping: 0 });
    }
    await expect.poll(() => lettersOf(key), wait).toHaveLength(4);
    const last = (await lettersOf(key)).find(({ redrives }) => redrives === 3);
    const deadLetterId = last?.deadLetterId ?? "";
    const more = await desk.client.redriveDeadLetters(redriveOf({ deadLetterIds: [deadLetterId] }));
    expect(more).toEqual({ matched: 1, scheduled: 0, looping: 1 });
    const { value } = await desk.client.getDeadLetter({ deadLetterId });
    expect(Buffer.from(value).equals(poison)).toBe(true);
    const sent = await desk.sql("select 1 from bus.messages where topic = 'order-events' and key = $1", [
      key,
    ]);
    expect(sent).toHaveLength(4);
  });

  test("an order whose event died while something was away is processed by the redrive", async () => {
    const order = orderWith();
    // Nobody has it yet: a refusal, and so a dead letter at once.
    await desk.bus.publish([orderCreated(order)]);
    await expect.poll(() => lettersOf(order.orderId), wait).toHaveLength(1);
    shop.put(order);
    const [letter] = await lettersOf(order.orderId);
    await desk.client.redriveDeadLetters(redriveOf({ deadLetterIds: [letter?.deadLetterId ?? ""] }));
    await expect.poll(() => shop.statusOf(order), wait).toBe("ORDER_STATUS_PROCESSING");
  });

  test("a message as large as a bus takes is kept, shown and redriven", async () => {
    const value = Buffer.alloc(1_000_000, "€");
    const deadLetterId = await desk.add({ value, offset: 94 });
    const shown = await desk.client.getDeadLetter({ deadLetterId });
    expect(Buffer.from(shown.value).equals(value)).toBe(true);
    await desk.client.redriveDeadLetters(redriveOf({ deadLetterIds: [deadLetterId] }));
    const out = async () =>
      (await desk.published()).find(({ headers }) => headers.dead_letter_id === deadLetterId)?.value;
    await expect.poll(async () => (await out())?.byteLength, wait).toBe(value.byteLength);
    expect(Buffer.from((await out()) ?? []).equals(value)).toBe(true);
  });

  test("what was scheduled before the process ended goes out after the next start", async () => {
    const ids = [await desk.add({ offset: 77 }), await desk.add({ offset: 78 })];
    // As if the process had ended right after the commit that scheduled them.
    await desk.sql(
      `update order_processor.dead_letters set status = 'scheduled', redrive_id = $1 where dead_letter_id = any($2)`,
      ["11111111-1111-4111-8111-111111111111", ids],
    );
    await desk.restart();
    await desk.sql("insert into order_processor.redrives values ($1, 100, now())", [
      "11111111-1111-4111-8111-111111111111",
    ]);
    const out = async () =>
      (await desk.published()).filter(({ headers }) => ids.includes(headers.dead_letter_id ?? "")).length;
    await expect.poll(out, wait).toBe(2);
    await expect.poll(() => desk.sql("select 1 from order_processor.redrives"), wait).toEqual([]);
  });

  test("a redrive under one idempotency key is one redrive", async () => {
    const first = await desk.add({ offset: 91, sourceTopic: "order-events" });
    const keyed = testClient(orderProcessor, desk.rpcUrl, { internal: true, idempotencyKey: randomUUID() });
    const asked = redriveOf({ sourceTopic: "order-events", errorContains: "payments" });
    expect(await keyed.redriveDeadLetters(asked)).toMatchObject({ scheduled: 1 });
    const second = await desk.add({ offset: 92, sourceTopic: "order-events" });
    expect(await keyed.redriveDeadLetters(asked)).toMatchObject({ scheduled: 1 });
    keyed.close();
    const { deadLetters } = await desk.client.listDeadLetters({
      filter: filterWith({ deadLetterIds: [first, second], status: "DEAD_LETTER_STATUS_DEAD" }),
      pageSize: 0,
      pageToken: "",
    });
    expect(deadLetters.map(({ deadLetterId }) => deadLetterId)).toEqual([second]);
    const { entries } = await desk.client.listAuditEntries({
      actorId: asked.actorId,
      subject: "",
      pageSize: 0,
      pageToken: "",
    });
    expect(entries).toHaveLength(1);
  });

  test("how the dead letters stand is measured", async () => {
    await desk.add({ offset: 93 });
    const [counted] = await desk.sql<{ letters: number; age: number }>(
      `select count(*)::int as letters from order_processor.dead_letters
       where source_topic = 'payment-topic' and status = 'dead'`,
    );
    const metric = async (name: string) => {
      const text = await (await fetch(`${desk.adminUrl}/metrics`)).text();
      return text
        .split("\n")
        .filter((line) => line.startsWith(name) && line.includes('topic="payment-topic"'));
    };
    const ofDead = async () =>
      (await metric("webstore_dead_letters{")).find((line) => line.includes('status="dead"')) ?? "";
    await expect.poll(ofDead, wait).toMatch(new RegExp(` ${counted?.letters}$`));
    const [age = ""] = await metric("webstore_dead_letter_oldest_age_seconds");
    expect(Number(age.split(" ").at(-1))).toBeGreaterThan(0);
  });

  test("nobody changes or deletes an audit entry, not even in the database", async () => {
    const auditEntryId = randomUUID();
    const entry = { auditEntryId, actorId: randomUUID(), action: "RetrySaga", subject: "s-1", detail: "" };
    await desk.client.recordAudit(entry);
    for (const change of [
      "update order_processor.audit_entries set detail = 'nothing'",
      "delete from order_processor.audit_entries",
      "truncate order_processor.audit_entries",
    ]) {
      await expect(desk.sql(change)).rejects.toThrow("append-only");
    }
    const { entries } = await desk.client.listAuditEntries({
      actorId: entry.actorId,
      subject: "",
      pageSize: 0,
      pageToken: "",
    });
    expect(entries).toHaveLength(1);
  });

  test.each([
    ["an actor who is no id", { actorId: "grace" }],
    ["a rate above the limit", { ratePerSecond: 101 }],
    ["more letters than the limit", { lettersMax: 1_001 }],
    ["a reason without end", { reason: "x".repeat(201) }],
    ["a control character", { reason: "a\0b" }],
    ["a letter that is no id", { filter: filterWith({ deadLetterIds: ["1 or 1=1"] }) }],
    [
      "too many letters",
      { filter: filterWith({ deadLetterIds: Array.from({ length: 101 }, () => randomUUID()) }) },
    ],
  ])("a redrive with %s is refused before anything is looked at", async (_, wrong) => {
    const asked = desk.client.redriveDeadLetters(redriveOf({ sourceTopic: "order-events" }, wrong));
    await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("only services of the store may look and redrive: neither staff themselves nor strangers", async () => {
    for (const means of [{ token: "admin-token-456" }, { token: "user-token-123" }, {}]) {
      const client = testClient(orderProcessor, desk.rpcUrl, means);
      const reason = "token" in means ? "permission_denied" : "unauthenticated";
      const asked = client.listDeadLetters({ filter: undefined, pageSize: 0, pageToken: "" });
      await expect(asked).rejects.toMatchObject({ reason });
      const redriven = client.redriveDeadLetters(redriveOf({ sourceTopic: "order-events" }));
      await expect(redriven).rejects.toMatchObject({ reason });
      client.close();
    }
  });
});

test("the topics, the group and the dead letter topic are configuration", async () => {
  const shop = fewOrders();
  const desk = await openRealDesk({
    orders: shop.orders,
    env: {
      KAFKA_TOPIC: '["orders-of-berlin"]',
      KAFKA_GROUP_ID: "berlin",
      KAFKA_DLQ_TOPIC: "berlin-dlq",
    },
  });
  try {
    const order = shop.put(orderWith());
    const message = { ...orderCreated(order), topic: "orders-of-berlin" };
    const poison = { ...message, value: Buffer.from("poison") };
    await desk.bus.publish([message, poison]);
    await expect.poll(() => shop.statusOf(order), wait).toBe("ORDER_STATUS_PROCESSING");
    const letters = async () =>
      (await desk.client.listDeadLetters({ filter: undefined, pageSize: 0, pageToken: "" })).deadLetters;
    await expect.poll(letters, wait).toHaveLength(1);
    const at = await desk.sql("select distinct topic from bus.messages where value = $1 order by 1", [
      poison.value,
    ]);
    expect(at).toEqual([{ topic: "berlin-dlq" }, { topic: "orders-of-berlin" }]);
    expect(await desk.sql("select distinct consumer_group from bus.claims order by 1")).toEqual([
      { consumer_group: "berlin" },
      { consumer_group: "dead-letters" },
    ]);
  } finally {
    await desk.stop();
  }
});

test.each([
  ["no list", "order-events"],
  ["an empty list", "[]"],
  ["what is no topic", '["Order Events"]'],
])("a KAFKA_TOPIC that is %s ends the start with a reason", async (_, topics) => {
  const env = { KAFKA_TOPIC: topics, DATABASE_URL: "postgres://127.0.0.1:1/none" };
  await expect(program.start(env)).rejects.toThrow(/1 problem.*\n {2}KAFKA_TOPIC/);
});
