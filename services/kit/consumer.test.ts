import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openPostgresBus, partitionOf } from "./bus.postgres.ts";
import type { Bus, Event, Message, ReceivedMessage } from "./bus.ts";
import { type ConsumerOptions, startConsumer } from "./consumer.ts";
import { currentContext } from "./context.ts";
import { encodeEvent } from "./event.ts";
import { inboxMigrations, once } from "./inbox.ts";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { defineRefusals } from "./refusal.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema, useTestPostgres } from "./testing-postgres.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const event: Event = {
  id: "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11",
  name: "OrderCreated",
  data: { orderId: "o-1" },
  occurredAt: "2026-01-02T03:04:05.678Z",
  traceparent: `00-${traceId}-b7ad6b7169203331-01`,
};
const value = Buffer.from(encodeEvent(event));
const refusals = defineRefusals("orders", {
  order_closed: { code: "FAILED_PRECONDITION", caller: "The order is closed.", operator: "Nothing to do." },
});
const common = {
  topic: "order-events",
  group: "order-processing-group",
  log: openLog("test", { level: "silent" }),
  telemetry: unrecordedTelemetry("test"),
  nowMs: () => 1_000,
};

/** A bus whose deliveries the test makes by hand, so that it decides what happens when. */
async function consumerWith(options: Partial<ConsumerOptions> & Pick<ConsumerOptions, "processors">) {
  const published: Message[] = [];
  const waitsMs: number[] = [];
  let publishFails = false;
  let handle: (message: ReceivedMessage) => Promise<void> = () => Promise.reject(new Error("not subscribed"));
  const bus: Bus = {
    publish: async (messages) => {
      if (publishFails) throw new Error("the bus is not there");
      published.push(...messages);
    },
    subscribe: async (is) => {
      handle = is.handle;
      return { ready: () => true, lag: async () => 0, stop: async () => {} };
    },
    ready: () => true,
    close: async () => {},
  };
  const consumer = await startConsumer({
    ...common,
    bus,
    delayMs: async (ms) => {
      waitsMs.push(ms);
    },
    ...options,
  });
  const deliver = (is: Partial<ReceivedMessage> = {}) =>
    handle({ topic: "order-events", key: "o-1", value, headers: {}, partition: 3, offset: 42n, ...is });
  const failPublishing = (fails: boolean) => {
    publishFails = fails;
  };
  return { consumer, deliver, published, waitsMs, failPublishing };
}

test("an event goes to the processor of its name, in its own trace and with a deadline", async () => {
  const seen: unknown[] = [];
  const { deliver, published } = await consumerWith({
    processors: {
      OrderCreated: async (given, { offset }) => {
        const { span, deadlineAtMs, principal } = currentContext();
        seen.push({ given, offset, traceId: span?.traceId, deadlineAtMs, principal: principal.kind });
      },
    },
  });
  await deliver();
  expect(seen).toEqual([
    { given: event, offset: 42n, traceId, deadlineAtMs: 31_000, principal: "anonymous" },
  ]);
  expect(published).toEqual([]);
});

test("a message that keeps failing is tried after 1, 2 and 4 seconds and then becomes a dead letter", async () => {
  const processor = vi.fn(() => Promise.reject(new Error("payments is down")));
  const { deliver, published, waitsMs } = await consumerWith({ processors: { OrderCreated: processor } });
  await deliver({ headers: { origin: "elsewhere" } });
  expect(processor).toHaveBeenCalledTimes(4);
  expect(waitsMs).toEqual([1_000, 2_000, 4_000]);
  expect(published).toEqual([
    {
      topic: "orders-dlq",
      key: "o-1",
      value,
      headers: {
        origin: "elsewhere",
        correlation_id: event.id,
        error_reason: "Error: payments is down",
        source_topic: "order-events",
        source_partition: "3",
        source_offset: "42",
        attempts: "4",
        consumer_group: "order-processing-group",
      },
    },
  ]);
});

