import { randomUUID } from "node:crypto";
import { connect as connectTo, createServer } from "node:net";
import { Admin, ConfigResourceTypes } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { busContract } from "./bus.contract.ts";
import { murmur2, openKafkaBus, slicesOf } from "./bus.kafka.ts";
import { type KafkaUnderTest, quietLog as log, openKafkaStore, watchSockets } from "./bus.kafka-testing.ts";
import type { Message } from "./bus.ts";
import { messageLimits } from "./event.ts";
import { Outage } from "./refusal.ts";
import { describeWithDocker, startKafka } from "./testing-container.ts";

const dayMs = 86_400_000;

test("a key has the partition that Kafka's own clients choose", () => {
  // The test values of Kafka's own sources (UtilsTest, testMurmur2).
  const known = {
    "21": -973932308,
    foobar: -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(known)) expect(murmur2(Buffer.from(key))).toBe(hash);
});

test("keys spread over all partitions", () => {
  const counts = new Map<number, number>();
  for (let n = 0; n < 8_000; n++) {
    const partition = (murmur2(Buffer.from(`order-${n}`)) & 0x7fffffff) % 8;
    counts.set(partition, (counts.get(partition) ?? 0) + 1);
  }
  expect(counts.size).toBe(8);
  expect(Math.min(...counts.values())).toBeGreaterThan(700);
});

test("a batch is cut where a broker would not take more, in its order", () => {
  const sizes = [10, 600_000, 300_000, 300_000, messageLimits.valueBytesMax, 10];
  const batch = sizes.map((size) => ({ topic: "t", key: "a", value: new Uint8Array(size), headers: {} }));
  const slices = slicesOf(batch);
  expect(slices.map((slice) => slice.map(({ value }) => value.length))).toEqual([
    [10, 600_000, 300_000],
    [300_000],
    [messageLimits.valueBytesMax],
    [10],
  ]);
});

