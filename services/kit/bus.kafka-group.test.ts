import { randomUUID } from "node:crypto";
import { Admin } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { murmur2 } from "./bus.kafka.ts";
import { type KafkaUnderTest, quietLog as log, openKafkaStore, watchSockets } from "./bus.kafka-testing.ts";
import type { Bus, Event, Message, ReceivedMessage, Subscription } from "./bus.ts";
import { startConsumer } from "./consumer.ts";
import { encodeEvent } from "./event.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { describeWithDocker, startKafka } from "./testing-container.ts";

describeWithDocker("groups on Kafka", () => {
  let kafka: Awaited<ReturnType<typeof startKafka>>;
  let unwatch: () => void;
  let admin: Admin;
  let store: KafkaUnderTest;
  let topic: string;
  let group: string;
  beforeAll(async () => {
    unwatch = watchSockets();
    kafka = await startKafka();
    admin = new Admin({ clientId: "test", bootstrapBrokers: [...kafka.brokers] });
  }, 90_000);
  afterAll(async () => {
    unwatch();
    await admin.close();
    await kafka.stop();
  });
  beforeEach(() => {
    store = openKafkaStore(() => kafka.brokers);
    topic = `topic-${randomUUID()}`;
    group = `group-${randomUUID()}`;
  });
  afterEach(() => store.close());

  const soon = { timeout: 20_000, interval: 20 };
  const textOf = ({ value }: Message) => Buffer.from(value).toString();
  const message = (key: string, text = key): Message => ({
    topic,
    key,
    value: Buffer.from(text),
    headers: {},
  });
  /** A key of each partition. */
  const keysOf = (partitions: number) => {
    const partitionOf = (key: string) => (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
    const some = Array.from({ length: 200 }, (_, n) => `order-${n}`);
    return Array.from({ length: partitions }, (_, n) => some.find((key) => partitionOf(key) === n) ?? "");
  };
  const consumed = (subscription: Subscription) =>
    vi.waitFor(async () => expect(await subscription.lag()).toBe(0), soon);
  const isReady = (subscription: Subscription) =>
    vi.waitFor(() => expect(subscription.ready()).toBe(true), soon);
  const reader = (bus: Bus, seen: string[]) =>
    bus.subscribe({ topic, group, handle: async (each) => void seen.push(textOf(each)) });
  async function committed(): Promise<Record<number, number>> {
    const [found] = await admin.listConsumerGroupOffsets({ groups: [group] });
    const partitions = found?.topics.find(({ name }) => name === topic)?.partitions ?? [];
    return Object.fromEntries(
      partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
    );
  }

  const members = async () => (await admin.describeGroups({ groups: [group] })).get(group)?.members.size;

  test("a partition goes to a new member after the message in hand, and the others go on meanwhile", async () => {
    const first = await store.connect({ partitions: 2 });
    const keys = keysOf(2);
    await first.bus.publish(keys.map((key) => message(key, `${key} in hand`)));
    const finish = Promise.withResolvers<void>();
    const seen: Record<"first" | "second", string[]> = { first: [], second: [] };
    const one = await first.bus.subscribe({
      topic,
      group,
      handle: async (each) => {
        seen.first.push(textOf(each));
        // One of the two keeps its message, the other goes on.
        if (each.partition === 1 && seen.second.length === 0) await finish.promise;
      },
    });
    await vi.waitFor(() => expect(seen.first).toHaveLength(2), soon);
    const second = await store.connect();
    const two = await second.bus.subscribe({
      topic,
      group,
      handle: async (each) => void seen.second.push(textOf(each)),
    });
    await isReady(two);
    await first.bus.publish([message(keys[0] ?? "", "meanwhile"), message(keys[1] ?? "", "after")]);
    await vi.waitFor(() => expect([...seen.first, ...seen.second]).toContain("meanwhile"), soon);
    expect(seen.second).not.toContain("after");
    finish.resolve();
    await Promise.all([consumed(one), consumed(two)]);
    const all = [...keys.map((key) => `${key} in hand`), "after", "meanwhile"];
    expect([...seen.first, ...seen.second].sort()).toEqual(all.sort());
    await vi.waitFor(async () => {
      await first.bus.publish(keys.map((key) => message(key)));
      expect([seen.first.at(-1), seen.second.at(-1)].sort()).toEqual(keys.toSorted());
    }, soon);
  });

  test("a member that was thought dead and is not begins nothing and commits nothing", async () => {
    const sessionTimeoutMs = 1_000;
    const doomed = await store.connect({ partitions: 1, sessionTimeoutMs });
    await doomed.bus.publish(["1", "2", "3"].map((text) => message("a", text)));
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const handled: string[] = [];
    const asleep = await doomed.bus.subscribe({
      topic,
      group,
      handle: async (each) => {
        handled.push(textOf(each));
        begun.resolve();
        await finish.promise;
      },
    });
    await begun.promise;
    doomed.stall();
    const other = await store.connect({ sessionTimeoutMs });
    const seen: string[] = [];
    const awake = await reader(other.bus, seen);
    await consumed(awake);
    expect(seen).toEqual(["1", "2", "3"]);
    // What it has in hand ends now, and what is in its memory is somebody else's.
    finish.resolve();
    doomed.resume();
    await isReady(asleep);
    expect(await committed()).toEqual({ 0: 3 });
    expect(handled).toEqual(["1"]);
    await awake.stop();
    await other.bus.publish([message("a", "4")]);
    await consumed(asleep);
    expect(handled).toEqual(["1", "4"]);
  });

  test("a stopped member's partitions go to the others at once", async () => {
    // So long that nobody is thought dead meanwhile.
    const options = { partitions: 4, sessionTimeoutMs: 60_000 };
    const [first, second] = [await store.connect(options), await store.connect(options)];
    const seen: string[] = [];
    const one = await reader(first.bus, []);
    await isReady(one);
    expect(await members()).toBe(1);
    await one.stop();
    expect(await members()).toBe(0);
    const two = await reader(second.bus, seen);
    await second.bus.publish(keysOf(4).map((key) => message(key)));
    await consumed(two);
    expect(seen.sort()).toEqual(keysOf(4).sort());
  });

  test("members of one group may read different topics", async () => {
    const { bus } = await store.connect();
    const other = `topic-${randomUUID()}`;
    const seen: string[] = [];
    const handle = async (each: ReceivedMessage) =>
      void seen.push(`${each.topic === topic ? "one" : "other"} ${textOf(each)}`);
    const keys = keysOf(8);
    await bus.publish(keys.flatMap((key) => [message(key), { ...message(key), topic: other }]));
    const subscriptions = await Promise.all(
      [topic, other].map((each) => bus.subscribe({ topic: each, group, handle })),
    );
    for (const each of subscriptions) await consumed(each);
    const all = keys.flatMap((key) => [`one ${key}`, `other ${key}`]);
    expect(seen.sort()).toEqual(all.sort());
  });

  test("what was deleted before it was consumed is passed over, and what is left is consumed", async () => {
    const { bus } = await store.connect({ partitions: 1 });
    const seen: string[] = [];
    const before = await reader(bus, seen);
    await bus.publish([message("a", "1")]);
    await consumed(before);
    await before.stop();
    await bus.publish(["2", "3", "4"].map((text) => message("a", text)));
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 3n }] }] });
    await consumed(await reader(bus, seen));
    expect(seen).toEqual(["1", "4"]);
  });

  test("a topic that is lost is made anew, and both its ends go on", async () => {
    const { bus } = await store.connect();
    const seen: string[] = [];
    const subscription = await reader(bus, seen);
    await bus.publish([message("a", "1"), message("a", "2")]);
    await consumed(subscription);
    await admin.deleteTopics({ topics: [topic] });
    await vi.waitFor(() => bus.publish([message("a", "3")]), soon);
    await vi.waitFor(() => expect(seen).toEqual(["1", "2", "3"]), soon);
    await isReady(subscription);
  });

  test("partitions that are added to a topic are consumed by a member that was there before", async () => {
    const { bus } = await store.connect({ partitions: 1, topicAgeMaxMs: 100 });
    const seen = new Map<number, string[]>();
    const handle = async (each: ReceivedMessage) =>
      void seen.set(each.partition, [...(seen.get(each.partition) ?? []), textOf(each)]);
    const subscription = await bus.subscribe({ topic, group, handle });
    await bus.publish([message("a", "before")]);
    await consumed(subscription);
    await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] });
    await vi.waitFor(async () => {
      await bus.publish(keysOf(3).map((key) => message(key)));
      expect([...seen.keys()].sort()).toEqual([0, 1, 2]);
    }, soon);
    await consumed(subscription);
  });

  test("a poison message on each partition: all others are consumed, in order, and none is lost", async () => {
    const partitions = 8;
    const { bus } = await store.connect({ partitions });
    const keys = keysOf(partitions);
    const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    const event = (n: number, name: string): Event => ({
      id: id(n),
      name,
      data: { n },
      occurredAt: "2026-01-02T03:04:05.678Z",
      traceparent: "",
    });
    /** The first of each partition: one that no attempt can save, and one that is no event, by turns. */
    const poison = keys.map((key, n) =>
      message(key, n % 2 === 0 ? "poison" : encodeEvent(event(n, "Poison"))),
    );
    const sound = Array.from({ length: 2_000 }, (_, n) =>
      message(keys[n % partitions] ?? "", encodeEvent(event(n + partitions, "OrderCreated"))),
    );
    const seen = new Map<number, number[]>();
    const consumer = await startConsumer({
      bus,
      topic,
      group,
      log,
      telemetry: unrecordedTelemetry("test"),
      nowMs: Date.now,
      delayMs: async () => {},
      processors: {
        OrderCreated: async ({ data }, { partition }) => {
          seen.set(partition, [...(seen.get(partition) ?? []), (data as { n: number }).n - partitions]);
        },
        Poison: () => Promise.reject(new Error("it can never be done")),
      },
    });
    await bus.publish(poison);
    for (let from = 0; from < sound.length; from += 500) await bus.publish(sound.slice(from, from + 500));
    await consumed(consumer);
    expect([...seen.values()].flat().sort((a, b) => a - b)).toEqual(sound.map((_, n) => n));
    for (const [partition, order] of seen) {
      expect(order, `partition ${partition}`).toEqual(order.toSorted((a, b) => a - b));
    }
    const letters: Message[] = [];
    const handle = async (letter: Message) => void letters.push(letter);
    await consumed(await bus.subscribe({ topic: `${topic}-dlq`, group: "desk", handle }));
    expect(letters.map(({ key }) => key).sort()).toEqual(keys.toSorted());
    expect(letters.map(({ headers }) => headers.attempts).sort()).toEqual([
      "1",
      "1",
      "1",
      "1",
      "4",
      "4",
      "4",
      "4",
    ]);
  });
});