test("a message that succeeds at a later attempt is consumed", async () => {
  let attempts = 0;
  const processor = async () => {
    if (++attempts < 3) throw new Error("not yet");
  };
  const { deliver, published, waitsMs } = await consumerWith({ processors: { OrderCreated: processor } });
  await deliver();
  expect([attempts, waitsMs, published]).toEqual([3, [1_000, 2_000], []]);
});

test("a refusal is final: one attempt, and its reason on the dead letter", async () => {
  const processor = vi.fn(() => Promise.reject(refusals.refuse("order_closed")));
  const { deliver, published, waitsMs } = await consumerWith({ processors: { OrderCreated: processor } });
  await deliver();
  expect(processor).toHaveBeenCalledTimes(1);
  expect(waitsMs).toEqual([]);
  expect(published[0]?.headers).toMatchObject({
    error_reason: "Refusal: orders/order_closed",
    attempts: "1",
  });
});

test.each([
  ["not JSON", Buffer.from([0xff, 0x00, 0x7b]), "Unreadable: not_json"],
  ["no envelope", Buffer.from('{"id":1}'), "Unreadable: no_envelope"],
  [
    "an event without a processor",
    Buffer.from(encodeEvent({ ...event, name: "toString" })),
    "Unreadable: no_processor",
  ],
])("%s becomes a dead letter byte for byte", async (_, bytes, reason) => {
  const { deliver, published } = await consumerWith({ processors: {}, topic: "payment-topic" });
  await deliver({ topic: "payment-topic", key: "ключ", value: bytes });
  expect(published).toHaveLength(1);
  expect(published[0]).toMatchObject({
    topic: "payment-topic-dlq",
    key: "ключ",
    headers: { error_reason: reason },
  });
  expect(Buffer.compare(published[0]?.value ?? Buffer.alloc(0), bytes)).toBe(0);
  expect(published[0]?.headers.correlation_id).toMatch(/^[0-9a-f-]{32,36}$/);
});

test("a consumer of some events passes over the others, but not over what is no event", async () => {
  const { deliver, published } = await consumerWith({ processors: {}, ignoreUnknown: true });
  await deliver();
  expect(published).toEqual([]);
  await deliver({ value: Buffer.from("nonsense") });
  expect(published).toHaveLength(1);
});

test("events that are somebody else's are passed over, and others without a processor are not", async () => {
  const { deliver, published } = await consumerWith({ processors: {}, ignore: ["OrderCreated"] });
  await deliver();
  expect(published).toEqual([]);
  await deliver({ value: Buffer.from(encodeEvent({ ...event, name: "OrderCreatde" })) });
  expect(published[0]?.headers).toMatchObject({ error_reason: "Unreadable: no_processor" });
});

test("a dead letter that is redriven is for the group that gave it up; the others pass over it", async () => {
  const { deliver, published } = await consumerWith({ processors: {} });
  await deliver({ headers: { redrive_group: "somebody-else" } });
  expect(published).toEqual([]);
  await deliver({ headers: { redrive_group: "order-processing-group" } });
  expect(published[0]?.headers).toMatchObject({ error_reason: "Unreadable: no_processor" });
});

test("an event with a processor cannot be ignored", async () => {
  const both = { processors: { OrderCreated: async () => {} }, ignore: ["OrderCreated"] };
  await expect(consumerWith(both)).rejects.toThrow("OrderCreated");
});

test("a message stays unconsumed while its dead letter cannot be published", async () => {
  const { deliver, published, failPublishing } = await consumerWith({ processors: {} });
  failPublishing(true);
  await expect(deliver()).rejects.toThrow("the bus is not there");
  failPublishing(false);
  await deliver();
  expect(published).toHaveLength(1);
});

test("a consumer that stops leaves a message that waits for its next attempt", async () => {
  const processor = vi.fn(() => Promise.reject(new Error("down")));
  const waiting = Promise.withResolvers<void>();
  const { consumer, deliver, published } = await consumerWith({
    processors: { OrderCreated: processor },
    delayMs: (_ms, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve());
        waiting.resolve();
      }),
  });
  const outcome = deliver().catch((error: Error) => error.name);
  await waiting.promise;
  await consumer.stop();
  expect(await outcome).toBe("Stopping");
  expect(processor).toHaveBeenCalledTimes(1);
  expect(published).toEqual([]);
});