test("the first connection is tried again after 1, 2, 4, 8 and 16 seconds, and then given up", async () => {
  const waitsMs: number[] = [];
  const delayMs = async (ms: number) => void waitsMs.push(ms);
  await expect(openKafkaBus({ brokers: ["127.0.0.1:1"], log, delayMs })).rejects.toThrow(Outage);
  expect(waitsMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});

describeWithDocker("the bus on Kafka", () => {
  let kafka: Awaited<ReturnType<typeof startKafka>>;
  let unwatch: () => void;
  let admin: Admin;
  let store: KafkaUnderTest;
  let topic: string;
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
  });
  afterEach(() => store.close());

  const message = (key: string, text = key): Message => ({
    topic,
    key,
    value: Buffer.from(text),
    headers: {},
  });
  const soon = { timeout: 20_000, interval: 20 };

  busContract("the bus on Kafka", async () => openKafkaStore(() => kafka.brokers));

  async function settingsOf(name: string): Promise<Record<string, string | null | undefined>> {
    const wanted = ["retention.ms", "max.message.bytes", "cleanup.policy"];
    const resource = {
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName: name,
      configurationKeys: wanted,
    };
    const [found] = await admin.describeConfigs({ resources: [resource] });
    const { topics } = await admin.metadata({ topics: [name] });
    const configs = Object.fromEntries((found?.configs ?? []).map(({ name: key, value }) => [key, value]));
    return { ...configs, partitions: String(topics.get(name)?.partitionsCount) };
  }

  test("topics are made with their partitions and retention, and dead letters are kept for longer", async () => {
    const { bus } = await store.connect({ partitions: 3 });
    await bus.publish([message("a")]);
    const letters = `${topic}-dlq`;
    await bus.subscribe({ topic: letters, group: "desk", handle: async () => {} });
    const common = { "max.message.bytes": "1048588", "cleanup.policy": "delete", partitions: "3" };
    expect(await settingsOf(topic)).toEqual({ ...common, "retention.ms": String(7 * dayMs) });
    expect(await settingsOf(letters)).toEqual({ ...common, "retention.ms": String(30 * dayMs) });
  });

  test("a topic that is there stays as it is, and all of its partitions are used", async () => {
    await admin.createTopics({
      topics: [topic],
      partitions: 2,
      configs: [{ name: "retention.ms", value: "1000000" }],
    });
    const { bus } = await store.connect();
    const seen = new Map<number, number>();
    const handle = async ({ partition }: { partition: number }) =>
      void seen.set(partition, (seen.get(partition) ?? 0) + 1);
    const subscription = await bus.subscribe({ topic, group: "g", handle });
    await bus.publish(Array.from({ length: 50 }, (_, n) => message(`order-${n}`)));
    await vi.waitFor(async () => expect(await subscription.lag()).toBe(0), soon);
    expect([...seen.keys()].sort()).toEqual([0, 1]);
    expect(await settingsOf(topic)).toMatchObject({ partitions: "2", "retention.ms": "1000000" });
  });

  test("as much as one batch may hold arrives whole and in order", async () => {
    const { bus } = await store.connect();
    const values = Array.from({ length: 6 }, (_, n) => new Uint8Array(messageLimits.valueBytesMax).fill(n));
    await bus.publish(values.map((value) => ({ topic, key: "a", value, headers: {} })));
    const seen: number[] = [];
    const handle = async ({ value }: Message) => void seen.push(value[0] ?? -1);
    const subscription = await bus.subscribe({ topic, group: "g", handle });
    await vi.waitFor(async () => expect(await subscription.lag()).toBe(0), soon);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("what is sent again because its answer was lost is on the bus once", async () => {
    const { bus, loseAnswer } = await store.connect();
    await bus.publish([message("a", "0")]);
    for (const text of ["1", "2", "3"]) {
      const produced = loseAnswer();
      await bus.publish([message("a", text), message("b", text)]);
      expect(produced()).toBe(2);
    }
    const seen: string[] = [];
    const handle = async ({ key, value }: Message) => void seen.push(key + Buffer.from(value).toString());
    const subscription = await bus.subscribe({ topic, group: "g", handle });
    await vi.waitFor(async () => expect(await subscription.lag()).toBe(0), soon);
    expect(seen.filter((each) => each.startsWith("a"))).toEqual(["a0", "a1", "a2", "a3"]);
    expect(seen.filter((each) => each.startsWith("b"))).toEqual(["b1", "b2", "b3"]);
  });

  test("a broker that comes while the bus waits for it is used", async () => {
    const way = createServer((socket) => {
      const through = connectTo(kafka.port, kafka.host);
      for (const each of [socket, through]) each.on("error", () => {});
      socket.pipe(through).pipe(socket);
    });
    const listening = () => new Promise<void>((resolve) => way.listen(port, "127.0.0.1", resolve));
    const closed = () => new Promise((resolve) => way.close(resolve));
    let port = 0;
    await listening();
    port = (way.address() as { port: number }).port;
    await closed();
    const waitsMs: number[] = [];
    const delayMs = async (ms: number) => {
      if (waitsMs.push(ms) === 2) await listening();
    };
    const { bus } = await store.connect({ brokers: [`127.0.0.1:${port}`], delayMs });
    expect(waitsMs).toEqual([1_000, 2_000]);
    await bus.publish([message("a")]);
    await store.close();
    await closed();
  });

  test("a bus without its broker is not ready, refuses to publish, and closes all the same", async () => {
    const { bus, kill } = await store.connect();
    const subscription = await bus.subscribe({ topic, group: "g", handle: async () => {} });
    await vi.waitFor(() => expect(subscription.ready()).toBe(true), soon);
    kill();
    await expect(bus.publish([message("a")])).rejects.toThrow(Outage);
    expect(bus.ready()).toBe(false);
    expect(subscription.ready()).toBe(false);
    await bus.close();
  });

  test("a bus that loses its connections works again, and loses no message", async () => {
    const { bus, drop } = await store.connect();
    const seen: string[] = [];
    const handle = async ({ key }: Message) => void seen.push(key);
    const subscription = await bus.subscribe({ topic, group: "g", handle });
    for (const key of ["once", "twice", "thrice"]) {
      drop();
      await bus.publish([message(key)]);
      await vi.waitFor(() => expect(seen).toContain(key), soon);
    }
    await vi.waitFor(() => expect(bus.ready() && subscription.ready()).toBe(true), soon);
  });

  test("a broker that is restarted costs no message and no order", async () => {
    const { bus } = await store.connect();
    const seen: number[] = [];
    const handle = async ({ value }: Message) => void seen.push(Number(Buffer.from(value).toString()));
    const subscription = await bus.subscribe({ topic, group: "g", handle });
    await vi.waitFor(() => expect(subscription.ready()).toBe(true), soon);
    const keys = Array.from({ length: 8 }, (_, n) => `order-${n}`);
    let n = 0;
    let outages = 0;
    let isBack = false;
    const publishing = (async () => {
      for (let after = 0; after < 20; n++) {
        const batch = keys.map((key) => message(key, String(n)));
        // As the outbox does: the same batch again, until it is acknowledged.
        await vi.waitFor(
          () =>
            bus.publish(batch).catch((error: unknown) => {
              outages += 1;
              throw error;
            }),
          { timeout: 60_000, interval: 100 },
        );
        if (isBack) after += 1;
      }
    })();
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(80), soon);
    await kafka.restart();
    isBack = true;
    await publishing;
    await vi.waitFor(async () => expect(await subscription.lag()).toBe(0), { timeout: 60_000 });
    const firsts = [...new Set(seen)];
    expect(firsts).toEqual(Array.from({ length: n }, (_, each) => each));
    await vi.waitFor(() => expect(bus.ready() && subscription.ready()).toBe(true), soon);
    expect(outages).toBeGreaterThan(0);
  }, 120_000);
});