test.each([
  ["a URL's password", "connect postgres://shop:hunter2@db/x failed", "hunter2"],
  ["a bearer token", "sent Authorization: Bearer abc.def", "abc.def"],
  ["a JWT", "bad token eyJhbGciOi.eyJzdWIi.c2ln here", "eyJ"],
  ["a key", "No such API key: sk_test_51Habc", "51Habc"],
  ["a client secret", "pi_3Nabc_secret_Xyz is stale", "Xyz"],
  ["a payment method", "pm_card_visa was refused", "pm_card"],
  ["a password", 'password="open sesame"', "open"],
  ["a card number", "card 4242 4242 4242 4242 declined", "4242"],
  ["a card number in one", "card 378282246310005 declined", "3782"],
])("the reason on a dead letter is free of %s", async (_, text, secret) => {
  const { deliver, published } = await consumerWith({
    processors: { OrderCreated: () => Promise.reject(new TypeError(text)) },
  });
  await deliver();
  expect(published[0]?.headers.error_reason).toMatch(/^TypeError: .*\[removed\]/);
  expect(published[0]?.headers.error_reason).not.toContain(secret);
});

test("the reason on a dead letter is short, one line, and text that any store takes", async () => {
  const { deliver, published } = await consumerWith({
    processors: { OrderCreated: () => Promise.reject(new Error(`a\0b\nc\u2028${"😀".repeat(2_000)}`)) },
  });
  await deliver();
  const reason = published[0]?.headers.error_reason ?? "";
  expect(reason).toMatch(/^Error: a b c /);
  expect(reason.length).toBeLessThanOrEqual(500);
  expect(reason.isWellFormed()).toBe(true);
});

test("a message with as many headers as a bus takes still becomes a dead letter", async () => {
  const headers = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`h${n}`, "x".repeat(500)]));
  const { deliver, published } = await consumerWith({ processors: {} });
  await deliver({ headers });
  const kept = Object.entries(published[0]?.headers ?? {});
  expect(kept.length).toBeLessThanOrEqual(64);
  expect(kept.reduce((sum, [name, text]) => sum + name.length + text.length, 0)).toBeLessThan(32_768);
});

let postgres: Postgres;
let url: string;
beforeAll(async () => {
  ({ url } = await useTestPostgres());
  postgres = await freshSchema(inboxMigrations);
});
afterAll(() => postgres.close());

test("10,000 messages with a poison one on each partition: all others are consumed, in order, and none is lost", async () => {
  const schema = await freshSchema();
  const partitions = 8;
  const bus = await openPostgresBus({
    url,
    log: common.log,
    nowMs: Date.now,
    schema: schema.schema,
    partitions,
  });
  const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const keyOf = (partition: number) =>
    Array.from({ length: 100 }, (_, n) => `order-${n}`).find(
      (key) => partitionOf(key, partitions) === partition,
    ) ?? "";
  const keys = Array.from({ length: partitions }, (_, partition) => keyOf(partition));
  /** The first of each partition: one that no attempt can save, and one that is no event, by turns. */
  const poison = keys.map((key, n) => ({
    topic: common.topic,
    key,
    headers: {},
    value:
      n % 2 === 0 ? Buffer.from("poison") : Buffer.from(encodeEvent({ ...event, id: id(n), name: "Poison" })),
  }));
  const sound = Array.from({ length: 10_000 - partitions }, (_, n) => ({
    topic: common.topic,
    key: keys[n % partitions] as string,
    headers: {},
    value: Buffer.from(encodeEvent({ ...event, id: id(n + partitions), data: { n } })),
  }));
  const waitsMs: number[] = [];
  const seen = new Map<number, number[]>();
  const consumer = await startConsumer({
    ...common,
    bus,
    delayMs: async (ms) => void waitsMs.push(ms),
    processors: {
      OrderCreated: async ({ data }, { partition }) => {
        seen.set(partition, [...(seen.get(partition)?.slice(-2_000) ?? []), (data as { n: number }).n]);
      },
      Poison: () => Promise.reject(new Error("it can never be done")),
    },
  });
  await bus.publish(poison);
  for (let from = 0; from < sound.length; from += 500) await bus.publish(sound.slice(from, from + 500));
  await expect.poll(() => consumer.lag(), { timeout: 20_000 }).toBe(0);

  expect([...seen.values()].flat().sort((a, b) => a - b)).toEqual(sound.map((_, n) => n));
  for (const [partition, order] of seen) {
    expect(order, `partition ${partition}`).toEqual(order.toSorted((a, b) => a - b));
  }
  expect(waitsMs).toHaveLength(3 * (partitions / 2));
  const letters = await schema.query<{ key: string; attempts: string }>(
    "select key, headers->>'attempts' as attempts from messages where topic = 'orders-dlq'",
  );
  expect(letters.map(({ key }) => key).sort()).toEqual(keys.toSorted());
  expect(letters.map(({ attempts }) => attempts).sort()).toEqual(["1", "1", "1", "1", "4", "4", "4", "4"]);
  await consumer.stop();
  await bus.close();
  await schema.close();
});

test("on a real bus: an event delivered twice is processed once, and a poison message does not hold up those behind", async () => {
  const schema = await freshSchema();
  const bus = await openPostgresBus({
    url,
    log: common.log,
    nowMs: Date.now,
    schema: schema.schema,
    partitions: 1,
  });
  const done: string[] = [];
  const consumer = await startConsumer({
    ...common,
    bus,
    delayMs: async () => {},
    processors: {
      OrderCreated: async ({ id }) => {
        await postgres.commit(once(common.group, id));
        done.push(id);
      },
    },
  });
  const second = { ...event, id: "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b12" };
  const message = { topic: "order-events", key: "o-1", headers: {} };
  await bus.publish([
    { ...message, value },
    { ...message, value: Buffer.from("poison") },
    { ...message, value },
    { ...message, value: Buffer.from(encodeEvent(second)) },
  ]);
  await vi.waitFor(async () => expect(await consumer.lag()).toBe(0), { timeout: 5_000 });
  expect(done).toEqual([event.id, second.id]);

  const letters: ReceivedMessage[] = [];
  await bus.subscribe({
    topic: "orders-dlq",
    group: "desk",
    handle: async (letter) => void letters.push(letter),
  });
  await vi.waitFor(() => expect(letters).toHaveLength(1), { timeout: 5_000 });
  expect(Buffer.from(letters[0]?.value ?? []).toString()).toBe("poison");
  expect(letters[0]?.headers).toMatchObject({ source_offset: "1", error_reason: "Unreadable: not_json" });
  await consumer.stop();
  await bus.close();
  await schema.close();
});

test("a change is made once, though its process is gone between its commit and the bus hearing of it", async () => {
  const store = await freshSchema([
    ...inboxMigrations,
    { id: "0001-books", sql: "create table books (event_id uuid not null)" },
  ]);
  const schema = await freshSchema();
  const bus = await openPostgresBus({
    url,
    log: common.log,
    nowMs: Date.now,
    schema: schema.schema,
    redeliverMs: 1,
    partitions: 1,
  });
  let deaths = 0;
  const consumer = await startConsumer({
    ...common,
    bus,
    processors: {
      OrderCreated: async ({ id }) => {
        const booked = { text: "insert into books values ($1)", values: [id] };
        await store.commit([booked], once(common.group, id));
        if (++deaths <= 1) throw new Error("gone before it was consumed");
      },
    },
    delayMs: async () => {},
  });
  await bus.publish([{ topic: common.topic, key: "o-1", value, headers: {} }]);
  await expect.poll(() => consumer.lag(), { timeout: 5_000 }).toBe(0);
  expect(deaths).toBe(1);
  expect(await store.query("select event_id from books")).toEqual([{ event_id: event.id }]);
  await consumer.stop();
  await bus.close();
  await Promise.all([schema.close(), store.close()]);
});
